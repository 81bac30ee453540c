"""Rank correlation against the pairwise definition of ranks, and disagreement where it is known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.attention.agreement import disagreement, ranks, spearman

MAPS = st.integers(2, 12).flatmap(
    lambda units: st.lists(st.lists(st.integers(-3, 3), min_size=units, max_size=units), min_size=2, max_size=5)
)


def ranks_by_hand(row: list[float]) -> list[float]:
    return [sum(x < value for x in row) + (sum(x == value for x in row) - 1) / 2 for value in row]


def pearson_by_hand(first: list[float], second: list[float]) -> float:
    means = sum(first) / len(first), sum(second) / len(second)
    products = sum((x - means[0]) * (y - means[1]) for x, y in zip(first, second, strict=True))
    squares = [sum((x - mean) ** 2 for x in row) for row, mean in ((first, means[0]), (second, means[1]))]
    return products / math.sqrt(squares[0] * squares[1]) if min(squares) > 0 else math.nan


@settings(max_examples=80)
@given(MAPS)
def test_spearman_is_pearson_of_ranks_with_ties(maps: list[list[float]]) -> None:
    found = spearman(torch.tensor(maps, dtype=torch.float32))
    hand = [ranks_by_hand(row) for row in maps]
    assert ranks(torch.tensor(maps)).tolist() == hand
    for i, first in enumerate(hand):
        for j, second in enumerate(hand):
            expected = 1.0 if i == j else pearson_by_hand(first, second)
            assert float(found[i, j]) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(max_examples=50)
@given(st.permutations(range(8)))
def test_without_ties_spearman_is_the_sum_of_squared_differences(order: list[int]) -> None:
    maps = torch.tensor([list(range(8)), order]).float().exp()  # only ranks matter
    squares = sum((a - b) ** 2 for a, b in zip(range(8), order, strict=True))
    assert float(spearman(maps)[0, 1]) == pytest.approx(1 - 6 * squares / (8 * 63), abs=1e-9)


def test_equal_methods_agree_and_opposite_ones_disagree_most_at_the_ends() -> None:
    up = torch.arange(5.0)
    assert disagreement(torch.stack([up, up * 3 + 1, up.exp()])).tolist() == pytest.approx([0.0] * 5)
    assert disagreement(torch.stack([up, -up])).tolist() == pytest.approx([0.5, 0.25, 0.0, 0.25, 0.5])
    assert spearman(torch.stack([up, -up])).flatten().tolist() == pytest.approx([1.0, -1.0, -1.0, 1.0])


@settings(max_examples=50)
@given(MAPS)
def test_disagreement_is_the_spread_of_normalised_ranks(maps: list[list[float]]) -> None:
    found = disagreement(torch.tensor(maps).float())
    columns = zip(*([r / (len(maps[0]) - 1) for r in ranks_by_hand(row)] for row in maps), strict=True)
    for value, column in zip(found.tolist(), columns, strict=True):
        mean = sum(column) / len(column)
        assert value == pytest.approx(math.sqrt(sum((x - mean) ** 2 for x in column) / len(column)), abs=1e-9)
        assert 0 <= value <= 0.5 + 1e-9


def test_one_unit_is_no_disagreement() -> None:
    assert disagreement(torch.tensor([[3.0], [5.0]])).tolist() == [0.0]
