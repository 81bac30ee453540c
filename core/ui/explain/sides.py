"""The two sides of the Explain page, a photo and a sentence, each with what is asked of its model; models and maps are
computed once for all sections and sessions. What differs between them is a method here, or `either` of two functions
of a section.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
from PIL import Image
from torch import Tensor

from core.attention.ablation import importance
from core.attention.axes import Axis
from core.attention.subject import Subject
from core.attention.trace import Kind, Traces
from core.errors import SidelightError
from core.models.images import Fit
from core.models.subjects import translation_subject, vision_subject
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult
from core.store import store
from core.ui import background, choices, evidence, inputs, photos, work
from core.ui.columns import beside
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text

CLASSIFIER = "vision-cifar10"  # a model that knows classes, so that there is something to ask
WHOLE = -1  # the representation, or the whole output
HEAD_TEXTS = {"photo": "{1}-{2}", "sentence": "{0}-{1}-{2}", "caption": "{0}-{1}-{2}"}  # a photo's model has one kind

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class PhotoSide:
    """Names, no more: the model and its run are asked of what is kept, so that a page that stands open holds neither.

    name: the model's key. place: the photo's digest, the size at which the model sees it, and how it is framed.
    """

    name: str
    title: str
    image: Image.Image
    place: tuple[str, ...]
    fit: Fit = "crop"
    kind: str = "photo"
    whole_scale: str = "authors.length"  # of a representation, along which parts are measured

    @property
    def model(self) -> VisionModel:
        return work.vision_model(self.name)

    @property
    def result(self) -> VisionResult:
        return work.seen(self.name, self.image, self.place[0], int(self.place[1]), self.fit)

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

    def finished(self, lit: Image.Image) -> Image.Image:
        """The picture in the light of a map, with what stands over it."""
        return lit

    def attention_title(self, kind: Kind) -> str:
        """Whose attention it is: a photo's model has one kind."""
        return inputs.short_title("vision", self.name)

    def attention_name(self, kind: Kind) -> str:
        return say("heads.kind_photo")

    def subject(self, target: int, against: int | None = None) -> Subject:
        return vision_subject(self.model, self.result, None if target == WHOLE else target, against)

    def measured(self, target: int | None) -> str:
        """What `Subject.scores` gives of it."""
        return say("explain.measured_whole_photo" if target is None else "explain.measured_class")

    def place_names(self, axis: Axis) -> list[str]:
        """What a person calls each position: a patch by its row and column."""
        first, (rows, columns) = len(axis.prefix), axis.grid
        cells = (divmod(patch, columns) for patch in range(rows * columns))
        patches = (say("lessons.patch_at", row=row + 1, column=column + 1) for row, column in cells)
        return [*axis.labels[:first], *patches]

    def unit_names(self, asked: Subject) -> list[str]:
        """Of each patch, in the order of `Subject.units`."""
        return self.place_names(asked.axis)[len(asked.axis.prefix) :]

    def choose_target(self) -> int:
        """A class, the likeliest first; the representation without classes, and at first where none may fit."""
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
    """As `PhotoSide`. place: the sentence, its language and how it is searched. search: for `work.translate`."""

    name: str
    text: str
    language: str | None
    place: tuple[str, ...]
    search: tuple[int, int, int] = (work.BEAMS, work.LIMIT, work.TOP)
    kind: str = "sentence"
    whole_scale: str = "authors.logits"  # of all pieces, added up

    @property
    def model(self) -> Translator:
        return work.translator(self.name)

    @property
    def translation(self) -> Translation:
        return work.read(self.name, self.text, self.language, *self.search)

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

    def subject(self, target: int, against: int | None = None) -> Subject:
        asked = None if target == WHOLE else target
        return translation_subject(self.model, self.text, self.language, self.translation, asked, against)

    def measured(self, target: int | None) -> str:
        """As `PhotoSide.measured`."""
        return say("explain.measured_whole_sentence" if target is None else "explain.measured_piece")

    def place_names(self, axis: Axis) -> list[str]:
        """As `PhotoSide.place_names`: the pieces."""
        return [piece_text(piece) for piece in axis.labels]

    def unit_names(self, asked: Subject) -> list[str]:
        """Of each word, in the order of `Subject.units`."""
        names = [""] * (int(asked.units.max()) + 1)
        for label, unit in zip(asked.axis.labels, asked.units.tolist(), strict=True):
            if unit >= 0:
                names[unit] += label
        return names

    def choose_target(self) -> int:
        """An output piece, or the whole translation."""
        pieces = self.translation.target.pieces
        every = [WHOLE, *range(len(pieces))]
        return st.selectbox(
            say("explain.piece"),
            every,
            format_func=lambda n: (
                say("explain.whole_sentence", text=self.translation.text)
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
    fit = photos.framing()
    result = work.run_image(name, image, size, fit)
    if not model.one_grid:
        raise SidelightError("model.several_grids", name=model.name)
    if not result.traces:
        raise SidelightError("explain.not_captured", name=model.name)
    return photo_side(name, title, image, size, fit)


def _sentence(name: str, model: Translator, text: str, language: str | None) -> SentenceSide:
    work.translate(name, text, language)
    return sentence_side(name, text, language)


def photo_side(name: str, title: str, image: Image.Image, size: int, fit: Fit = "crop") -> PhotoSide:
    return PhotoSide(name, title, image, (work.digest(image), str(size), fit), fit)


def sentence_side(
    name: str, text: str, language: str | None, beams: int = work.BEAMS, limit: int = work.LIMIT, top: int = work.TOP
) -> SentenceSide:
    return SentenceSide(name, text, language, (text, str(language), f"{beams} {limit}"), (beams, limit, top))


def subject_of(side: Side, target: int, against: int | None = None) -> Subject:
    """It holds the model: who works beside the page asks for it there. against: of a second answer, its number."""
    key = ("subject", side.name, side.place, target, against)
    return store().get(key, lambda: side.subject(target, against), (side.name,))


def worth(
    side: Side, target: int, title: str, wait: bool = False, against: int | None = None
) -> dict[Kind, Tensor] | None:
    """What each head is worth for the answer, computed beside the page, once for all; None until it is there."""
    return background.result(
        ("importance", side.name, side.place, target, against),
        title,
        lambda on_step: importance(subject_of(side, target, against), on_step=on_step),
        (side.name,),
        wait=wait,
    )


def head_text(side: str, head: tuple[str, int, int]) -> str:
    """What the link calls a head: "12-6" of the photo's model, "cross-3-8" of what writes. side: its kind."""
    kind, layer, number = head
    return HEAD_TEXTS[side].format(kind, layer + 1, number + 1)
