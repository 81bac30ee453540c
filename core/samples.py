"""The sample photos and sentences that ship with the project; their licences are in assets/samples/README.md."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.wording import ASSETS

FOLDER = ASSETS / "samples"


@dataclass(frozen=True)
class Photo:
    """A photo with the sentence that describes it. title: by interface language."""

    file: str
    title: dict[str, str]
    caption: str
    source: str
    author: str
    licence: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file


@dataclass(frozen=True)
class Sentence:
    """An English sentence that the bundled translator handles well into `target`."""

    target: str
    text: str


@dataclass(frozen=True)
class Opening:
    """Where a photo and its sentence are worth looking at. name: by interface language. point: on the whole photo, from
    the left and from the top, 0 to 1. word: of the sentence that describes it. depth: 0 first layer, 1 last."""

    name: dict[str, str]
    point: tuple[float, float]
    word: str
    depth: float


def photos() -> tuple[Photo, ...]:
    return tuple(Photo(**entry) for entry in json.loads((FOLDER / "photos.json").read_text("utf-8")))


@cache
def by_name() -> dict[str, Photo]:
    """Photos by their file's name."""
    return {photo.path.stem: photo for photo in photos()}


def sentences() -> tuple[Sentence, ...]:
    return tuple(Sentence(**entry) for entry in json.loads((FOLDER / "sentences.json").read_text("utf-8")))


@cache
def _openings() -> dict[str, dict]:
    return json.loads((FOLDER / "openings.json").read_text("utf-8"))


def openings(name: str) -> tuple[Opening, ...]:
    """Of the photo in a file of that name, the best first (`benchmarks.openings`, then chosen by eye)."""
    return tuple(Opening(**entry) for entry in _openings()["photos"].get(name, ()))


def word_of(sentence: str) -> str:
    """The word of a sample that is worth asking; empty for any other sentence."""
    described = {photo.caption: openings(name)[0].word for name, photo in by_name().items()}
    return (described | _openings()["sentences"]).get(sentence, "")


@cache
def scenes() -> tuple[str, ...]:
    """Composed scenes as `core.scenes.text` writes them, that the bundled captioner tells right."""
    return tuple(json.loads((FOLDER / "scenes.json").read_text("utf-8")))


def passages() -> dict[str, str]:
    """English texts to begin with, by what a task calls them."""
    return json.loads((FOLDER / "passages.json").read_text("utf-8"))
