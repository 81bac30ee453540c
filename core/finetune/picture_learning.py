"""A vision model learning classes."""

import copy
from pathlib import Path

import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from core.finetune import data as sets
from core.finetune import methods
from core.finetune.answers import Answer
from core.finetune.calibration import (
    calibration_error,
    calibration_order,
    calibration_parts,
    helpful_temperature,
)
from core.finetune.class_task import ClassTask, class_logits, class_weights, confusion, quality
from core.finetune.data.dataset import PictureData
from core.finetune.features import HeadTask, fit_head, nearest, read_by_head
from core.finetune.film import PhotoFilm
from core.finetune.forgetting import object_attention
from core.finetune.job import Job, write_json
from core.finetune.learning import SHOWN, Forgetting, Learning, Probes, changed, sample_order
from core.finetune.onnx_parts import Logits, Part
from core.finetune.pictures import Pictures, vary
from core.models.loading import mixed
from core.models.vision import VisionModel, load_vision
from core.models.vision.heads import for_classes, head_of, new_head, save_whole
from core.tasks import TASKS

VARIATION = 0.3  # of pictures; the bundled classifier, with many more steps, was trained with 1
SCENES = 10  # that forgetting is measured on


class PictureLearning(Learning[PictureData, VisionModel]):
    """The probe photo is `film/probe-photo.png`, else a held-out picture."""

    names_classes = True
    task: ClassTask | HeadTask
    film: PhotoFilm
    _answered: tuple[VisionModel, Tensor] | None = None

    def __init__(self, folder: Path, job: Job, data: PictureData) -> None:
        self.job, self.data = job, data
        base = load_vision(job.base)
        torch.manual_seed(job.seed)
        self.base = for_classes(base, data.train.classes)
        module = self.base.module
        judged = interim_pictures(data, job.seed)
        self.interim, self.side = len(judged), side_of(self.base, job)
        self.film = PhotoFilm(folder, self.base, self._probe(folder))
        self.known, self.asked = (self._features(part.images) for part in (data.train, data.held_out))
        if job.method == "head":
            self.whole = methods.adapt(module, "vision", "head", 0)
            self.task = self._head_task(judged)
            return
        steps = -(-len(data.train) // job.batch) * job.epochs
        fit_head(head_of(module), self.known, data.train.labels, weights=weights_of(job, data.train))
        self.whole = methods.adapt(module, "vision", job.method, steps, job.rank)
        if job.method == "prompt":  # the head reads CLS as it is with the prompts beside it
            again = self._features(data.train.images)
            fit_head(head_of(self.whole), again, data.train.labels, weights=weights_of(job, data.train))
        sample = data.train.part(sample_order(len(data.train), job))
        self.task = class_task(self.whole, self.base, job, data.train, judged, sample)

    def _probe(self, folder: Path) -> Image.Image:
        chosen = folder / "film" / "probe-photo.png"
        if chosen.exists():
            return Image.open(chosen).convert("RGB")
        return Image.fromarray(self.data.held_out.images[0].permute(1, 2, 0).numpy())

    def _features(self, images: Tensor) -> Tensor:
        """What the head is given by the base as it is now."""
        with mixed(self.job.precision):
            return read_by_head(self.base, images, self.side)

    def _head_task(self, judged: Pictures) -> HeadTask:
        job, train = self.job, self.data.train
        mirrored = self._features(train.images.flip(-1)) if job.varied else self.known
        views, held_out = torch.stack([self.known, mirrored]), self.asked[interim_order(self.data, job.seed)]
        head = head_of(self.whole)
        sample = sample_order(len(train), job)
        known = (head, views, train.labels, held_out, judged.labels, sample)
        return HeadTask(*known, job.seed, job.batch, job.smoothing, weights_of(job, train))

    def before(self) -> dict[str, float]:
        """How well the frozen features alone tell the classes apart: accuracy of the nearest neighbours."""
        votes = nearest(self.known, self.data.train.labels, self.asked, len(self.data.train.classes))
        found = quality(votes, self.data.held_out.labels)
        return {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}

    def probe(self, step: int, module: nn.Module) -> None:
        """A head alone leaves attention as it is: one frame is all there is to see."""
        if self.moves_attention(self.job.method) or step == 0:
            self.film.take(step, self.base.module if self.job.method == "head" else module)

    def probes(self) -> Probes:
        logits, names = self.task.answers, self.data.train.classes
        assert logits is not None, "nothing was judged yet"
        labels = interim_pictures(self.data, self.job.seed).labels
        chances = logits.softmax(-1).max(-1)
        rows = zip(labels[:SHOWN].tolist(), chances.indices.tolist(), chances.values.tolist(), strict=False)
        samples = [
            {"input": n, "reference": names[label], "output": names[answer], "probability": chance}
            for n, (label, answer, chance) in enumerate(rows)
        ]
        return {"confusion": confusion(logits, labels).tolist(), "samples": samples}

    def export(self, module: nn.Module, folder: Path) -> None:
        """The adapter, or the tensors that changed, and the classes with the temperature of their probabilities."""
        whole = self.whole if self.job.method == "head" else module
        with torch.inference_mode(), mixed(self.job.precision):
            fitted, judged = (
                (class_logits(whole.eval(), part, self.base.mean, self.base.std, self.side), part.labels)
                for part in calibration_parts(self.data.held_out, self.job.seed)
            )
        if isinstance(whole, PeftModel):
            methods.save_adapter(whole, folder, self.job.base)
        else:
            half = self.job.method == "full"  # 88 MB otherwise
            save_file(changed(whole, half), folder / "model.safetensors")
        named = {"classes": list(self.data.train.classes), "temperature": helpful_temperature(fitted, judged)}
        write_json(folder / "classes.json", named)

    def measure(self, model: VisionModel) -> dict[str, float]:
        return quality(self._logits(model), self.data.held_out.labels)

    def answers(self, model: VisionModel) -> list[Answer]:
        chances = (self._logits(model) / model.temperature).softmax(-1).max(-1)
        rows = zip(self.data.held_out.labels.tolist(), chances.indices.tolist(), chances.values.tolist(), strict=True)
        names = self.data.held_out.classes
        return [Answer(n, names[label], names[said], chance) for n, (label, said, chance) in enumerate(rows)]

    def calibration(self, model: VisionModel) -> dict[str, float]:
        """The temperature, the expected calibration error with it and without, 0 to 1, and on how many pictures that
        the temperature was not fitted on."""
        _, rest = calibration_order(len(self.data.held_out), self.job.seed)
        if not len(rest):
            return {"temperature": model.temperature, "pictures": 0.0}
        logits, labels = self._logits(model)[rest], self.data.held_out.labels[rest]
        with_it, without = (calibration_error((logits / t).softmax(-1), labels) for t in (model.temperature, 1.0))
        return {
            "temperature": model.temperature,
            "error": with_it,
            "error_without": without,
            "pictures": float(len(rest)),
        }

    def _logits(self, model: VisionModel) -> Tensor:
        """Of the held-out pictures; once for a model."""
        if self._answered is None or self._answered[0] is not model:
            with torch.inference_mode():
                found = class_logits(model.module, self.data.held_out, model.mean, model.std, self.side)
            self._answered = model, found
        return self._answered[1]

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
    def moves_attention(method: str) -> bool:
        return method != "head"

    @staticmethod
    def ships_whole(method: str) -> bool:
        return False

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
    def trial(model: VisionModel, job: Job, data: PictureData, count: int) -> ClassTask | HeadTask:
        """A head alone computes features, as an evaluation does: its steps take no time beside them."""
        module = new_head(copy.deepcopy(model.module), len(data.train.classes))
        some = data.train.part(torch.arange(min(count, len(data.train))))
        whole = methods.adapt(module, "vision", job.method, 50, job.rank)
        return class_task(whole, model, job, some, some)

    @staticmethod
    def passes(job: Job, training: int, held_out: int, evaluations: int) -> tuple[int, int]:
        if job.method == "head":  # features once, or once more as seen in a mirror; what is held out three times
            return 0, (1 + job.varied) * training + 3 * held_out
        known = (1 + (job.method == "prompt")) * training
        judged = sum(min(TASKS["vision"].interim, part) for part in (held_out, training))
        return job.epochs * training, evaluations * judged + 2 * held_out + known


def class_task(
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


def weights_of(job: Job, train: Pictures) -> Tensor | None:
    """Of the classes in the loss."""
    return class_weights(train.labels, len(train.classes)) if job.even else None


def side_of(model: VisionModel, job: Job) -> int:
    """px"""
    return job.side if job.side in model.sizes else model.default_size


def interim_order(data: PictureData, seed: int) -> Tensor:
    """Which of the held-out pictures are judged while training goes on: their numbers."""
    draw = torch.randperm(len(data.held_out), generator=torch.Generator().manual_seed(seed))
    return draw[: TASKS["vision"].interim]


def interim_pictures(data: PictureData, seed: int) -> Pictures:
    return data.held_out.part(interim_order(data, seed))
