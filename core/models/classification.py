"""Text classification by name: sentiment, topic, spam; which class a text is of, and what the model attended to. A
model without such classes can be opened to learn some (`load_text_model`)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.attention.axes import TokenAxis
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models import catalogue, hub, loading
from core.models.hub import OnStep, from_hub, title
from core.models.merging import with_adapter
from core.models.reading import Reader
from core.models.text_heads import TrunkOrClassifier, has_head, new_head


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
    """A model with a head for classes of texts, in eval mode; without one it has no classes. temperature: what logits
    are divided by before they are probabilities."""

    task: Literal["classification"] = "classification"
    temperature: float = 1.0

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the logits."""
        if not has_head(self.module):
            return ()
        names = {int(number): str(name) for number, name in (self.module.config.id2label or {}).items()}
        return tuple(name for _, name in sorted(names.items()))

    def classify(self, text: str) -> Classification:
        """The probability of each class, and the attention of the whole pass. Raises SidelightError
        `classification.empty`, `classification.too_long`, `classification.not_captured`, `classification.no_classes`.
        """
        if not self.classes:
            raise SidelightError("classification.no_classes", name=self.name)
        found = self.read(text)
        logits = found.output.logits[0].float()
        return Classification(
            self.classes, logits, self.probabilities(logits), self.exclusive, found.axis, found.traces
        )

    @property
    def exclusive(self) -> bool:
        """Whether exactly one class is right."""
        return self.module.config.problem_type != "multi_label_classification"

    def probabilities(self, logits: Tensor) -> Tensor:
        """(..., classes)"""
        values = logits / self.temperature
        return values.softmax(-1) if self.exclusive else values.sigmoid()


def load_classifier(name: str | Path, on_step: OnStep | None = None) -> Classifier:
    """One that learnt here, or any transformers model for classes of texts. Raises SidelightError `model.*`,
    `classification.no_classes` for one that gives a number instead, such as the likeness of two texts."""
    if card := _learnt(name):
        return load_classifier_card(card)
    return _checked(name, *from_hub(name, None, AutoModelForSequenceClassification, AutoTokenizer, on_step))


def load_text_model(name: str | Path, on_step: OnStep | None = None) -> Classifier:
    """The same, or an encoder of texts that has no classes yet, such as one that fills blanks. Raises SidelightError
    `model.*`."""
    if card := _learnt(name):
        return load_classifier_card(card)
    return _checked(name, *from_hub(name, None, TrunkOrClassifier, AutoTokenizer, on_step))


def fetch_text_model(name: str, on_step: OnStep | None = None) -> Path:
    """The folder of a model of the hub, fetched where it is not here yet. Raises SidelightError `model.*`."""
    shown = loading.check_model_name(name)
    return hub.obtain(shown, None, on_step, check=partial(loading.check_class, shown, TrunkOrClassifier))


def load_classifier_card(card: catalogue.ModelCard) -> Classifier:
    """What a run left: `classes.json` beside an adapter of peft's or the tensors that changed. Raises SidelightError
    `model.unsupported` for a model of another task, `model.run_gone` for damaged files of a run."""
    loading.check_task(card, "classify")
    loading.verified_weights(card)
    if not card.base:
        return load_classifier(card.key)
    with loading.run_errors(card):
        named = json.loads((card.folder / "classes.json").read_text("utf-8"))
        model = for_classes(load_text_model(card.base), named["classes"])
        module = model.module
        if (card.folder / "adapter_config.json").exists():
            module = with_adapter(module, card.folder)
        else:
            loading.load_part(module, load_file(card.weights), card.title)
        module = module.eval().to(loading.device())
        return replace(model, name=card.title, module=module, temperature=named["temperature"])


def for_classes(model: Classifier, classes: Sequence[str]) -> Classifier:
    """The model with an untrained head for these classes, of which one is right; its module is changed or taken apart.
    Raises SidelightError `model.cannot_learn`."""
    module = new_head(model.module, len(classes))
    module.config.id2label = dict(enumerate(classes))
    module.config.label2id = {name: number for number, name in enumerate(classes)}
    module.config.problem_type = "single_label_classification"
    return replace(model, module=module, temperature=1.0)


def _learnt(name: str | Path) -> catalogue.ModelCard | None:
    """The card of a run that learnt classes of texts."""
    card = catalogue.card(name) if isinstance(name, str) else None
    return card if card and card.is_trained else None


def _checked(name: str | Path, module: Any, tokenizer: Any) -> Classifier:
    if module.config.is_encoder_decoder or not tokenizer.is_fast:
        raise SidelightError("model.unsupported", name=title(name))
    if has_head(module) and ((module.config.num_labels or 0) < 2 or module.config.problem_type == "regression"):
        raise SidelightError("classification.no_classes", name=title(name))
    return Classifier(title(name), module, tokenizer)
