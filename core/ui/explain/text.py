"""A text classifier as the text side: which words made it say so. The model is chosen by its name."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

import streamlit as st

from core.attention.subject import Subject
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models import catalogue
from core.models.classification import Classification, Classifier
from core.models.text_subjects import classification_subject
from core.store import store
from core.ui import background, choices, inputs, known, work
from core.ui.explain.sides import Pair, SentenceSide
from core.ui.language import say, show_error
from core.ui.plain import plain

SIDES = ("translate", "classify")


@dataclass(frozen=True, eq=False)
class ClassSide(SentenceSide):
    """A text and its classes. language: of no effect. place: the text."""

    @property
    def classifier(self) -> Classifier:
        return work.hub_model("classify", self.name, lambda done, total: None)

    @property
    def found(self) -> Classification:
        return store().get(_key(self.name, self.text), lambda: self.classifier.classify(self.text), (self.name,))

    @property
    def traces(self) -> Traces:
        return self.found.traces

    def subject(self, target: int, against: int | None = None) -> Subject:
        return classification_subject(self.classifier, self.text, self.found, target, against)

    def measured(self, target: int | None) -> str:
        return say("explain.measured_class")

    def choose_target(self) -> int:
        """A class, the likeliest first."""
        found = self.found
        best = found.probabilities.argsort(descending=True).tolist()
        return st.selectbox(
            say("explain.class"),
            best,
            format_func=lambda n: f"{found.classes[n]} {float(found.probabilities[n]):.1%}",
            **choices.widget("text_class", f"text_class_{self.name}", best, best[0], choices.from_one),
        )


def _key(name: str, text: str) -> Hashable:
    """As *Task* names the same run."""
    return "hub", "classify", name, text


def side(name: str, text: str) -> ClassSide | None:
    """The side of a classifier that is here, or None while it is fetched; then Start or progress is drawn. Raises
    SidelightError."""

    def fetch_and_read(on_step: background.OnStep) -> Classification:
        return work.hub_model("classify", name, on_step=on_step).classify(text)

    title = say("lesson_hub.run", name=plain(name))
    if background.result(_key(name, text), title, fetch_and_read, (name,), wait=True) is None:
        return None
    return ClassSide(name, text, None, (text,))


def choose(pair: Pair) -> Pair:
    """The pair with the text side that is chosen: the translator, or a classifier of the same sentence."""
    chosen = st.segmented_control(
        say("text_side.choose"),
        SIDES,
        format_func=lambda one: say(f"text_side.{one}"),
        required=True,
        label_visibility="collapsed",
        **choices.widget("text_side", "text_side", SIDES, SIDES[0]),
    )
    if chosen == SIDES[0] or pair.sentence is None:
        return pair
    folders = {name: folder.name for name, folder in catalogue.folders("classify").items()}
    titles = known.titles("classify") | folders
    name = inputs.choose_named(
        "hub_classify", titles, next(iter(titles)), say("lesson_hub.model"), say("lesson_hub.model_help")
    )
    try:
        return replace(pair, sentence=side(name, pair.sentence.text))
    except SidelightError as error:
        show_error(error)
        return replace(pair, sentence=None)
