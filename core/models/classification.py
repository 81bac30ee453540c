"""Text classification by name: sentiment, topic, spam; which class a text is of, and what the model attended to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.attention.axes import TokenAxis
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models.hub import OnStep, from_hub, title
from core.models.reading import Reader


@dataclass(frozen=True)
class Classification:
    """What a text was taken for.

    classes: as the model's configuration names them. logits, probabilities: (classes,).
    exclusive: whether exactly one class is right (softmax), or each is judged by itself (sigmoid).
    traces: one, "encoder", or "decoder" where the model sees no later piece.
    """

    classes: tuple[str, ...]
    logits: Tensor
    probabilities: Tensor
    exclusive: bool
    axis: TokenAxis
    traces: Traces


@dataclass(eq=False)
class Classifier(Reader):
    """A model with a head for classes of texts, in eval mode."""

    task: Literal["classification"] = "classification"

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the logits."""
        names = {int(number): str(name) for number, name in (self.module.config.id2label or {}).items()}
        return tuple(name for _, name in sorted(names.items()))

    def classify(self, text: str) -> Classification:
        """The probability of each class, and the attention of the whole pass. Raises SidelightError
        `classification.empty`, `classification.too_long`, `classification.not_captured`."""
        found = self.read(text)
        logits = found.output.logits[0].float()
        exclusive = self.module.config.problem_type != "multi_label_classification"
        probabilities = logits.softmax(-1) if exclusive else logits.sigmoid()
        return Classification(self.classes, logits, probabilities, exclusive, found.axis, found.traces)


def load_classifier(name: str | Path, on_step: OnStep | None = None) -> Classifier:
    """Any transformers model for classes of texts. Raises SidelightError `model.*`, `classification.no_classes` for one
    that gives a number instead, such as the likeness of two texts."""
    module, tokenizer = from_hub(name, None, AutoModelForSequenceClassification, AutoTokenizer, on_step)
    if module.config.is_encoder_decoder or not tokenizer.is_fast:
        raise SidelightError("model.unsupported", name=title(name))
    if (module.config.num_labels or 0) < 2 or module.config.problem_type == "regression":
        raise SidelightError("classification.no_classes", name=title(name))
    return Classifier(title(name), module, tokenizer)
