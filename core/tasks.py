"""What differs between the tasks that a model is loaded and trained for, as one table: whoever asks takes an entry, and
nobody asks which task it is. What more there is to a task are methods: of its model, of its side of *Explain*, of its
way to learn."""

from collections.abc import Callable
from dataclasses import dataclass

from core.models.captioning import Captioner
from core.models.captioning_by_name import SOURCE as CAPTIONERS
from core.models.captioning_by_name import load_captioner_card
from core.models.catalogue import ModelCard, TaskName, default
from core.models.classification import Classifier, fetch_text_model, load_classifier_card, load_text_model
from core.models.hub import Source
from core.models.loading import check_model_name
from core.models.translation import Translator, fetch_translator, load_translator, load_translator_card
from core.models.vision import VisionModel, fetch_vision, hub_repository, load_vision, load_vision_card

Model = VisionModel | Translator | Classifier | Captioner


@dataclass(frozen=True)
class Metric:
    """How good a model is on held-out data; more is better. key: its name in logs and wording. is_share: from 0 to 1,
    written in percent; else from 0 to 100."""

    key: str
    is_share: bool

    def shown(self, value: float) -> str:
        return f"{value:.1%}" if self.is_share else f"{value:.1f}"

    def points(self, change: float) -> float:
        """A change on the scale that is written: from 0 to 100."""
        return 100 * change if self.is_share else change


@dataclass(frozen=True)
class Task(Source):
    """key: its name in cards, jobs, links and wording. metrics: the main one first. does: what a model trained for it
    is chosen for. pages: those that show such a model. choice: what a link calls the model that is chosen for it;
    beside: what else a link to it says; written: what it calls the language that was learnt. bases: the cards' tasks
    whose models can learn it, the usual one first.

    load_card: a model of the catalogue; raises SidelightError. batch: items of a step of training. interim: held-out
    items that are judged while it goes on; all are after it.
    """

    key: TaskName
    metrics: tuple[Metric, ...]
    does: str
    pages: tuple[str, ...]
    choice: str
    bases: tuple[str, ...]
    load_card: Callable[[ModelCard], Model]
    batch: int
    interim: int
    beside: tuple[tuple[str, str], ...] = ()
    written: str = ""

    @property
    def main(self) -> Metric:
        return self.metrics[0]

    @property
    def base(self) -> str:
        """The bundled model that begins where none is named."""
        return default(self.bases[0]).key


TASKS: dict[str, Task] = {
    task.key: task
    for task in (
        Task(
            key="vision",
            metrics=(Metric("accuracy", True), Metric("macro_f1", True)),
            does="classify",
            pages=("vision", "compare", "explain"),
            choice="vision_model",
            bases=("vision",),
            load=load_vision,
            load_card=load_vision_card,
            repository=hub_repository,
            fetch=fetch_vision,
            batch=32,
            interim=90,
        ),
        Task(
            key="translation",
            metrics=(Metric("chrf", False), Metric("bleu", False)),
            does="translate",
            pages=("translation", "compare", "explain"),
            choice="translation_model",
            bases=("translation",),
            load=load_translator,
            load_card=load_translator_card,
            repository=check_model_name,
            fetch=fetch_translator,
            batch=16,
            interim=40,
        ),
        Task(
            key="classify",
            metrics=(Metric("accuracy", True), Metric("macro_f1", True)),
            does="judge",
            pages=("explain", "differences"),
            choice="hub_classify",
            bases=("fill", "classify"),
            load=load_text_model,
            load_card=load_classifier_card,
            repository=check_model_name,
            fetch=fetch_text_model,
            batch=32,
            interim=90,
            beside=(("text_side", "classify"), ("section", "task"), ("hub_task", "classify")),
        ),
        Task(
            key="captioning",
            metrics=(Metric("word_f1", True), Metric("exact", True), Metric("things", True)),
            does="describe",
            pages=("bridge",),
            choice="captioner",
            bases=("captioning",),
            load=CAPTIONERS.load,
            load_card=load_captioner_card,
            repository=CAPTIONERS.repository,
            fetch=CAPTIONERS.fetch,
            batch=16,
            interim=30,
            written="tell",
        ),
    )
}
