"""Axes and traces: every position means what it says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from core.attention.axes import PatchAxis, TokenAxis
from core.attention.statistics import effective_keys, entropy
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 5), st.integers(0, 5))
def test_every_position_has_a_label_a_place_and_a_meaning(rows: int, columns: int, prefix: int, suffix: int) -> None:
    axis = PatchAxis((rows, columns), ("CLS",) * prefix, (0, 0, 1, 1), (1, 1), ("object 1",) * suffix)
    assert len(axis) == len(axis.labels) == len(axis.special) == len(axis.units) == prefix + rows * columns + suffix
    assert not any(axis.special[axis.patches]) and sum(axis.special) == prefix + suffix
    places = [f"{row + 1:.0f},{column + 1:.0f}" for row, column in axis.coordinates()[axis.patches].tolist()]
    assert tuple(places) == axis.labels[axis.patches]


def test_pieces_merge_to_words() -> None:
    axis = TokenAxis(("un", "help", "ful", "."), (0, 0, 0, 1), (False,) * 4)
    assert axis.merged().pieces == ("unhelpful", ".")


def test_a_word_shows_a_character_that_its_pieces_share_once() -> None:
    axis = TokenAxis(("\ufffd", "\ufffd", "🙂", "\ufffd"), (0, 0, 0, 1), (False,) * 4)
    assert axis.merged().pieces == ("🙂", "\ufffd"), "alone, half a character is all there is"


def trace_of(query: torch.Tensor, key: torch.Tensor) -> AttentionTrace:
    n = query.shape[-2]
    axis = TokenAxis(("x",) * n, tuple(range(n)), (False,) * n)
    with Tape.record() as tape:
        F.scaled_dot_product_attention(query, key, key)
    return AttentionTrace.from_calls("encoder", tape.calls, axis, axis)


def test_uniform_and_identity_attention_have_their_closed_form() -> None:
    uniform = trace_of(torch.zeros(1, 2, 8, 4), torch.zeros(1, 2, 8, 4))
    torch.testing.assert_close(entropy(uniform, 0), torch.full((2, 8), 3.0))  # log2 of 8 keys
    assert effective_keys(uniform, 0) == pytest.approx(8)
    sharp = 200 * torch.eye(8).expand(1, 1, 8, 8)
    assert effective_keys(trace_of(sharp, sharp), 0) == pytest.approx(1)


def test_row_column_map_and_mean_agree() -> None:
    torch.manual_seed(0)
    trace = trace_of(torch.randn(1, 3, 6, 4), torch.randn(1, 3, 6, 4))
    whole = torch.stack([trace.map(0, head) for head in range(3)])
    torch.testing.assert_close(trace.mean(), whole.mean(0))
    torch.testing.assert_close(trace.row(0, 1, 4), whole[1, 4])
    torch.testing.assert_close(trace.column(0, 2, 3), whole[2, :, 3])


def test_a_call_that_does_not_fit_its_axes_is_refused() -> None:
    trace = trace_of(torch.randn(1, 1, 6, 4), torch.randn(1, 1, 6, 4))
    short = TokenAxis(("x",), (0,), (False,))
    with pytest.raises(ValueError):
        AttentionTrace.from_calls("encoder", trace.calls, short, short)
