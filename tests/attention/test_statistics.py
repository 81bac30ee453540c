"""Attention that is known by construction has its closed-form numbers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.attention.axes import Axis, PatchAxis, TokenAxis
from core.attention.statistics import NAMES, QUERIES, average_statistics, head_statistics, queries, sink_kinds
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace

PATCHES = PatchAxis((3, 4), ("CLS",), (0, 0, 4, 3), (4, 3))
WORDS = TokenAxis(("▁tag", "a", "b", "c", "d", "</s>"), tuple(range(6)), (True, False, False, False, False, True))
REGISTERS = PatchAxis((3, 4), ("CLS", "register 1", "register 2"), (0, 0, 4, 3), (4, 3))
TAGGED = TokenAxis(("<prompt 1>", ">>deu<<", "a", "</s>"), (0, 1, 2, 3), (True, True, False, True))


def trace_of(scores: Tensor, axis: Axis, causal: bool = False, kind: str = "encoder") -> AttentionTrace:
    """Attention softmax(scores): the query is the scores' row, the key the identity."""
    count = scores.shape[-1]
    call = AttentionCall(0, scores[None, None], torch.eye(count)[None, None], None, None, 1.0, causal)
    return AttentionTrace.from_calls(kind, [call], axis, axis)


@pytest.mark.parametrize("axis", [PATCHES, WORDS])
def test_uniform_attention(axis: Axis) -> None:
    found = head_statistics(trace_of(torch.zeros(len(axis), len(axis)), axis))
    assert found["entropy"].item() == pytest.approx(1)
    assert found["distance"].item() == pytest.approx(1)
    assert found["sink"].item() == pytest.approx(sum(axis.special) / len(axis))
    assert found["diagonal"].item() == pytest.approx(1 / len(axis))
    assert found["variation"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("axis", [PATCHES, WORDS])
def test_attention_to_oneself(axis: Axis) -> None:
    count = len(axis)
    found = head_statistics(trace_of(200 * torch.eye(count), axis))
    assert found["entropy"].item() == pytest.approx(0, abs=1e-6)
    assert found["distance"].item() == pytest.approx(0, abs=1e-6)
    assert found["diagonal"].item() == pytest.approx(1)
    assert found["sink"].item() == pytest.approx(sum(axis.special) / count)
    assert found["variation"].item() == pytest.approx(1 - 1 / count)


def test_everything_on_the_first_position() -> None:
    scores = torch.zeros(6, 6)
    scores[:, 0] = 200
    found = head_statistics(trace_of(scores, WORDS))
    assert found["sink"].item() == pytest.approx(1)
    assert found["variation"].item() == pytest.approx(0, abs=1e-6)


def test_uniform_attention_to_the_past_only() -> None:
    found = head_statistics(trace_of(torch.zeros(6, 6), WORDS, causal=True, kind="decoder"))
    assert found["entropy"].item() == pytest.approx(1)
    assert found["distance"].item() == pytest.approx(1)
    assert found["diagonal"].item() == pytest.approx(sum(1 / n for n in range(1, 7)) / 6)


N = 6
NEAR = (torch.arange(N)[:, None] - torch.arange(N)).abs() < 2
PAST = torch.ones(N, N).tril().bool()
PADDED = (torch.arange(N) < 4).expand(N, N)


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("seen", [NEAR, PAST, PADDED, NEAR & PAST], ids=["window", "past", "padding", "past window"])
@pytest.mark.parametrize("axis", [WORDS, PatchAxis((2, 3), (), (0, 0, 3, 2), (3, 2))], ids=["words", "patches"])
def test_uniform_attention_to_what_a_mask_leaves(axis: Axis, seen: Tensor, added: bool) -> None:
    """Entropy and distance are measured against the keys that each query may see, however the mask says it."""
    mask = torch.zeros(N, N).masked_fill(~seen, -1e9) if added else seen
    call = AttentionCall(0, torch.zeros(1, 2, N, 4), torch.zeros(1, 2, N, 4), None, mask[None, None], 1.0, False)
    found = head_statistics(AttentionTrace.from_calls("encoder", [call], axis, axis))
    assert found["entropy"].tolist() == [[pytest.approx(1)] * 2]
    assert found["distance"].tolist() == [[pytest.approx(1)] * 2]


def test_each_layer_and_head_is_measured_against_its_own_mask() -> None:
    """A layer with a window beside one without (as Gemma has them), and two heads with masks of their own."""
    masks = [NEAR[None, None], None, torch.stack([NEAR, PAST])[None]]
    zeros = torch.zeros(1, 2, N, 4)
    calls = [AttentionCall(n, zeros, zeros, None, mask, 1.0, False) for n, mask in enumerate(masks)]
    found = head_statistics(AttentionTrace.from_calls("encoder", calls, WORDS, WORDS))
    for name in ("entropy", "distance"):
        assert found[name].flatten().tolist() == pytest.approx([1.0] * 6)


def test_a_query_that_sees_nothing_adds_nothing() -> None:
    mask = NEAR.clone()
    mask[2] = False
    call = AttentionCall(0, torch.zeros(1, 1, N, 4), torch.zeros(1, 1, N, 4), None, mask[None, None], 1.0, False)
    found = head_statistics(AttentionTrace.from_calls("encoder", [call], WORDS, WORDS))
    assert found["entropy"].item() == pytest.approx(1) and found["distance"].item() == pytest.approx(1)


@pytest.mark.parametrize("place", [(2, 3), (0, 1), (1, 3)])
def test_distance_is_in_patches(place: tuple[int, int]) -> None:
    """Every patch looks at one of them: the mean distance to it, over the mean distance of all pairs."""
    scores = torch.zeros(13, 13)
    scores[:, 1 + 4 * place[0] + place[1]] = 200
    cells = [(r, c) for r in range(3) for c in range(4)]
    there = sum(math.dist(cell, place) for cell in cells) / 12
    even = sum(math.dist(a, b) for a in cells for b in cells) / 144
    assert head_statistics(trace_of(scores, PATCHES))["distance"].item() == pytest.approx(there / even)


def test_across_a_place_is_relative_to_the_length() -> None:
    """Three written words along six that are read: the first belongs to the first, the last to the last."""
    written, read = (TokenAxis(tuple("abcdef"[:n]), tuple(range(n)), (False,) * n) for n in (3, 6))
    scores = torch.zeros(3, 6)
    scores[range(3), [0, 2, 5]] = 200
    call = AttentionCall(0, scores[None, None], torch.eye(6)[None, None], None, None, 1.0, False)
    found = head_statistics(AttentionTrace.from_calls("cross", [call], written, read))
    assert found["diagonal"].item() == pytest.approx(1)
    even = sum(abs(i / 2 - j / 5) for i in range(3) for j in range(6)) / 18
    assert found["distance"].item() == pytest.approx((0.5 - 2 / 5) / 3 / even)


def test_a_long_input_is_sampled() -> None:
    axis = PatchAxis((30, 30), (), (0, 0, 30, 30), (30, 30))
    found = head_statistics(trace_of(torch.zeros(900, 900), axis))
    assert found["entropy"].item() == pytest.approx(1) and found["distance"].item() == pytest.approx(1, rel=0.05)


def test_a_share_at_the_usual_size_is_that_of_all_queries() -> None:
    """CLS and 16 x 16 patches, of which those in even columns look at CLS alone and the others never."""
    axis = PatchAxis((16, 16), ("CLS",), (0, 0, 16, 16), (16, 16))
    scores = torch.zeros(257, 257)
    scores[1::2, 0], scores[0::2, 0] = 200, -200
    assert head_statistics(trace_of(scores, axis))["sink"].item() == pytest.approx(128 / 257, abs=1e-5)


@pytest.mark.parametrize("rows, columns", [(16, 16), (24, 24), (37, 37), (48, 40), (73, 73), (30, 60)])
def test_queries_of_a_long_input_meet_every_column_and_row_alike(rows: int, columns: int) -> None:
    axis = PatchAxis((rows, columns), ("CLS",), (0, 0, columns, rows), (columns, rows))
    chosen = torch.arange(len(axis))[queries(axis)]
    assert len(chosen) <= QUERIES and (len(chosen) == len(axis)) == (len(axis) <= QUERIES)
    places = chosen[chosen >= 1] - 1
    for count, line in ((columns, places % columns), (rows, places // columns)):
        met = line.bincount(minlength=count)
        assert int(met.max() - met.min()) <= 1


def test_queries_of_a_long_text_are_every_nth() -> None:
    for count, step in ((QUERIES, 1), (500, 2), (1000, 3)):
        assert queries(TokenAxis(("a",) * count, tuple(range(count)), (False,) * count)) == slice(None, None, step)


@given(st.integers(0, 10_000), st.sampled_from([PATCHES, WORDS]), st.booleans())
def test_shares_are_shares(seed: int, axis: Axis, causal: bool) -> None:
    scores = 4 * torch.randn(len(axis), len(axis), generator=torch.Generator().manual_seed(seed))
    found = head_statistics(trace_of(scores, axis, causal))
    assert tuple(found) == NAMES
    for name in ("entropy", "sink", "diagonal", "variation"):
        assert -1e-6 <= found[name].item() <= 1 + 1e-6, name
    assert found["distance"].item() >= 0
    parts = average_statistics([trace_of(scores, axis, causal)])
    assert sum(parts[f"sink {kind}"].item() for kind in sink_kinds(axis)) == pytest.approx(parts["sink"].item())


@pytest.mark.parametrize(
    ("axis", "kinds"),
    [
        (REGISTERS, {"CLS": [0], "register": [1, 2]}),
        (TAGGED, {"prompt": [0], "tag": [1], "end": [3]}),
        (WORDS, {"start": [0], "end": [5]}),
        (PatchAxis((3, 4), (), (0, 0, 4, 3), (4, 3)), {}),
    ],
)
def test_special_positions_have_a_kind(axis: Axis, kinds: dict[str, list[int]]) -> None:
    assert {kind: which.nonzero()[:, 0].tolist() for kind, which in sink_kinds(axis).items()} == kinds
    found = average_statistics([trace_of(torch.zeros(len(axis), len(axis)), axis)])
    assert set(found) == {*NAMES, *(f"sink {kind}" for kind in kinds)}
    for kind, positions in kinds.items():
        assert found[f"sink {kind}"].item() == pytest.approx(len(positions) / len(axis))


def test_the_sink_mass_says_who_takes_it() -> None:
    scores = torch.zeros(15, 15)
    scores[:, 2] = 200
    found = average_statistics([trace_of(scores, REGISTERS)])
    assert (found["sink register"].item(), found["sink CLS"].item()) == (pytest.approx(1), pytest.approx(0, abs=1e-6))


def test_inputs_of_different_lengths_are_averaged_one_by_one() -> None:
    shorter = TokenAxis(("a", "b", "</s>"), (0, 1, 2), (False, False, True))
    traces = [trace_of(torch.zeros(6, 6), WORDS), trace_of(200 * torch.eye(3), shorter)]
    found = average_statistics(trace for trace in traces)
    assert found["entropy"].item() == pytest.approx(1 / 2, abs=1e-6)
    assert found["diagonal"].item() == pytest.approx((1 / 6 + 1) / 2)
    assert found["variation"].item() == pytest.approx(2 / 3 / 2)
    assert found["sink start"].item() == pytest.approx(1 / 6 / 2), "the shorter one has no start mark: 0"
    assert found["sink end"].item() == pytest.approx((1 / 6 + 1 / 3) / 2)
    with pytest.raises(ValueError, match="no trace"):
        average_statistics([])
