"""What every section of the page on differences is shown on: two loaded models and one run of each."""

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import streamlit as st
from PIL import Image

from core.attention.trace import AttentionTrace
from core.errors import SidelightError
from core.models import catalogue
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult
from core.ui import background, work
from core.ui.inputs import model_titles
from core.ui.language import language, say, show_error
from core.ui.plain import piece_text, plain

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Lesson:
    """Names, no more: models and runs are asked of what is kept, so that a page that stands open holds none of them.

    vision_name, translation_name: keys to `work.vision_model` and `work.translator`.
    """

    vision_name: str
    title: str
    image: Image.Image
    translation_name: str
    sentence: str
    target: str | None

    @property
    def vision_model(self) -> VisionModel:
        return work.vision_model(self.vision_name)

    @property
    def vision(self) -> VisionResult:
        return work.seen(self.vision_name, self.image, self._digest, work.side(self.vision_model), "crop")

    @property
    def translator(self) -> Translator:
        return work.translator(self.translation_name)

    @property
    def translation(self) -> Translation:
        return work.read(self.translation_name, self.sentence, self.target)

    @property
    def models(self) -> tuple[str, str]:
        return self.vision_name, self.translation_name

    @property
    def traces(self) -> dict[str, AttentionTrace]:
        """Every attention of both runs: "vision", where it was recorded, then the translator's by kind."""
        return dict(zip(["vision"], self.vision.traces.values(), strict=False)) | dict(self.translation.traces)

    @cached_property
    def _digest(self) -> str:
        return work.digest(self.image)

    @cached_property
    def picture_run(self) -> str:
        """A name for the vision model on this picture: a cache's key."""
        return f"{self.vision_name} {self._digest}"

    @cached_property
    def sentence_run(self) -> str:
        """A name for the translator on this sentence: a cache's key."""
        return f"{self.translation_name} {self.target} {self.sentence}"

    @cached_property
    def run(self) -> str:
        """A short name for all of it."""
        return hashlib.blake2b(f"{self.picture_run}\n{self.sentence_run}".encode(), digest_size=8).hexdigest()

    def of_picture(self, what: Hashable, make: Callable[[], Result]) -> Result:
        """Something quick about the vision model on this picture, computed once."""
        key = (what, self.picture_run)
        return background.awaited(key, say("measure.running"), lambda _: make(), (self.vision_name,))

    def of_sentence(self, what: Hashable, make: Callable[[], Result]) -> Result:
        """Something quick about the translator on this sentence, computed once."""
        key = (what, self.sentence_run)
        return background.awaited(key, say("measure.running"), lambda _: make(), (self.translation_name,))

    def of_both(self, what: Hashable, make: Callable[[], Result]) -> Result:
        """Something quick about both, computed once."""
        return background.awaited((what, self.run), say("measure.running"), lambda _: make(), self.models)


def prepare(
    vision: tuple[str, VisionModel],
    photo: tuple[str, Image.Image],
    translation: tuple[str, Translator],
    sentence: tuple[str, str | None],
) -> Lesson | None:
    """Run both models; None, with the reason on the page, where one cannot take its input."""
    try:
        if not vision[1].one_grid:
            raise SidelightError("model.several_grids", name=vision[1].name)
        work.run_image(vision[0], photo[1], work.side(vision[1]), "crop")
        work.translate(translation[0], *sentence)
    except SidelightError as error:
        show_error(error)
        return None
    return Lesson(vision[0], *photo, translation[0], *sentence)


def model_title(name: str) -> str:
    """A model by its key, as the person's language calls it; any other by its name."""
    shipped = {card.key: catalogue.title(card, language()) for card in catalogue.SHIPPED}
    return (shipped | model_titles("vision") | model_titles("translation")).get(name, name)


def piece_name(text: str) -> str:
    """A piece in Markdown; a piece that is only a word's start gets a sign."""
    return plain(piece_text(text))


def joined(*sentences: str) -> str:
    """One after another, as the person's language sets them: Chinese without a space between."""
    return ("" if language() == "zh" else " ").join(filter(None, sentences))


def to_explain(section: str) -> None:
    """A link to one of the sections of *Explain*."""
    label = say(f"explain.{section}")
    st.page_link("pages/explain.py", label=label, icon=":material/arrow_forward:", query_params={"explain": section})


def note(text: str) -> None:
    """A sentence under a figure that says what its numbers mean."""
    st.markdown(text)
