"""What two decoders read for the same thing, on attention that is planted."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from core.attention.axes import TokenAxis
from core.differences.meeting import going_on, meetings


@dataclass
class Cross:
    """Only its last layer is asked."""

    rows: Tensor
    layers: int = 3

    def mean(self, layers: list[int]) -> Tensor:
        assert layers == [2]
        return self.rows


def axis(*words: str) -> TokenAxis:
    return TokenAxis(words, tuple(range(len(words))), tuple(word.startswith("<") for word in words))


def test_the_same_thing_is_found_on_both_sides() -> None:
    caption: Any = SimpleNamespace(
        target=axis("a", "dog", "and", "a", "ship", "</s>"), traces={"cross": Cross(torch.eye(6, 9))}
    )
    across = torch.full((4, 5), 0.1)
    across[1, 2], across[3, 2] = 0.6, 0.9  # "Hund" reads "dog"; so does the end mark, which writes nothing
    translation: Any = SimpleNamespace(
        source=axis("<de>", "a", "dog", "sleeps", "</s>"),
        target=axis("Ein", "Hund", "schläft", "</s>"),
        traces={"cross": Cross(across)},
    )
    [(name, position, looked, wrote)] = meetings(caption, translation, "en")
    assert (name, position, looked.step, wrote.step) == ("dog", 2, 1, 1), "no ship was translated"
    assert looked.strongest == (1, 1.0)
    assert wrote.strongest == (2, pytest.approx(0.6))


def test_reading_in_order_goes_on_at_each_step() -> None:
    cross: Any = Cross(torch.eye(5)[[0, 1, 3, 2]])
    assert going_on(cross) == (2, 3)
