"""Held-out items that nearly stand in the training part: whoever has learnt the one knows the other, so that the
measured quality says little about new items."""

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.errors import SidelightError

SIDE, APART = 16, 8 / 255  # pictures are compared so small; root mean square difference of near ones, 0 to 1
ALIKE = 0.8  # Jaccard index of near sentences' words
BLOCK = 500  # held-out pictures at once
WORD = re.compile(r"[\u4e00-\u9fff]|\d+|(?:(?![\u4e00-\u9fff])[^\W\d_])+")


def near_pictures(train: Tensor, held_out: Tensor) -> int:
    """How many of the held-out pictures have a near one, or its mirror image, in training: uint8 (N, 3, S, S). Plain
    ones, in which there is nothing to compare, do not count."""
    known = _small(train)
    known = torch.cat([known, known.flip(-1)]).flatten(1)  # (2N, 3 * 16 * 16)
    limit, count = APART * known.shape[1] ** 0.5, 0
    asked = _small(held_out)
    asked = asked[asked.std((2, 3)).amax(1) > APART]
    for part in asked.flatten(1).split(BLOCK):
        count += int((torch.cdist(part, known).min(1).values <= limit).sum())
    return count


def _small(images: Tensor) -> Tensor:
    return interpolate(images.float() / 255, (SIDE, SIDE), mode="area")


def near_sentences(train: Sequence[str], held_out: Sequence[str]) -> int:
    """How many of the held-out sentences share at least 80% of their words with one in training."""
    sizes = np.array([len(_words(text)) for text in train])
    places: dict[str, list[int]] = defaultdict(list)  # word -> the training sentences that hold it
    for number, text in enumerate(train):
        for word in _words(text):
            places[word].append(number)
    where = {word: np.array(numbers) for word, numbers in places.items()}
    count = 0
    for text in held_out:
        words = _words(text)
        found = [where[word] for word in words if word in where]
        if found:
            shared = np.bincount(np.concatenate(found), minlength=len(train))
            count += bool((shared / (sizes + len(words) - shared)).max() >= ALIKE)
    return count


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))


def warn_near(kind: str, count: int, total: int) -> tuple[SidelightError, ...]:
    """kind: "pictures" or "sentences"."""
    return (SidelightError(f"data.warn_near_{kind}", count=count, total=total),) if count else ()
