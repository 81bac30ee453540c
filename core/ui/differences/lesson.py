"""What every section of the page on differences is shown on: two loaded models and one run of each."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

import streamlit as st
from PIL import Image

from core.attention.trace import AttentionTrace
from core.errors import SidelightError
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult
from core.ui import work
from core.ui.language import show_error

MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


@dataclass(frozen=True, eq=False)
class Lesson:
    """vision_name, translation_name: keys to `work.vision_model` and `work.translator`, also good for caches."""

    vision_name: str
    vision_model: VisionModel
    title: str
    image: Image.Image
    vision: VisionResult
    translation_name: str
    translator: Translator
    sentence: str
    target: str | None
    translation: Translation

    @property
    def traces(self) -> dict[str, AttentionTrace]:
        """Every attention of both runs: "vision", where it was recorded, then the translator's by kind."""
        return dict(zip(["vision"], self.vision.traces.values(), strict=False)) | dict(self.translation.traces)

    @cached_property
    def picture_run(self) -> str:
        """A name for the vision model on this picture: a cache's key."""
        return f"{self.vision_name} {work.digest(self.image)}"

    @cached_property
    def sentence_run(self) -> str:
        """A name for the translator on this sentence: a cache's key."""
        return f"{self.translation_name} {self.target} {self.sentence}"

    @cached_property
    def run(self) -> str:
        """A short name for all of it."""
        return hashlib.blake2b(f"{self.picture_run}\n{self.sentence_run}".encode(), digest_size=8).hexdigest()


def prepare(
    vision: tuple[str, VisionModel], photo: tuple[str, Image.Image],
    translation: tuple[str, Translator], sentence: tuple[str, str | None],
) -> Lesson | None:  # fmt: skip
    """Run both models; None, with the reason on the page, where one cannot take its input."""
    try:
        model, translator = vision[1], translation[1]
        seen = work.run_image(vision[0], photo[1], work.side(model), "crop")
        read = work.translate(translation[0], *sentence)
    except SidelightError as error:
        show_error(error)
        return None
    return Lesson(vision[0], model, *photo, seen, translation[0], translator, *sentence, read)


def plain(text: str) -> str:
    """What was typed, or what a model wrote, inside Markdown: it stays text."""
    return MARKUP.sub(r"\\\1", text)


def piece_name(text: str) -> str:
    """A piece in Markdown; a piece that is only a word's start gets a sign."""
    return plain(text) or "␣"


def minus(number: str) -> str:
    """A formatted number with a minus, not a hyphen."""
    return number.replace("-", "−")


def ink() -> str:
    """The colour of text that is drawn inside a figure, for the theme that the person sees."""
    return "#e8e6e1" if st.context.theme.type == "dark" else "#1d2129"


def note(text: str) -> None:
    """A sentence under a figure that says what its numbers mean."""
    st.markdown(text)
