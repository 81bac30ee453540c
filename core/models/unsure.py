"""Where a translator does not know: words and whole sentences to which it gave less probability than is usual where it
turned out well. `benchmarks.unsure` measures that on held-out sentences and keeps it beside the model; of a model
without such a measure nothing is said.
"""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass

from core.models import catalogue
from core.models.pieces import UNSPACED
from core.models.translation import Translation

FILE = "unsure.json"
LETTER = re.compile(r"\w")
SHORT = 2  # letters a piece, on average, of a name that is spelt


@dataclass(frozen=True)
class Measure:
    """word: a word of less probability is unsure; of such words the share `missing` was not in the reference, of others
    `missing_else`. sentence: the same of the geometric mean of a sentence's pieces; of such sentences the share `bad`
    had a chrF below `chrf` (`chrf_zh` for Chinese), of others `bad_else`. sentences: that it was measured on."""

    word: float
    missing: float
    missing_else: float
    sentence: float
    bad: float
    bad_else: float
    chrf: float
    chrf_zh: float
    sentences: int


def measure_of(name: str) -> Measure | None:
    """Of the model of that key."""
    card = catalogue.card(name)
    file = card.folder / FILE if card else None
    return Measure(**json.loads(file.read_text("utf-8"))) if file and file.exists() else None


def mean_probability(translation: Translation) -> float:
    """Geometric mean over the pieces that the model chose, the end mark included."""
    return math.exp(translation.score)


def words(translation: Translation) -> list[tuple[str, float]]:
    """The words of the output with their probabilities, each given what stands before it; punctuation is none."""
    found: dict[int, tuple[str, float]] = {}
    axis = translation.target
    for text, word, mark, step in zip(axis.pieces, axis.words, axis.special, translation.steps, strict=True):
        if not mark:
            before, chance = found.get(word, ("", 1.0))
            found[word] = (before + text, chance * step.probability)
    return [one for one in found.values() if LETTER.search(one[0])]


def spelt(translation: Translation) -> list[str]:
    """Names of the source for which the model has no pieces of some length: it reads them nearly letter by letter."""
    pieces, source = Counter(translation.source.words), translation.source.merged()
    words = (word.strip() for word in source.pieces)
    return [
        word
        for number, (word, mark) in enumerate(zip(words, source.special, strict=True))
        if word[:1].isupper() and not mark and pieces[number] >= 3 and len(word) <= SHORT * pieces[number]
    ]


def missing(said: list[str], reference: str) -> list[bool]:
    """Of each word whether the reference lacks it; of a script without spaces, one of its characters."""
    known = Counter(re.findall(r"\w+", reference.casefold()))
    return [
        any(letter not in reference for letter in word)
        if UNSPACED.search(word)
        else not known["".join(re.findall(r"\w+", word.casefold()))]
        for word in said
    ]
