"""The sample photos and sentences that ship with the project; their licences are in assets/samples/README.md."""

import json
from dataclasses import dataclass
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


def photos() -> tuple[Photo, ...]:
    return tuple(Photo(**entry) for entry in json.loads((FOLDER / "photos.json").read_text("utf-8")))


def sentences() -> tuple[Sentence, ...]:
    return tuple(Sentence(**entry) for entry in json.loads((FOLDER / "sentences.json").read_text("utf-8")))


def passages() -> dict[str, str]:
    """English texts to begin with: "summary", "question" with its "context", "prompt", and "review"."""
    return json.loads((FOLDER / "passages.json").read_text("utf-8"))
