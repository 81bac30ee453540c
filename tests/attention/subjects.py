"""Subjects whose answers are known in closed form, in place of a model's."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.attention.axes import TokenAxis
from core.attention.subject import Subject


def linear(weights: Sequence[float], words: Sequence[int] | None = None, marks: Sequence[int] = ()) -> Subject:
    """The score is the sum of the weights of the positions that are kept. words: of each position; marks: the special
    positions. It has no attention."""
    count = len(weights)
    words = range(count) if words is None else words
    axis = TokenAxis(tuple("x" * count), tuple(words), tuple(i in marks for i in range(count)))
    value = torch.tensor(weights, dtype=torch.float64)

    def score(kept: Tensor, fill: str) -> Tensor:
        return (kept * value).sum(-1)

    def run() -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    return Subject({}, axis, None, torch.ones(1), ("mask",), score, run, lambda leaf: leaf)
