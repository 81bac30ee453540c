"""Another input of the same shape, beside which the first can be understood: patches painted over, one word changed."""

import re
from collections.abc import Collection, Iterator
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from core.attention.axes import Box
from core.models.subjects import BLUR
from core.models.translation import Translator

Paint = Literal["blur", "grey"]
# What stands for what in an everyday sentence; the first of a pair that is there is changed.
PAIRS = (
    "dog cat|cat dog|man woman|woman man|boy girl|girl boy|horse cow|bird fish|car bus|red green|blue green|"
    "black white|white black|green red|big small|small big|old new|new old|two three|three two|one two|"
    "running sitting|sitting standing|standing sitting|eating cooking|night day|day night|up down|is was|are were"
)
USUAL = ("red", "house", "water", "old", "music", "seven", "school", "yesterday", "never", "and")


def painted(
    pixels: Image.Image,
    grid: tuple[int, int],
    patches: Collection[int],
    paint: Paint | Image.Image,
    box: Box | None = None,
) -> Image.Image:
    """The picture with some patches, counted row by row, blurred, of its mean colour, or with those of another picture
    of its size. grid: rows and columns. box: where it lies, px; over all of the picture by default."""
    rows, columns = grid
    hidden = np.zeros(rows * columns, np.uint8)
    hidden[list(patches)] = 255
    left, top, right, bottom = map(round, box or (0, 0, *pixels.size))
    cells = Image.fromarray(hidden.reshape(grid)).resize((right - left, bottom - top), Image.Resampling.NEAREST)
    mask = Image.new("L", pixels.size)
    mask.paste(cells, (left, top))
    if isinstance(paint, Image.Image):
        over = paint
    elif paint == "grey":
        mean = np.asarray(pixels).reshape(-1, 3).mean(0).round().astype(int).tolist()
        over = Image.new("RGB", pixels.size, tuple(mean))
    else:
        over = pixels.filter(ImageFilter.GaussianBlur(BLUR * max(pixels.size)))
    return Image.composite(over, pixels, mask)


def one_word_changed(translator: Translator, sentence: str, language: str | None) -> str:
    """The same sentence with one word in place of another and as many pieces; itself where no word that is known here
    fits. Raises SidelightError as `Translator.source_pieces`."""
    count = translator.length(sentence, language)
    return next((one for one in _changed(sentence) if translator.length(one, language) == count), sentence)


def _changed(sentence: str) -> Iterator[str]:
    words = list(re.finditer(r"\w+", sentence))
    for pair in PAIRS.split("|"):
        before, after = pair.split()
        yield from (_with(sentence, word, after) for word in words if word[0].lower() == before)
    for word in sorted(words, key=lambda one: -len(one[0])):
        yield from (_with(sentence, word, after) for after in USUAL if after != word[0].lower())


def _with(sentence: str, word: re.Match[str], after: str) -> str:
    after = after.capitalize() if word[0][0].isupper() else after
    return sentence[: word.start()] + after + sentence[word.end() :]
