"""What a query or a key position means: a patch of an image or a piece of a sentence.

Both axes answer the same questions (`len`, `labels`, `special`), so that statistics and views need not ask which it is.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal

HALF = "\ufffd"  # stands for a piece with only some bytes of a character; the piece that completes it shows it
Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the upright image


@dataclass(frozen=True)
class PatchAxis:
    """Positions of a Vision Transformer: `prefix` tokens, the patches row by row, then `suffix` tokens.

    grid: (rows, columns) of patches.
    prefix: names of the tokens before the patches, e.g. ("CLS", "register 1").
    image_box: where the grid lies on the upright image, in its pixels. It reaches beyond the image
        where the model sees padding (letterbox), and covers only a part of it after a crop.
    image_size: (width, height) of the upright image.
    suffix: names of the tokens after the patches, e.g. the objects that a detector looks for.
    """

    grid: tuple[int, int]
    prefix: tuple[str, ...]
    image_box: Box
    image_size: tuple[int, int]
    suffix: tuple[str, ...] = ()

    @property
    def patches(self) -> slice:
        """Where the patches are among the positions."""
        return slice(len(self.prefix), len(self.prefix) + self.grid[0] * self.grid[1])

    def __len__(self) -> int:
        return self.patches.stop + len(self.suffix)

    @property
    def labels(self) -> tuple[str, ...]:
        rows, columns = self.grid
        patches = tuple(f"{r + 1},{c + 1}" for r in range(rows) for c in range(columns))
        return self.prefix + patches + self.suffix

    @property
    def special(self) -> tuple[bool, ...]:
        return tuple(not self.patches.start <= i < self.patches.stop for i in range(len(self)))

    def patch_box(self, position: int) -> Box:
        """The part of the upright image under a patch. Raises IndexError for a token that is no patch."""
        patch = position - len(self.prefix)
        rows, columns = self.grid
        if not 0 <= patch < rows * columns:
            raise IndexError(f"position {position} is not a patch")
        left, top, right, bottom = self.image_box
        height, width = (bottom - top) / rows, (right - left) / columns
        row, column = divmod(patch, columns)
        return (left + column * width, top + row * height, left + (column + 1) * width, top + (row + 1) * height)

    def position_at(self, x: float, y: float) -> int | None:
        """The position of the patch under a pixel of the upright image; None outside the grid."""
        left, top, right, bottom = self.image_box
        if not (left <= x < right and top <= y < bottom):
            return None
        rows, columns = self.grid
        row = min(rows - 1, int((y - top) / (bottom - top) * rows))
        column = min(columns - 1, int((x - left) / (right - left) * columns))
        return len(self.prefix) + row * columns + column


@dataclass(frozen=True)
class TokenAxis:
    """Positions of a sentence: sub-word pieces.

    pieces: what a person should read for each position (no word-boundary marks).
    words: the index of the word that each piece belongs to; consecutive pieces of one word share it.
    special: True for language tags, end marks and padding.
    """

    pieces: tuple[str, ...]
    words: tuple[int, ...]
    special: tuple[bool, ...]

    def __post_init__(self) -> None:
        if not len(self.pieces) == len(self.words) == len(self.special):
            raise ValueError("pieces, words and special must have the same length")

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.pieces

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Which way the words run: that of the first letter which has one, marks left aside (Unicode Bidirectional
        Algorithm, UAX #9, rules P2 and P3)."""
        letters = (
            letter for piece, mark in zip(self.pieces, self.special, strict=True) if not mark for letter in piece
        )
        strong = (kind for kind in map(unicodedata.bidirectional, letters) if kind in ("L", "R", "AL"))
        return "rtl" if next(strong, "L") != "L" else "ltr"

    def merged(self) -> "TokenAxis":
        """The same sentence with one position a word."""
        count = max(self.words, default=-1) + 1
        pieces, special = [""] * count, [False] * count
        for piece, word, mark in zip(self.pieces, self.words, self.special, strict=True):
            pieces[word] += piece
            special[word] |= mark
        whole = (word.replace(HALF, "") or word for word in pieces)
        return TokenAxis(tuple(whole), tuple(range(count)), tuple(special))


Axis = PatchAxis | TokenAxis
