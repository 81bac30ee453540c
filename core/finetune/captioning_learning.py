"""A captioner learning how a person tells her pictures."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import SidelightError
from core.finetune import data as sets
from core.finetune import methods
from core.finetune.answers import Answer
from core.finetune.captioned import Captioned
from core.finetune.captioning_task import CaptioningTask, likeness, relit, scores, states, write_all
from core.finetune.class_learning import interim_part
from core.finetune.data.caption_data import CaptionData
from core.finetune.film import CaptionFilm
from core.finetune.forgetting import scenes_told
from core.finetune.job import Job
from core.finetune.learning import SHOWN, Forgetting, Probes, Writing, changed, sample_order
from core.finetune.onnx_parts import Part
from core.finetune.pictures import as_image
from core.models.captioning import Captioner
from core.models.captioning_by_name import check_can_learn, load_captioner
from core.models.loading import mixed
from core.tasks import TASKS

SCENES = 24  # that forgetting is measured on
TRIED = 2  # pictures of a step that is only measured: each takes as long as several items of the other tasks


class CaptioningLearning(Writing[CaptionData, Captioner]):
    """The probe is `film/probe-photo.png`, else a held-out picture. Where the decoder alone learns, what the encoder
    sees is computed once."""

    usual_language = "en"
    task: CaptioningTask
    film: CaptionFilm

    def __init__(self, folder: Path, job: Job, data: CaptionData) -> None:
        self.job, self.data, self.base = job, data, loaded(job.base)
        self.target = language_of(self.base, data)
        torch.manual_seed(job.seed)
        judged = interim_part(data, job.task, job.seed)
        self.interim = len(judged)
        chosen = folder / "film" / "probe-photo.png"
        probe = Image.open(chosen).convert("RGB") if chosen.exists() else as_image(data.held_out.images[0])
        self.film = CaptionFilm(folder, self.base, probe, self.target)
        sample = data.train.part(sample_order(len(data.train), job))
        self.task = task_of(self.base, job, data, data.train, judged, sample)
        if self.task.views is not None:  # the encoder stays
            parts = (judged, sample)
            with mixed(job.precision):
                seen = [states(self.base, self.task.module, part.images).half() for part in parts]
            self.task.judged = seen[0], seen[1]
        self.whole = self.task.module

    def before(self) -> dict[str, float]:
        """Of the base."""
        return self.measure(loaded(self.job.base))

    def probe(self, step: int, module: nn.Module) -> None:
        self.film.take(step, module)

    def probes(self) -> Probes:
        rows = zip(self.task.held_out.captions[:SHOWN], self.task.answers, strict=False)
        return {
            "samples": [{"input": n, "reference": known[0], "output": text} for n, (known, text) in enumerate(rows)]
        }

    def export(self, module: nn.Module, folder: Path) -> None:
        """The adapter, or the tensors that changed."""
        if isinstance(module, PeftModel):
            methods.save_adapter(module, folder, self.job.base)
        else:
            save_file(changed(module, half=self.job.method == "full"), folder / "model.safetensors")

    def measure(self, model: Captioner) -> dict[str, float]:
        return scores(self.outputs(model), self.data.held_out.captions, self.target)

    def answers(self, model: Captioner) -> list[Answer]:
        pairs = zip(self.outputs(model), self.data.held_out.captions, strict=True)
        found = [(output, output in known, *likeness(output, known)) for output, known in pairs]
        return [
            Answer(n, output if right else like, output, 1 - score)
            for n, (output, right, score, like) in enumerate(found)
        ]

    def write(self, model: Captioner) -> list[str]:
        return write_all(model, model.module, self.data.held_out, self.target)

    def forgetting(self, model: Captioner) -> Forgetting:
        """Of scenes told as the bundled captioner was taught; nothing for one that does not write its languages."""
        if not self.base.languages:
            return {}
        found = {"before": loaded(self.job.base), "after": model}
        return {when: scenes_told(one, SCENES) for when, one in found.items()}

    @staticmethod
    def read(path: Path, language: str, seed: int) -> tuple[CaptionData, str]:
        return sets.captions_from_path(path, language, seed), path.stem

    @staticmethod
    def prepare(module: nn.Module, classes: int) -> nn.Module:
        """Its head writes any piece already."""
        return module

    @staticmethod
    def varied(job: Job, data: CaptionData, count: int, draw: int) -> list[tuple[Tensor, Tensor]]:
        """Pixels (3, S, S), uint8."""
        images = data.train.images[:count]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw)
            return list(zip(images, relit(images), strict=True))

    @staticmethod
    def ships_whole(method: str) -> bool:
        return False

    @staticmethod
    def check_whole(model: Captioner) -> NoReturn:
        """No library knows how the places of patches are joined to what the bundled encoder sees (`eyes.py`), and a
        captioner does not keep the processor of one of the hub."""
        raise SidelightError("result.captioner_not_whole")

    @staticmethod
    def save_whole(model: Captioner, job: Job, target: str, folder: Path) -> str:
        CaptioningLearning.check_whole(model)

    @staticmethod
    def onnx_parts(model: Captioner, job: Job, target: str, folder: Path) -> dict[str, Part]:
        CaptioningLearning.check_whole(model)

    @staticmethod
    def trial(model: Captioner, job: Job, data: CaptionData, count: int) -> CaptioningTask:
        some = data.train.part(torch.arange(min(count, TRIED)))
        return task_of(replace(model, module=copy.deepcopy(model.module)), job, data, some, some)

    @staticmethod
    def passes(job: Job, training: int, held_out: int, evaluations: int) -> tuple[int, int]:
        """With the decoder alone, what the encoder sees of a picture takes less than to judge one."""
        judged = sum(min(TASKS[job.task].interim, part) for part in (held_out, training))
        once = (1 + job.varied) * training if job.method == "head" else 0
        return job.epochs * training, evaluations * judged + 2 * held_out + once


def loaded(name: str) -> Captioner:
    """A model of its own. Raises SidelightError `model.cannot_caption` and as `load_captioner`."""
    return check_can_learn(load_captioner(name))


def language_of(model: Captioner, data: CaptionData) -> str:
    """What the model is told to write; nothing for one that writes one language. Raises SidelightError
    `captioning.language`."""
    language = data.language if model.languages else ""
    model.start(language)
    return language


def task_of(
    model: Captioner, job: Job, data: CaptionData, train: Captioned, judged: Captioned, sample: Captioned | None = None
) -> CaptioningTask:
    """On the model's own module, as the method leaves it."""
    views = None
    if job.method == "head":
        with mixed(job.precision):
            seen = [train.images, *([relit(train.images)] if job.varied else [])]
            views = torch.stack([states(model, model.module, images).half() for images in seen])
    steps = job.epochs * -(-len(train) // job.batch)
    whole = methods.adapt(model.module, job.task, job.method, steps, job.rank)
    how = (language_of(model, data), job.seed, job.batch, job.smoothing, job.varied, sample, views)
    return CaptioningTask(whole, model, train, judged, *how)
