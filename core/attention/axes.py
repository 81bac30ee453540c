"""What a query or a key position means: a patch of an image or a piece of a sentence.

Both axes answer the same questions, so that statistics, methods and views need not ask which it is. A sentence lies on
a grid too: one column of pieces, with nothing before it.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

HALF = "\ufffd"  # stands for a piece with only some bytes of a character; the piece that completes it shows it
SMOOTH = 0.75  # patches, the width (sd) of the blur of random orders: as smooth as maps (`benchmarks.smoothness`)
MARKS = {r">>\w+<<": "tag", r"<prompt \d+>": "prompt"}  # kinds of special pieces that are known by how they look
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

    @property
    def units(self) -> Sequence[int]:
        """What is taken away as one: each patch by itself."""
        return range(len(self))

    @property
    def input_place(self) -> tuple[object, ...]:
        """Where the grid lies: the same for axes of one input."""
        return self.grid, self.image_box, self.image_size

    def kind_of(self, position: int) -> str:
        """What a special position is: "CLS", "register", "object", ..."""
        return self.labels[position].rstrip("0123456789 ")

    def coordinates(self, relative: bool = False) -> Tensor:
        """Row and column of each position; the other tokens lie on the nearest end of the grid: (N, 2).

        relative: of no effect on a grid of patches.
        """
        patch = (torch.arange(len(self)) - self.patches.start).clamp(0, self.patches.stop - self.patches.start - 1)
        return torch.stack([patch // self.grid[1], patch % self.grid[1]], 1).float()

    def part(self, kept: Sequence[int]) -> "PatchAxis":
        """The axis of these positions, which are all but some of the prefix."""
        return replace(self, prefix=tuple(self.prefix[i] for i in kept if i < len(self.prefix)))

    def groups(self, across: int = 4) -> dict[str, list[int]]:
        """Positions that are taken together, by name: each token that is no patch, and the patches in blocks, at most
        `across` a side, named by the first and the last row and column."""
        (rows, columns), first = self.grid, self.patches.start
        found = {self.labels[i]: [i] for i in range(len(self)) if self.special[i]}
        for low, high in _cuts(rows, across):
            for left, right in _cuts(columns, across):
                inside = [first + r * columns + c for r in range(low, high) for c in range(left, right)]
                found[f"{low + 1}–{high},{left + 1}–{right}"] = inside
        return found

    def random_orders(self, units: int, count: int, draw: torch.Generator) -> list[Tensor]:
        """`count` orders of all patches: those of blurred noise, in which neighbours are as alike as in the methods'
        maps (`SMOOTH`). Scattered orders would spread less, so that a map which is smooth beats them easily."""
        edge = math.ceil(4 * SMOOTH)
        noise = torch.randn(count, *(side + 2 * edge for side in self.grid), generator=draw)
        blurred = gaussian_blur(noise, [2 * edge + 1] * 2, [SMOOTH] * 2)[:, edge:-edge, edge:-edge]  # (count, grid)
        return list(blurred.flatten(1).argsort(descending=True))  # (patches,) each


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
    def grid(self) -> tuple[int, int]:
        """One column."""
        return len(self), 1

    @property
    def prefix(self) -> tuple[str, ...]:
        """Marks are pieces like others: nothing stands before the grid."""
        return ()

    @property
    def units(self) -> Sequence[int]:
        """What is taken away as one: a word with all its pieces."""
        return self.words

    @property
    def input_place(self) -> tuple[object, ...]:
        """A sentence lies nowhere but in its pieces."""
        return ()

    def kind_of(self, position: int) -> str:
        """What a special position is: "tag", "prompt", "start", "end" or "mark"."""
        looks = next((kind for pattern, kind in MARKS.items() if re.fullmatch(pattern, self.pieces[position])), None)
        return looks or {0: "start", len(self) - 1: "end"}.get(position, "mark")

    def coordinates(self, relative: bool = False) -> Tensor:
        """Index of each position, relative from 0 to 1, in one column: (N, 2)."""
        index = torch.arange(len(self)) / (max(1, len(self) - 1) if relative else 1)
        return torch.stack([index, torch.zeros(len(self))], 1)

    def part(self, kept: Sequence[int]) -> "TokenAxis":
        """The axis of these positions."""
        words = [self.words[i] for i in kept]
        order = {word: number for number, word in enumerate(dict.fromkeys(words))}
        pieces, special = tuple(self.pieces[i] for i in kept), tuple(self.special[i] for i in kept)
        return TokenAxis(pieces, tuple(order[word] for word in words), special)

    def groups(self, across: int = 4) -> dict[str, list[int]]:
        """Positions that are taken together, by name: the pieces of each word. across: of no effect on a sentence."""
        found: dict[int, list[int]] = {}
        for position, word in enumerate(self.words):
            found.setdefault(word, []).append(position)
        return {
            f"{number} · {''.join(self.pieces[i] for i in of_word)}": of_word
            for number, of_word in enumerate(found.values(), 1)
        }

    def random_orders(self, units: int, count: int, draw: torch.Generator) -> list[Tensor]:
        """`count` orders of so many words, any as likely as any other."""
        return [torch.randperm(units, generator=draw) for _ in range(count)]

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


def _cuts(length: int, parts: int) -> list[tuple[int, int]]:
    """0..length in at most `parts` nearly equal pieces."""
    ends = [round(n * length / min(parts, length)) for n in range(min(parts, length) + 1)]
    return list(zip(ends, ends[1:], strict=False))


Axis = PatchAxis | TokenAxis
