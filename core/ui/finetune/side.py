"""What the Fine-tune page asks of each task; `pictures`, `texts`, `sentences` and
`captions` answer, `sides` knows them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal

from torch import Tensor

from core.finetune.answers import Answer
from core.finetune.job import Job
from core.finetune.learning import Data, Model
from core.models.catalogue import TaskName
from core.ui.finetune.chosen import Chosen, Probe
from core.views.film import Film

Frames = Sequence[tuple[int, Tensor]]


class Side(ABC, Generic[Data, Model]):
    """card: what the linked view calls what is compared. width: of its film, in columns of five. error_width: of one
    error, px or "stretch"."""

    task: ClassVar[TaskName]
    card: ClassVar[str]
    width: ClassVar[int]
    error_width: ClassVar[int | Literal["stretch"]]

    @abstractmethod
    def bundled(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        """Draw the choice of a bundled set; None where nothing is chosen (said on the page). Raises SidelightError."""

    @abstractmethod
    def own(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        """Draw the ways to a person's own files; as `bundled`."""

    @abstractmethod
    def preview(self, data: Data) -> None:
        """A few items."""

    @abstractmethod
    def classes(self, data: Data) -> int:
        """How many classes its head must tell apart; 0 for a model whose head stays."""

    @abstractmethod
    def check(self, model: Model) -> None:
        """Raises SidelightError `model.cannot_learn`."""

    @abstractmethod
    def warn(self, model: Model, data: Data) -> None:
        """Say what of the data this model can never learn."""

    @abstractmethod
    def settings(self, job: Job, model: Model, place: Any) -> Job:
        """Draw the settings that only this modality has."""

    @abstractmethod
    def varied(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Draw what `Learning.varied` gave."""

    @abstractmethod
    def probe(self, data: Data) -> Probe:
        """Draw the choice of what is filmed: at first an item of the data that is kept from training."""

    @abstractmethod
    def answers(self, folder: Path, job: Job, data: Data, history: list[dict[str, Any]]) -> None:
        """What the last evaluation answered. history: the lines of `probes.jsonl`, at least one."""

    @abstractmethod
    def film(self, folder: Path, axis: dict[str, Any], frames: Frames, words: dict[str, str]) -> Film:
        """frames: (step, mean attention of the heads)."""

    @abstractmethod
    def names(self, data: Data) -> dict[str, str]:
        """Its classes and what they are called; none where there are none."""

    @abstractmethod
    def error(self, data: Data, answer: Answer) -> None:
        """Draw one wrong answer."""

    @abstractmethod
    def mend(self, data: Data, answer: Answer, now: str) -> str:
        """Draw a choice of what would be right, `now` at first."""

    @abstractmethod
    def change(self, folder: Path, job: Job, held_out: tuple[Data, int] | None) -> None:
        """The same input before and after, and how far each head moved. held_out: its number in the data, None for an
        input that a person chooses. Raises SidelightError."""
