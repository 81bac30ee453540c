"""The picture against texts that a person types: how alike a model of two towers finds them, and which patches and
pieces make it so."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch

from core.attention.subject import Subject
from core.attention.trace import Traces
from core.models import catalogue
from core.models.matching import Matcher, Text, text_subject
from core.models.vision import VisionResult
from core.store import store
from core.ui import choices, inputs, work
from core.ui.bridge.picture import Picture
from core.ui.explain import maps
from core.ui.explain.sides import WHOLE, Pair, PhotoSide, SentenceSide
from core.ui.language import say
from core.views.charts import QUIET, probability_bars

MODEL = "openai/clip-vit-base-patch32"
LONGEST = 1000  # characters of all texts


@dataclass(frozen=True, eq=False)
class MatchedPhoto(PhotoSide):
    """texts: the classes. asked: the number of the one that is explained."""

    texts: tuple[str, ...] = ()
    asked: int = 0

    @property
    def model(self) -> Matcher:
        return store().get(
            ("matcher", self.name, self.texts), lambda: _matcher(self.name).told(self.texts), (self.name,)
        )

    @property
    def result(self) -> VisionResult:
        return store().get(("matched", self.name, self.texts, *self.place), self._run, (self.name,))

    def _run(self) -> VisionResult:
        model = self.model
        return model.run(self.image, model.default_size, self.fit)

    def measured(self, target: int | None) -> str:
        return say(f"bridge.match_measured_{'one' if self.model.exclusive else 'each'}")

    def choose_target(self) -> int:
        return self.asked


@dataclass(frozen=True, eq=False)
class MatchedText(SentenceSide):
    """A text as it is compared with `photo`."""

    photo: Any = None

    @property
    def read(self) -> Text:
        return store().get(
            ("matched text", self.name, self.text), lambda: _matcher(self.name).read(self.text), (self.name,)
        )

    @property
    def traces(self) -> Traces:
        return self.read.traces

    def subject(self, target: int, against: int | None = None) -> Subject:
        model = self.photo.model
        with torch.no_grad():
            seen = model.seen(model.tokens(model.pixels(self.photo.result.fitted.pixels)))
        return text_subject(model, self.read, seen)

    def measured(self, target: int | None) -> str:
        return say("bridge.match_measured_text")

    def choose_target(self) -> int:
        return WHOLE


def show(picture: Picture) -> None:
    """Raises SidelightError `model.*`, `matching.*`."""
    st.caption(say("bridge.match_help"))
    left, right = st.columns(2)
    titles = {MODEL: MODEL} | {name: folder.name for name, folder in catalogue.folders("match").items()}
    with right:
        name = inputs.choose_named("matcher", titles, MODEL, say("input.model"), say("bridge.match_model_help"))
    usual = say("bridge.match_usual")
    typed = left.text_area(
        say("bridge.match_texts"), height=120, **choices.typed("texts", "match_texts", usual, LONGEST)
    )
    texts = tuple(typed.splitlines())

    classes = work.hub_answer("match", name, texts, lambda model, _: model.told(texts).classes)
    if classes is None:
        return
    _explain(name, picture, classes)


def _explain(name: str, picture: Picture, classes: tuple[str, ...]) -> None:
    asked = st.selectbox(
        say("bridge.match_asked"),
        range(len(classes)),
        format_func=lambda number: classes[number],
        **choices.widget("text", "match_text", range(len(classes)), 0, choices.from_one),
    )
    place = (work.digest(picture.image), picture.fit, *classes)
    photo = MatchedPhoto(name, picture.title, picture.image, place, picture.fit, texts=classes, asked=asked)
    text = MatchedText(name, classes[asked], None, (*place, classes[asked]), photo=photo)
    model, result = photo.model, photo.result
    st.plotly_chart(probability_bars(list(classes), result.probabilities.tolist()), key="match_bars", config=QUIET)
    scale = float(model.whole.logit_scale.detach().exp())
    st.caption(say(f"bridge.match_{'one' if model.exclusive else 'each'}", scale=f"{scale:.1f}"))
    if not result.traces:
        st.caption(say("bridge.match_unseen"))
        return
    Pair(photo, text).each("match", maps.show_one)


def _matcher(name: str) -> Matcher:
    return work.hub_model("match", name)
