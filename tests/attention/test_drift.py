"""Drift between attention that is known by construction has its closed-form numbers; prompts do not count as drift."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.attention.axes import Axis, PatchAxis, TokenAxis
from core.attention.drift import head_drift, jensen_shannon
from core.attention.statistics import head_statistics
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace

PATCHES = PatchAxis((3, 4), ("CLS",), (0, 0, 4, 3), (4, 3))
PROMPTED = PatchAxis((3, 4), ("CLS", "register 1", "register 2"), (0, 0, 4, 3), (4, 3))
WORDS = TokenAxis(("▁tag", "a", "b", "a", "</s>"), (0, 1, 2, 3, 4), (True, False, False, False, True))
PROMPTED_WORDS = TokenAxis(("p1", "p2", *WORDS.pieces), tuple(range(7)), (True, True, *WORDS.special))


def trace_of(
    scores: Tensor, query_axis: Axis, key_axis: Axis | None = None, causal: bool = False, kind: str = "encoder"
) -> AttentionTrace:
    """Attention softmax(scores), scores (L, H, Nq, Nk): the query is the scores' row, the key the identity."""
    key = torch.eye(scores.shape[-1]).expand(1, scores.shape[1], -1, -1)
    calls = [AttentionCall(0, layer[None], key, None, None, 1.0, causal) for layer in scores]
    return AttentionTrace.from_calls(kind, calls, query_axis, key_axis or query_axis)


def random_scores(seed: int, *shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_same_distribution_is_at_distance_0() -> None:
    p = random_scores(0, 50, 9).softmax(-1)
    assert jensen_shannon(p, p).tolist() == [0.0] * 50


def test_distributions_with_nothing_in_common_are_at_distance_1() -> None:
    p, q = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0]]), torch.tensor([[0.0, 0, 1, 0], [0, 0, 0.2, 0.8]])
    assert jensen_shannon(p, q).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("count", [2, 5, 257])
def test_uniform_against_one_key(count: int) -> None:
    """By formula: entropy of the mixture less the mean of 0 and log2 n."""
    inside, outside = (1 + 1 / count) / 2, 1 / (2 * count)
    mixture = -inside * math.log2(inside) - (count - 1) * outside * math.log2(outside)
    expected = math.sqrt(mixture - math.log2(count) / 2)
    found = jensen_shannon(torch.full((count, count), 1 / count), torch.eye(count))
    assert found.tolist() == pytest.approx([expected] * count, abs=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(0.01, 30))
def test_the_distance_is_symmetric_a_metric_and_at_most_1(seed: int, count: int, sharpness: float) -> None:
    p, q, r = (sharpness * random_scores(seed, 3, 4, count)).softmax(-1)
    there, back = jensen_shannon(p, q), jensen_shannon(q, p)
    assert torch.equal(there, back) and there.min() >= 0 and there.max() <= 1
    assert (jensen_shannon(p, r) <= there + jensen_shannon(q, r) + 1e-6).all()


def test_uniform_attention_that_becomes_attention_to_oneself() -> None:
    before = trace_of(torch.zeros(2, 3, 13, 13), PATCHES)
    after = trace_of(torch.stack([torch.zeros(3, 13, 13), 200 * torch.eye(13).expand(3, -1, -1)]), PATCHES)
    found = head_drift(before, after)
    assert set(found) == {"js", "entropy", "distance"} and all(value.shape == (2, 3) for value in found.values())
    expected = jensen_shannon(torch.full((13,), 1 / 13), torch.eye(13)[0]).item()
    assert found["js"][0].tolist() == [0, 0, 0] and found["js"][1].tolist() == pytest.approx([expected] * 3)
    for name in ("entropy", "distance"):
        assert found[name][0].tolist() == [0, 0, 0] and found[name][1].tolist() == pytest.approx([-1] * 3, abs=1e-5)


@given(st.integers(0, 10_000), st.booleans())
def test_there_and_back(seed: int, causal: bool) -> None:
    first, second = (trace_of(random_scores(seed + i, 2, 2, 5, 5), WORDS, causal=causal) for i in (0, 1))
    there, back = head_drift(first, second), head_drift(second, first)
    assert torch.equal(there["js"], back["js"]) and there["js"].min() > 0 and there["js"].max() <= 1
    assert torch.equal(there["entropy"], -back["entropy"]) and torch.equal(there["distance"], -back["distance"])


@pytest.mark.parametrize(("axis", "prompted", "at"), [(PATCHES, PROMPTED, 1), (WORDS, PROMPTED_WORDS, 0)])
def test_a_prompt_that_changes_nothing_else_is_no_drift(axis: Axis, prompted: Axis, at: int) -> None:
    """Two positions more, which take most of the weight: the others share what is left as they did before."""
    scores = random_scores(1, 2, 2, len(axis), len(axis))
    wide = 6 + random_scores(2, 2, 2, len(prompted), len(prompted))
    kept = [i for i in range(len(prompted)) if not at <= i < at + 2]
    for i, row in enumerate(kept):
        wide[:, :, row, kept] = scores[:, :, i]
    before, after = trace_of(scores, axis), trace_of(wide, prompted)
    for found in (head_drift(before, after), head_drift(after, before)):
        assert all(value.abs().max() < 1e-3 for value in found.values())
    wide[:, :, kept[0], kept[1]] += 5
    assert head_drift(before, trace_of(wide, prompted))["js"].min() > 0.01


def test_a_prefix_that_only_keys_have_keeps_causality() -> None:
    """Prefix tuning: two keys more that every query sees, given as a mask."""
    scores, seen = random_scores(3, 1, 2, 5, 5), torch.ones(5, 5).tril().bool()
    before = trace_of(scores, WORDS, causal=True, kind="decoder")
    query = torch.cat([torch.full((1, 2, 5, 2), 4.0), scores], -1)[0][None]
    mask = torch.cat([torch.ones(5, 2).bool(), seen], 1)[None, None]
    call = AttentionCall(0, query, torch.eye(7).expand(1, 2, -1, -1), None, mask, 1.0, False)
    after = AttentionTrace.from_calls("decoder", [call], WORDS, PROMPTED_WORDS)
    assert all(value.abs().max() < 1e-3 for value in head_drift(before, after).values())


def test_a_causal_prompt_in_front_keeps_causality() -> None:
    scores = random_scores(4, 1, 2, 7, 7)
    before = trace_of(scores[..., 2:, 2:], WORDS, causal=True, kind="decoder")
    after = trace_of(scores, PROMPTED_WORDS, causal=True, kind="decoder")
    assert all(value.abs().max() < 1e-3 for value in head_drift(before, after).values())


def test_each_item_of_a_batch_keeps_its_own_mask() -> None:
    """The second item hides a key that the first one sees; beside it a prompt, which is left out."""
    scores = random_scores(5, 1, 2, 5, 5)
    mask = torch.ones(2, 1, 7, 7, dtype=torch.bool)
    mask[1, ..., 4] = False  # "a" behind the prompt's two
    wide = torch.nn.functional.pad(scores, (2, 0, 2, 0)).expand(2, -1, -1, -1)
    call = AttentionCall(0, wide, torch.eye(7).expand(2, 2, -1, -1), None, mask, 1.0, False)
    before = trace_of(scores.masked_fill(torch.arange(5) == 2, -torch.inf).clamp_min(-1e4), WORDS)
    for item, same in ((0, False), (1, True)):
        after = AttentionTrace.from_calls("encoder", [call], PROMPTED_WORDS, PROMPTED_WORDS, item)
        assert (float(head_drift(before, after)["js"].max()) < 1e-3) == same


def test_a_long_input_is_sampled() -> None:
    axis = PatchAxis((30, 30), (), (0, 0, 30, 30), (30, 30))
    before = trace_of(torch.zeros(1, 1, 900, 900), axis)
    found = head_drift(before, trace_of(200 * torch.eye(900)[None, None], axis))
    one = jensen_shannon(torch.full((900,), 1 / 900), torch.eye(900)[0]).item()
    assert found["js"].item() == pytest.approx(one, rel=1e-4)
    same = head_statistics(before)["entropy"]
    assert found["entropy"].item() == pytest.approx(-same.item(), abs=1e-4)


OTHER_WORDS = TokenAxis(("▁tag", "a", "b", "c", "</s>"), (0, 1, 2, 3, 4), WORDS.special)
LONGER = TokenAxis((*WORDS.pieces[:4], "a", "</s>"), tuple(range(6)), (*WORDS.special[:4], False, True))
OTHER_TAG = TokenAxis(("▁other", *WORDS.pieces[1:]), WORDS.words, WORDS.special)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PATCHES, PatchAxis((4, 3), ("CLS",), (0, 0, 4, 3), (4, 3))),
        (PATCHES, PatchAxis((3, 4), ("CLS",), (1, 0, 4, 3), (4, 3))),
        (WORDS, OTHER_WORDS),
        (WORDS, LONGER),
        (WORDS, OTHER_TAG),
        (WORDS, PATCHES),
    ],
)
def test_another_input_is_refused(first: Axis, second: Axis) -> None:
    traces = [trace_of(torch.zeros(1, 1, len(axis), len(axis)), axis) for axis in (first, second)]
    with pytest.raises(ValueError, match="input"):
        head_drift(*traces)


@pytest.mark.parametrize("shape", [(2, 1), (1, 2)])
def test_another_architecture_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="layers or heads"):
        head_drift(trace_of(torch.zeros(1, 1, 5, 5), WORDS), trace_of(torch.zeros(*shape, 5, 5), WORDS))
