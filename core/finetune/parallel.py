"""Parallel text: sentence pairs from files, what makes a translator robust to how people type, batches by length."""

import gzip
import hashlib
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

TAGS = {"de": "deu", "fr": "fra", "cs": "ces", "zh": "cmn_Hans"}
ENGLISH = "eng"  # the tag of the ways back, which the bundled model does not know
NAME = re.compile(r"\b[A-Z][a-z]{2,}\b")
NUMBER = re.compile(r"\d+")
WORD = re.compile(r"[a-zA-ZÀ-ž]{3,}")  # in Latin letters


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation. language: of the target, a key of TAGS or "en"; empty for a model that has one
    direction and no tags. origin: of the source."""

    source: str
    target: str
    language: str
    origin: str = "en"

    @property
    def tag(self) -> str | None:
        return TAGS.get(self.language, ENGLISH) if self.language else None

    @property
    def tagged(self) -> str:
        return f">>{self.tag}<< {self.source}" if self.tag else self.source

    @property
    def direction(self) -> str:
        """Into German from English: "de"; from German into English: "de_en"."""
        return self.language if self.origin == "en" else f"{self.origin}_{self.language}"

    @property
    def reversed(self) -> "Pair":
        return Pair(self.target, self.source, self.origin, self.language)


def by_direction(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each direction, in their order: the languages as in TAGS, then the ways back."""
    pairs = list(pairs)
    found: dict[str, list[Pair]] = {code: [] for code in [*TAGS, *(f"{code}_en" for code in TAGS)]}
    for pair in pairs:
        found.setdefault(pair.direction, []).append(pair)
    return {direction: part for direction, part in found.items() if part}


def read_lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


def read_part(folder: Path, part: str) -> list[Pair]:
    """All pairs of `part` ("train", "val", ...) under `folder`: files `part.en.gz` beside `part.<language>.gz`.

    Raises ValueError where two files that belong together differ in length.
    """
    pairs = []
    for english in sorted(folder.rglob(f"{part}.en.gz")):
        for language in TAGS:
            other = english.with_name(f"{part}.{language}.gz")
            if other.exists():
                lines = zip(read_lines(english), read_lines(other), strict=True)
                pairs += [Pair(source.strip(), target.strip(), language) for source, target in lines]
    return [pair for pair in pairs if pair.source and pair.target]


def digest(pairs: Iterable[Pair]) -> str:
    """SHA-256 over the pairs in their order: what a model was trained on."""
    found = hashlib.sha256()
    for pair in pairs:
        found.update(f"{pair.direction}\t{pair.source}\t{pair.target}\n".encode())
    return found.hexdigest()


def vary(pair: Pair, other: Pair, draw: random.Random) -> Pair:
    """The pair as another person might have typed it: two sentences at once (`other` has the same direction), another
    name or number, no full stop, all small or all capital letters. Most pairs stay as they are."""
    if draw.random() < 0.05:
        gap = "" if pair.language == "zh" else " "
        pair = replace(pair, source=f"{pair.source} {other.source}", target=f"{pair.target}{gap}{other.target}")
    words = WORD.findall(f"{other.source} {other.target}")
    if words and draw.random() < 0.5:
        pair = _swap(pair, NAME, lambda: invented(words, draw))
    if draw.random() < 0.5:
        pair = _swap(pair, NUMBER, lambda: str(draw.randrange(10 ** draw.randint(1, 5))))
    if draw.random() < 0.08:
        pair = replace(pair, source=pair.source.rstrip(".。"), target=pair.target.rstrip(".。"))
    form = draw.random()
    if form < 0.06:
        pair = replace(pair, source=pair.source.lower())
    elif form < 0.09:
        pair = replace(pair, source=pair.source.upper())
    return pair


def invented(words: Sequence[str], draw: random.Random) -> str:
    """A name that nobody has: the beginning of one of these words and the end of another. Names of a few syllables are
    copied after training and others are not, so these are made of all that a language is written in."""
    first, last = draw.choice(words), draw.choice(words)
    return (first[: draw.randint(2, 4)] + last[-draw.randint(2, 4) :]).capitalize()


def _swap(pair: Pair, pattern: re.Pattern[str], new: Callable[[], str]) -> Pair:
    """Another word in place of one that stands once on each side, so that the model learns to copy it."""
    for word in dict.fromkeys(pattern.findall(pair.source)):
        alone = re.compile(rf"(?<!\w){word}(?!\w)")
        if len(alone.findall(pair.source)) == len(alone.findall(pair.target)) == 1:
            fresh = new()
            return replace(pair, source=alone.sub(fresh, pair.source), target=alone.sub(fresh, pair.target))
    return pair


def batches(lengths: Sequence[int], tokens: int, seed: int) -> list[list[int]]:
    """Indices in batches of nearly equal lengths, about `tokens` (items x longest) each, in random order."""
    draw = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], draw.random()))
    found: list[list[int]] = []
    for index in order:
        if not found or (len(found[-1]) + 1) * lengths[index] > tokens:
            found.append([])
        found[-1].append(index)
    draw.shuffle(found)
    return found
