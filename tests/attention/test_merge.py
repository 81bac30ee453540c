"""Merging pieces to words keeps what attention means."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from core.attention.axes import TokenAxis
from core.attention.merge import merge_map


def axis(lengths: list[int]) -> TokenAxis:
    words = tuple(word for word, length in enumerate(lengths) for _ in range(length))
    return TokenAxis(("x",) * len(words), words, (False,) * len(words))


LENGTHS = st.lists(st.integers(1, 4), min_size=1, max_size=6)


@given(LENGTHS, LENGTHS, st.integers(0, 10**6))
def test_rows_still_sum_to_one(queries: list[int], keys: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    weights = torch.rand(sum(queries), sum(keys)).softmax(-1)
    merged = merge_map(weights, axis(queries), axis(keys))
    assert merged.shape == (len(queries), len(keys))
    torch.testing.assert_close(merged.sum(-1), torch.ones(len(queries)))


def test_key_pieces_add_and_query_pieces_average() -> None:
    weights = torch.tensor([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]])
    torch.testing.assert_close(merge_map(weights, axis([2]), axis([2, 1])), torch.tensor([[0.5, 0.5]]))
