"""Items that are nearly the same: whoever has learnt the one knows the other. Where one is held out and the other
trains, the measured quality says little about new items (`grouping.py` keeps them on one side)."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.errors import SidelightError
from core.finetune.data.crops import near_parts

SIDE, APART = 16, 8 / 255  # pictures are compared so small; root mean square difference of near ones, 0 to 1
ALIKE = 0.8  # Jaccard index of near sentences' words
BLOCK = 500  # pictures that are asked for at once
WORD = re.compile(r"[\u4e00-\u9fff]|\d+|(?:(?![\u4e00-\u9fff])[^\W\d_])+")

Near = Iterator[np.ndarray]  # for each item that is asked for, the numbers of the known ones that are near it


def near_pictures(known: Tensor, asked: Tensor) -> Near:
    """The known pictures that are near each asked one, or near its mirror image, as a whole or where one is a crop of
    the other (`crops.py`): uint8 (N, 3, S, S). Plain ones, in which there is nothing to compare, are near none."""
    holding: list[list[int]] = [[] for _ in asked]  # the known ones that are parts of each asked one
    for number, holders in enumerate(near_parts(asked, known)):
        for holder in holders:
            holding[holder].append(number)
    for whole, parts, others in zip(_near_whole(known, asked), near_parts(known, asked), holding, strict=True):
        yield np.unique(np.concatenate([whole, parts, np.array(others, int)]))


def _near_whole(known: Tensor, asked: Tensor) -> Near:
    small, count = _small(known), len(known)
    both = torch.cat([small, small.flip(-1)]).flatten(1)  # (2N, 3 * 16 * 16)
    limit = APART * both.shape[1] ** 0.5
    for part in _small(asked).split(BLOCK):
        near = torch.cdist(part.flatten(1), both) <= limit  # (B, 2N)
        near &= (part.std((2, 3)).amax(1) > APART)[:, None]
        yield from map(np.flatnonzero, (near[:, :count] | near[:, count:]).numpy())


def _small(images: Tensor) -> Tensor:
    return interpolate(images.float() / 255, (SIDE, SIDE), mode="area")


def near_sentences(known: Sequence[str], asked: Sequence[str]) -> Near:
    """The known sentences that share at least 80% of their words with each asked one."""
    sizes = np.array([len(_words(text)) for text in known])
    places: dict[str, list[int]] = defaultdict(list)  # word -> the known sentences that hold it
    for number, text in enumerate(known):
        for word in _words(text):
            places[word].append(number)
    where = {word: np.array(numbers) for word, numbers in places.items()}
    for text in asked:
        words = _words(text)
        found = [where[word] for word in words if word in where]
        shared = np.bincount(np.concatenate(found), minlength=len(known)) if found else np.zeros(len(known))
        either = np.maximum(sizes + len(words) - shared, 1)  # none where both are without words
        yield np.flatnonzero(shared >= ALIKE * either)


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))


def groups(near: Iterable[np.ndarray], count: int) -> np.ndarray:
    """A number for each of `count` items, (count,): the same for those that are near each other, directly or by way of
    others. near: of every item."""
    found = np.arange(count)
    for item, others in enumerate(near):
        numbers = np.unique(found[np.append(others, item)])
        if len(numbers) > 1:
            found[np.isin(found, numbers)] = numbers[0]
    return found


def warn_near(kind: str, near: Iterable[np.ndarray]) -> tuple[SidelightError, ...]:
    """kind: "pictures" or "sentences". near: the training items that are near each held-out one."""
    found = [len(one) > 0 for one in near]
    return (SidelightError(f"data.warn_near_{kind}", count=sum(found), total=len(found)),) if any(found) else ()


def is_near(warning: SidelightError) -> bool:
    return warning.code.startswith("data.warn_near_")
