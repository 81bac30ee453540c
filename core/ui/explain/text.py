"""The text side, where it is no translation: which words made a classifier say so, or a model expect the piece that it
does not see. The model is chosen by its name."""

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core.attention.subject import Subject
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models.text_subjects import classification_subject, filling_subject
from core.store import store
from core.ui import choices, inputs, work
from core.ui.explain.sides import Pair, SentenceSide
from core.ui.language import say, show_error
from core.ui.plain import piece_text


@dataclass(frozen=True, eq=False)
class TextSide(SentenceSide):
    """A text and what a model makes of it. language: of no effect. place: the text."""

    @staticmethod
    def given(text: str) -> tuple[str, ...]:
        """As *Task* names the same run (`work.hub_key`)."""
        return (text,)

    @staticmethod
    def read(model: Any, text: str) -> Any:
        """What that run gives."""
        raise NotImplementedError

    @property
    def reader(self) -> Any:
        return work.hub_model(self.task, self.name)

    @property
    def task(self) -> str:
        return next(task for task, kind in SIDES.items() if isinstance(self, kind))

    @property
    def found(self) -> Any:
        key = work.hub_key(self.task, self.name, self.given(self.text))
        return store().get(key, lambda: self.read(self.reader, self.text), (self.name,))

    @property
    def traces(self) -> Traces:
        return self.found.traces


@dataclass(frozen=True, eq=False)
class ClassSide(TextSide):
    """A text and its classes."""

    @staticmethod
    def read(model: Any, text: str) -> Any:
        return model.classify(text)

    def subject(self, target: int, against: int | None = None) -> Subject:
        return classification_subject(self.reader, self.text, self.found, target, against)

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


@dataclass(frozen=True, eq=False)
class FillSide(TextSide):
    """A text of which one piece is hidden."""

    @staticmethod
    def given(text: str) -> tuple[str, ...]:
        return text, "each"

    @staticmethod
    def read(model: Any, text: str) -> Any:
        return model.guess(text)

    def subject(self, target: int, against: int | None = None) -> Subject:
        return filling_subject(self.reader, self.text, self.found.positions[target], against)

    def measured(self, target: int | None) -> str:
        return say("explain.measured_piece")

    def choose_target(self) -> int:
        """Which piece is hidden, and how likely the model finds it."""
        steps = self.found.steps
        every = list(range(len(steps)))
        return st.selectbox(
            say("text_side.hidden"),
            every,
            format_func=lambda n: f"{n + 1} · {piece_text(steps[n].piece)} {steps[n].probability:.1%}",
            **choices.widget("text_hidden", f"text_hidden_{self.name}", every, every[-1] // 2, choices.from_one),
        )


SIDES: dict[str, type[TextSide]] = {"classify": ClassSide, "fill": FillSide}  # by what the model is for


def side(task: str, name: str, text: str) -> TextSide | None:
    """The side of a model that is here, or None while it is fetched; then Start or progress is drawn. Raises
    SidelightError."""
    kind = SIDES[task]
    if work.hub_answer(task, name, kind.given(text), lambda model, _: kind.read(model, text)) is None:
        return None
    return kind(name, text, None, (text,))


def choose(pair: Pair) -> Pair:
    """The pair with the text side that is chosen: the translator, or another model of the same sentence."""
    offered = ["translate", *SIDES]
    chosen = st.segmented_control(
        say("text_side.choose"),
        offered,
        format_func=lambda one: say(f"text_side.{one}"),
        required=True,
        label_visibility="collapsed",
        **choices.widget("text_side", "text_side", offered, offered[0]),
    )
    if chosen not in SIDES or pair.sentence is None:
        return pair
    titles = inputs.offered(chosen)
    name = inputs.choose_named(
        f"hub_{chosen}", titles, next(iter(titles)), say("lesson_hub.model"), say("lesson_hub.model_help")
    )
    try:
        return replace(pair, sentence=side(chosen, name, pair.sentence.text))
    except SidelightError as error:
        show_error(error)
        return replace(pair, sentence=None)
