"""A vision model learning classes."""

from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from core.finetune import data as sets
from core.finetune.class_learning import ClassLearning, interim_part, weights_of
from core.finetune.class_task import ClassTask, class_logits
from core.finetune.data.dataset import PictureData
from core.finetune.film import PhotoFilm
from core.finetune.forgetting import object_attention
from core.finetune.job import Job, write_json
from core.finetune.learning import Forgetting
from core.finetune.onnx_parts import Logits, Part
from core.finetune.pictures import Pictures, as_image, vary
from core.models.vision import VisionModel, load_vision
from core.models.vision.heads import for_classes, head_of, new_head, save_whole

VARIATION = 0.3  # of pictures; the bundled classifier, with many more steps, was trained with 1
SCENES = 10  # that forgetting is measured on


class PictureLearning(ClassLearning[PictureData, VisionModel]):
    """The probe photo is `film/probe-photo.png`, else a held-out picture."""

    base: VisionModel
    film: PhotoFilm

    @property
    def side(self) -> int:
        """px"""
        return side_of(self.base, self.job)

    @staticmethod
    def load(name: str) -> VisionModel:
        return load_vision(name)

    @staticmethod
    def for_classes(model: VisionModel, classes: tuple[str, ...]) -> VisionModel:
        return for_classes(model, classes)

    @staticmethod
    def head_of(module: nn.Module) -> nn.Module:
        return head_of(module)

    def filmed(self, folder: Path) -> PhotoFilm:
        chosen = folder / "film" / "probe-photo.png"
        if chosen.exists():
            return PhotoFilm(folder, self.base, Image.open(chosen).convert("RGB"))
        return PhotoFilm(folder, self.base, as_image(self.data.held_out.images[0]))

    def logits(self, module: nn.Module, part: Pictures) -> Tensor:
        return class_logits(module, part, self.base.mean, self.base.std, self.side)

    def otherwise(self, part: Pictures) -> Pictures:
        """In a mirror."""
        return replace(part, images=part.images.flip(-1))

    def forgetting(self, model: VisionModel) -> Forgetting:
        """Of what the base was tuned for; nothing where its backbone is as it was, or its attention is not captured."""
        if not self.moves_attention(self.job.method) or not self.base.prefix or not self.film.taken:
            return {}
        found = {"before": load_vision(self.job.base), "after": model}
        return {when: {"object_attention": object_attention(one, SCENES)} for when, one in found.items()}

    @staticmethod
    def read(path: Path, language: str, seed: int) -> tuple[PictureData, str]:
        found = sets.pictures_from_path(path, seed)
        return found, ", ".join(found.train.classes)

    @staticmethod
    def prepare(module: nn.Module, classes: int) -> nn.Module:
        return new_head(module, classes)

    @staticmethod
    def varied(job: Job, data: PictureData, count: int, draw: int) -> list[tuple[Tensor, Tensor]]:
        """Pixels (3, S, S), uint8. A head alone is shown each picture as it is and in a mirror."""
        chosen = torch.linspace(0, len(data.train) - 1, min(count, len(data.train))).long()
        images = data.train.images[chosen]
        if job.method == "head":
            return list(zip(images, images.flip(-1), strict=True))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw)
            seen = (vary(images, job.side, VARIATION) * 255).byte()
        return list(zip(images, seen, strict=True))

    @staticmethod
    def save_whole(model: VisionModel, job: Job, target: str, folder: Path) -> str:
        return save_whole(model, side_of(model, job), folder)

    @staticmethod
    def onnx_parts(model: VisionModel, job: Job, target: str, folder: Path) -> dict[str, Part]:
        side = side_of(model, job)
        told = {"side": side, "mean": model.mean, "std": model.std}
        write_json(folder / "told.json", told | {"classes": model.classes, "temperature": model.temperature})

        def example(count: int) -> dict[str, Tensor]:
            return {"pixel_values": torch.randn(count, 3, side, side)}

        return {"model": Part(Logits(model.module), example, {"pixel_values": (0,)}, "logits")}

    @staticmethod
    def label_task(
        whole: nn.Module,
        model: VisionModel,
        job: Job,
        train: Pictures,
        held_out: Pictures,
        sample: Pictures | None = None,
    ) -> ClassTask:
        side, variation = side_of(model, job), VARIATION if job.varied else None
        return ClassTask(
            whole,
            train,
            held_out,
            model.mean,
            model.std,
            job.seed,
            job.batch,
            job.smoothing,
            variation,
            (side,),
            side,
            sample,
            weights_of(job, train),
        )


def side_of(model: VisionModel, job: Job) -> int:
    """px"""
    return job.side if job.side in model.sizes else model.default_size


def interim_pictures(data: PictureData, seed: int) -> Pictures:
    """Those of the held-out pictures that are judged while training goes on."""
    return interim_part(data, "vision", seed)
