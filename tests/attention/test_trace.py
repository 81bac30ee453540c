"""A trace's causality is what its calls were told, and its averages are of all that was asked for."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.attention.axes import TokenAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace

N = 5
LATER = torch.ones(N, N).triu(1).bool()
NEAR = (torch.arange(N)[:, None] - torch.arange(N)).abs() < 2


def axis(count: int = N) -> TokenAxis:
    return TokenAxis(("a",) * count, tuple(range(count)), (False,) * count)


def traced(*masks: Tensor | None, causal: bool = False, item: int = 0, sharp: float = 1.0) -> AttentionTrace:
    """One layer a mask, of two items and two heads."""
    torch.manual_seed(0)
    with Tape.record() as tape:
        for mask in masks:
            query, key = sharp * torch.randn(2, 2, 2, N, 4)
            F.scaled_dot_product_attention(query, key, key, mask, is_causal=causal)
    return AttentionTrace.from_calls("encoder", tape.calls, axis(), axis(), item)


def added(closed: Tensor, value: float) -> Tensor:
    return torch.zeros(closed.shape).masked_fill(closed, value)


@pytest.mark.parametrize("value", [-torch.inf, torch.finfo(torch.float32).min, -1e9, -1e4])
def test_a_triangle_in_the_mask_is_causal_however_it_is_written(value: float) -> None:
    assert traced(added(LATER, value)).is_causal
    assert traced(added(LATER, value) + torch.randn(2, 2, N, N).tril()).is_causal, "with a bias on the past"
    assert traced(~LATER & NEAR).is_causal, "a window on the past"


@pytest.mark.parametrize("mask", [None, NEAR, added(LATER, -3), added(~NEAR, -torch.inf), torch.randn(2, 2, N, N)])
def test_what_may_see_a_later_key_is_not_causal(mask: Tensor | None) -> None:
    assert not traced(mask).is_causal


def test_a_sharp_layer_that_looks_at_itself_is_not_causal() -> None:
    with Tape.record() as tape:
        key = 40 * torch.eye(N)[None, None]
        F.scaled_dot_product_attention(key, key, key)
    trace = AttentionTrace.from_calls("encoder", tape.calls, axis(), axis())
    assert torch.equal(trace.row(0, 0, 0), torch.eye(N)[0]) and not trace.is_causal


def test_causality_is_of_every_layer_head_and_of_the_own_item() -> None:
    causal = added(LATER, -torch.inf)
    assert not traced(causal, torch.zeros(N, N)).is_causal
    assert not traced(torch.stack([causal, torch.zeros(N, N)])[None]).is_causal
    both = torch.stack([causal, torch.zeros(N, N)])[:, None]
    assert traced(both, item=0).is_causal and not traced(both, item=1).is_causal
    assert traced(None, causal=True).is_causal


@pytest.mark.parametrize(
    "choose", [lambda t: {}, lambda t: {"layers": [1]}, lambda t: {"layers": [0, 2], "heads": [1]}]
)
def test_the_mean_is_of_the_chosen_layers_and_heads(choose: Callable) -> None:
    trace = traced(None, None, None)
    chosen = choose(trace)
    maps = [trace.map(layer, h) for layer in chosen.get("layers", range(3)) for h in chosen.get("heads", range(2))]
    torch.testing.assert_close(trace.mean(**chosen), torch.stack(maps).mean(0))
    torch.testing.assert_close(trace.mean(**chosen).sum(-1), torch.ones(N))


@pytest.mark.parametrize(
    ("dtype", "rounding", "wrong"),
    [(torch.float32, 5e-5, 1e-3), (torch.float16, 1e-2, 5e-2), (torch.bfloat16, 1e-2, 5e-2)],
)
def test_the_guard_lets_rounding_pass_and_no_more(dtype: torch.dtype, rounding: float, wrong: float) -> None:
    """A deviation of a thousandth is no rounding in float32, nor is one of a twentieth in half precision."""
    query = torch.zeros(1, 1, N, 4, dtype=dtype)
    deviations = (0.0, rounding, wrong, float("nan"))
    calls = [AttentionCall(n, query, query, None, None, 1.0, False, found) for n, found in enumerate(deviations)]
    problems = AttentionTrace.from_calls("encoder", calls, axis(), axis()).problems
    assert [problem.layer for problem in problems] == [2, 3]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="not"):
        AttentionTrace.from_calls("cross", traced(None).calls, axis(), axis(N + 1))
    with pytest.raises(ValueError, match="no attention"):
        AttentionTrace.from_calls("cross", [], axis(), axis())
