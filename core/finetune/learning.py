"""What fine-tuning is for each modality: the task to train, what was known before, what is watched, what is left of it.

`PictureLearning`, `TextLearning`, `SentenceLearning` and `CaptioningLearning` answer the same calls, so that training,
the command and the page need not know which it is. An instance is one run, on a model of its own, never on one that is
shared; what is known of a task without a run is asked of the class (`sides.side`).
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from core.finetune import loop, methods
from core.finetune.answers import Answer
from core.finetune.data.caption_data import CaptionData
from core.finetune.data.dataset import PairData, PictureData, TextData
from core.finetune.film import CaptionFilm, PhotoFilm, SentenceFilm, TextFilm
from core.finetune.job import Job
from core.finetune.onnx_parts import Part
from core.models.captioning import Captioner
from core.models.classification import Classifier
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.tasks import TASKS

Probes = dict[str, Any]  # a line of probes.jsonl, but for its step
Forgetting = dict[str, dict[str, float]]  # "before" and "after", by measure
SHOWN = 6  # interim items whose answers are shown
Data = TypeVar("Data", PictureData, PairData, TextData, CaptionData)
Model = TypeVar("Model", VisionModel, Translator, Classifier, Captioner)


class Judged(loop.Task, Protocol):
    """A task whose held-out items may be few of all."""

    held_out: Any


class Learning(ABC, Generic[Data, Model]):
    """job, data: what is learnt. base: the model, whose module is trained in place. whole: it with all that learns;
    `task.module` may be the part of it that is computed anew in each step. interim: how many of the held-out items are
    judged while training goes on; all of them are after it. target: the tag of the language that is learnt, or empty.
    """

    names_classes: ClassVar[bool] = False  # a result holds `classes.json`
    usual_language: ClassVar[str] = ""  # of a person's data, where nobody says
    job: Job
    data: Data
    base: Model
    whole: nn.Module
    task: Judged
    film: PhotoFilm | SentenceFilm | TextFilm | CaptionFilm
    interim: int
    target: str = ""

    @abstractmethod
    def __init__(self, folder: Path, job: Job, data: Data) -> None:
        """Raises SidelightError for a model that cannot be loaded or a probe that it does not accept."""

    @abstractmethod
    def before(self) -> dict[str, float]:
        """What is known before the first step, by measure."""

    @abstractmethod
    def probe(self, step: int, module: nn.Module) -> None:
        """Take a frame of the film."""

    @abstractmethod
    def probes(self) -> Probes:
        """What the last evaluation answered."""

    @abstractmethod
    def export(self, module: nn.Module, folder: Path) -> None:
        """Write what was learnt, as `TASKS[task].load_card` reads it."""

    @abstractmethod
    def measure(self, model: Model) -> dict[str, float]:
        """On all held-out items."""

    @abstractmethod
    def answers(self, model: Model) -> list[Answer]:
        """To all held-out items, in their order."""

    @abstractmethod
    def forgetting(self, model: Model) -> Forgetting:
        """What became of what the base was made for; nothing where that is not known."""

    def calibration(self, model: Model) -> dict[str, float]:
        """How well its probabilities fit what is right; nothing for a model that names no classes."""
        return {}

    @staticmethod
    @abstractmethod
    def read(path: Path, language: str, seed: int) -> tuple[Data, str]:
        """A person's data and what to call it. Raises SidelightError `data.*`."""

    @staticmethod
    @abstractmethod
    def prepare(module: nn.Module, classes: int) -> nn.Module:
        """The module with the head that its data asks for; it may be changed or taken apart."""

    @staticmethod
    @abstractmethod
    def varied(job: Job, data: Data, count: int, draw: int) -> list[tuple[Any, Any]]:
        """Some training items, each as it is and as a step may see it. draw: a seed; nobody else's draws are moved."""

    @staticmethod
    def moves_attention(method: str) -> bool:
        """Whether what it trains changes how the model attends, and may be forgotten."""
        return True

    @staticmethod
    @abstractmethod
    def ships_whole(method: str) -> bool:
        """Whether a result holds all weights and the tokenizer, and not only what changed."""

    @staticmethod
    def check_whole(model: Any) -> None:
        """Raises SidelightError `result.not_whole` where its library has no such model."""

    @staticmethod
    @abstractmethod
    def save_whole(model: Model, job: Job, target: str, folder: Path) -> str:
        """Write the model of a result as its own library does, in float16, with what `outside/load_*.py` must be told;
        the library's name. It is changed by that. Raises SidelightError `result.not_whole` where the library has no
        such model."""

    @staticmethod
    @abstractmethod
    def onnx_parts(model: Model, job: Job, target: str, folder: Path) -> dict[str, Part]:
        """Its functions by their names, for ONNX. What `outside/onnx_*.py` must be told is written to the folder."""

    @staticmethod
    @abstractmethod
    def trial(model: Model, job: Job, data: Data, count: int) -> Judged:
        """The task on a copy of a shared model, with the first `count` items to learn and to judge."""

    @staticmethod
    @abstractmethod
    def passes(job: Job, training: int, held_out: int, evaluations: int) -> tuple[int, int]:
        """How many items a job computes a step for, and how many it only looks at."""


class Writing(Learning[Data, Model]):
    """What is learnt is to write; what a model writes of the held-out items is judged, told and compared."""

    _written: tuple[Model, list[str]] | None = None

    @abstractmethod
    def write(self, model: Model) -> list[str]:
        """Of the held-out items."""

    def outputs(self, model: Model) -> list[str]:
        """The same, once for a model."""
        if self._written is None or self._written[0] is not model:
            self._written = model, self.write(model)
        return self._written[1]


def sample_order(training: int, job: Job) -> Tensor:
    """Which of the training items are judged like the held-out ones while it learns: their numbers, always the same."""
    draw = torch.randperm(training, generator=torch.Generator().manual_seed(job.seed))
    return draw[: TASKS[job.task].interim]


def plain(tensor: Tensor, half: bool = False) -> Tensor:
    """As it is written."""
    return (tensor.half() if half else tensor).detach().cpu().contiguous().clone()


def changed(module: nn.Module, half: bool = False) -> dict[str, Tensor]:
    """What learnt, as it is written."""
    return {name: plain(p, half) for name, p in methods.changed(module).items()}
