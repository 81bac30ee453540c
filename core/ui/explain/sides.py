"""The two sides of the Explain page, a photo and a sentence, each with what is asked of its model; models and maps are
computed once for all sections and sessions. What differs between them is a method here, or `either` of two functions
of a section.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.attention.ablation import importance
from core.attention.methods import METHODS, Options, explain, refusal
from core.attention.subject import Subject
from core.attention.trace import Kind, Traces
from core.errors import SidelightError
from core.models.subjects import translation_subject, vision_subject
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult
from core.store import store
from core.ui import background, choices, evidence, work
from core.ui.columns import beside
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text

CLASSIFIER = "vision-cifar10"  # a model that knows classes, so that there is something to ask
WHOLE = -1  # the representation, or the whole output
HEAD_TEXTS = {"photo": "{1}-{2}", "sentence": "{0}-{1}-{2}"}  # a photo's model has one kind of attention

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class PhotoSide:
    """Names, no more: the model and its run are asked of what is kept, so that a page that stands open holds neither.

    name: the model's key. place: the photo's digest, and the size at which the model sees it.
    """

    name: str
    title: str
    image: Image.Image
    place: tuple[str, ...]
    kind: str = "photo"
    whole_scale: str = "authors.length"  # of a representation, along which parts are measured

    @property
    def model(self) -> VisionModel:
        return work.vision_model(self.name)

    @property
    def result(self) -> VisionResult:
        return work.seen(self.name, self.image, self.place[0], int(self.place[1]), "crop")

    @property
    def traces(self) -> Traces:
        return self.result.traces

    @property
    def chosen_model(self) -> dict[str, str]:
        """How a link to another page names this page's own choice of a model."""
        return {"vision_model": self.name}

    def either(self, photo: "Callable[[PhotoSide], Value]", sentence: "Callable[[SentenceSide], Value]") -> Value:
        """What the section does for its kind of side."""
        return photo(self)

    def attention_title(self, kind: Kind) -> str:
        """Whose attention it is: a photo's model has one kind."""
        return self.model.name

    def attention_name(self, kind: Kind) -> str:
        return say("heads.kind_photo")

    def subject(self, target: int) -> Subject:
        return vision_subject(self.model, self.result, None if target == WHOLE else target)

    def choose_target(self) -> int:
        """A class, the likeliest first; the representation of a model without classes, and at first where none may
        fit."""
        if not self.model.classes:
            st.caption(say("explain.representation"))
            return WHOLE
        evidence.tell(self.model, self.result)
        likely = [self.model.classes.index(one.label) for one in self.result.predictions]
        texts = self._class_texts()
        shown = {self.model.classes.index(one.label): f" {one.probability:.1%}" for one in self.result.predictions}
        rest = [number for number in range(len(self.model.classes)) if number not in shown]
        first = WHOLE if self.result.is_thin else likely[0]  # no class is asked for that may not be there
        return st.selectbox(
            say("explain.class_thin" if self.result.is_thin else "explain.class"),
            [*likely, *rest, WHOLE],
            format_func=lambda n: (
                say("explain.whole_photo") if n == WHOLE else class_name(self.model.classes[n]) + shown.get(n, "")
            ),
            **choices.widget(
                "class",
                f"explain_class_{self.name}_{self.place[0]}",
                [*likely, *rest, WHOLE],
                first,
                lambda n: texts.get(n, ""),
            ),
        )

    def _class_texts(self) -> dict[int, str]:
        """What the link calls a class; of two with the same name, the number says which."""
        of_name = Counter(self.model.classes)
        names = (name if of_name[name] == 1 else f"{name} {n}" for n, name in enumerate(self.model.classes, 1))
        return {WHOLE: "whole"} | dict(enumerate(names))


@dataclass(frozen=True, eq=False)
class SentenceSide:
    """As `PhotoSide`. place: the sentence and its target language."""

    name: str
    text: str
    language: str | None
    place: tuple[str, ...]
    kind: str = "sentence"
    whole_scale: str = "authors.logits"  # of all pieces, added up

    @property
    def model(self) -> Translator:
        return work.translator(self.name)

    @property
    def translation(self) -> Translation:
        return work.read(self.name, self.text, self.language)

    @property
    def traces(self) -> Traces:
        return self.translation.traces

    @property
    def chosen_model(self) -> dict[str, str]:
        """All pages share the translator."""
        return {}

    def either(self, photo: Callable[[PhotoSide], Value], sentence: "Callable[[SentenceSide], Value]") -> Value:
        """What the section does for its kind of side."""
        return sentence(self)

    def attention_title(self, kind: Kind) -> str:
        return self.attention_name(kind)

    def attention_name(self, kind: Kind) -> str:
        return say(f"heads.kind_{kind}")

    def subject(self, target: int) -> Subject:
        asked = None if target == WHOLE else target
        return translation_subject(self.model, self.text, self.language, self.translation, asked)

    def choose_target(self) -> int:
        """An output piece, or the whole translation."""
        pieces = self.translation.target.pieces
        every = [WHOLE, *range(len(pieces))]
        return st.selectbox(
            say("explain.piece"),
            every,
            format_func=lambda n: (
                f"{self.translation.text} ({say('explain.whole_sentence')})"
                if n == WHOLE
                else f"{n + 1} · {piece_text(pieces[n])}"
                if n < len(pieces)
                else "–"
            ),
            **choices.widget("piece", f"explain_piece_{self.name}", every, WHOLE, choices.from_one),
        )


Side = PhotoSide | SentenceSide


@dataclass(frozen=True, eq=False)
class Pair:
    """A side is missing where its model could not take what was given; the page has said why."""

    photo: PhotoSide | None
    sentence: SentenceSide | None

    def each(self, key: str, draw: "Callable[[Side], object]") -> None:
        """Draw the sides that are there beside each other. key: as `beside` takes it."""
        for column, side in zip(beside(key), (self.photo, self.sentence), strict=True):
            if side is not None:
                with column:
                    draw(side)

    @property
    def present(self) -> list[Side]:
        return [side for side in (self.photo, self.sentence) if side is not None]


def pair(
    vision: tuple[str, VisionModel],
    photo: tuple[str, Image.Image],
    translation: tuple[str, Translator],
    sentence: tuple[str, str | None],
) -> Pair:
    """Both inputs run through their models; what fails is said, and its side left out."""
    return Pair(_or_said(lambda: _photo(*vision, *photo)), _or_said(lambda: _sentence(*translation, *sentence)))


def _or_said(make: Callable[[], Value]) -> Value | None:
    try:
        return make()
    except SidelightError as error:
        show_error(error)
        return None


def _photo(name: str, model: VisionModel, title: str, image: Image.Image) -> PhotoSide:
    size = work.side(model)
    result = work.run_image(name, image, size, "crop")
    if not result.traces:
        raise SidelightError("explain.not_captured", name=model.name)
    return PhotoSide(name, title, image, (work.digest(image), str(size)))


def _sentence(name: str, model: Translator, text: str, language: str | None) -> SentenceSide:
    work.translate(name, text, language)
    return SentenceSide(name, text, language, (text, str(language)))


def subject_of(side: Side, target: int) -> Subject:
    """It holds the model, so whoever works beside the page asks for it there."""
    return store().get(("subject", side.name, side.place, target), lambda: side.subject(target), (side.name,))


def worth(side: Side, target: int, title: str, wait: bool = False) -> dict[Kind, Tensor] | None:
    """What each head is worth for the answer (`importance`), computed beside the page and once for all sections; None
    until it is there. title, wait: as `background.result` takes them."""
    return background.result(
        ("importance", side.name, side.place, target),
        title,
        lambda on_step: importance(subject_of(side, target), on_step=on_step),
        (side.name,),
        wait=wait,
    )


def maps(side: Side, target: int, options: Options) -> dict[str, Tensor]:
    """Every method that applies: (N,) each."""
    key = (side.name, side.place, target)
    found = background.awaited(
        ("gradient_maps", *key),
        say("explain.gradients"),
        lambda _: _gradient_maps(subject_of(side, target)),
        (side.name,),
    )
    plain = background.awaited(
        ("plain_maps", *key, options),
        say("explain.gradients"),
        lambda _: _plain_maps(subject_of(side, target), options),
        (side.name,),
    )
    return {name: (plain | found)[name] for name in METHODS if name in plain or name in found}


def _gradient_maps(asked: Subject) -> dict[str, Tensor]:
    chosen = [n for n, method in METHODS.items() if method.gradient and not refusal(asked, method)]
    if not chosen:
        return {}
    gradients = asked.gradients()
    return {n: explain(asked, n, None, gradients) for n in chosen}


def _plain_maps(asked: Subject, options: Options) -> dict[str, Tensor]:
    chosen = [n for n, method in METHODS.items() if not method.gradient and not refusal(asked, method)]
    return {n: explain(asked, n, options) for n in chosen}


def head_text(side: str, head: tuple[str, int, int]) -> str:
    """What the link calls a head: "12-6" of the photo's model, "cross-3-8" of the translator. side: its kind."""
    kind, layer, number = head
    return HEAD_TEXTS[side].format(kind, layer + 1, number + 1)


def unit_names(asked: Subject) -> list[str]:
    """What each patch (row, column) or word is called, in the order of `Subject.units`."""
    names = [""] * (int(asked.units.max()) + 1)
    for label, unit in zip(asked.axis.labels, asked.units.tolist(), strict=True):
        if unit >= 0:
            names[unit] += label
    return names


def finite(values: Tensor) -> Tensor:
    """A gradient can overflow; such a position tells nothing."""
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
