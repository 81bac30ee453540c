"""The tape against what the models' own eager code computes, and against attention written out by hand."""

import gc
import threading
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from core.attention.axes import TokenAxis
from core.attention.tape import AttentionCall, Tape, _deviation
from core.attention.trace import AttentionTrace
from tests.attention.architectures import CASES


@pytest.mark.parametrize("name", CASES)
def test_recomputed_rows_equal_eager_attention(name: str) -> None:
    case = CASES[name]()
    with torch.inference_mode():
        with Tape.record() as tape:
            case.run()
        eager = case.eager()
    assert len(tape.calls) == len(eager) > 0
    for call, expected in zip(tape.calls, eager, strict=True):
        rows = call.weights()
        torch.testing.assert_close(rows, expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(rows.sum(-1), torch.ones(rows.shape[:-1]), atol=1e-4, rtol=0)
        assert call.deviation <= call.tolerance


def by_hand(q: Tensor, k: Tensor, mask: Tensor | None, causal: bool, scale: float | None) -> Tensor:
    k = k.repeat_interleave(q.shape[-3] // k.shape[-3], -3) if q.dim() > 3 else k
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1).nan_to_num(0)


@st.composite
def calls(draw: st.DrawFn) -> dict:
    torch.manual_seed(draw(st.integers(0, 10**6)))
    lead = draw(st.sampled_from([(1, 2), (3, 4), (2, 3, 2), (2,), ()]))  # heads last; (2, 3, 2) has windows
    n_q, n_k, d = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.sampled_from([4, 8]))
    grouped = len(lead) == 2 and draw(st.booleans())
    key_lead = (*lead[:-1], lead[-1] // 2) if grouped else lead
    full = (*lead, n_q, n_k)
    shapes = [full[i:] for i in range(len(full) - 1)] + [(*lead[:-1], *(1,) * bool(lead), n_q, n_k), (1, n_k)]
    kind = draw(st.sampled_from(["none", "causal", "boolean", "additive"]))
    shape = draw(st.sampled_from(shapes))
    mask = {"boolean": torch.rand(shape) > 0.3, "additive": torch.randn(shape)}.get(kind)
    return {
        "query": torch.randn(*lead, n_q, d),
        "key": torch.randn(*key_lead, n_k, d),
        "value": torch.randn(*key_lead, n_k, 3),
        "attn_mask": mask,
        "is_causal": kind == "causal",
        "scale": draw(st.sampled_from([None, 0.1, 1.0])),
        "enable_gqa": grouped,
    }


@settings(max_examples=150)
@given(calls())
def test_any_call_is_recomputed(call: dict) -> None:
    expected = by_hand(call["query"], call["key"], call["attn_mask"], call["is_causal"], call["scale"])
    plain = F.scaled_dot_product_attention(**call)
    with Tape.record(values=True) as tape:
        output = F.scaled_dot_product_attention(**call)
    assert torch.equal(output, plain)
    recorded = tape.calls[0]
    torch.testing.assert_close(recorded.weights().reshape(expected.shape), expected, atol=1e-5, rtol=0)
    assert recorded.deviation <= recorded.tolerance


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_recomputed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 7, 8).to(dtype) for _ in range(3))
    with Tape.record() as tape:
        F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(tape.calls[0].weights(), by_hand(q.float(), k.float(), None, False, None))
    assert tape.calls[0].deviation <= tape.calls[0].tolerance


def test_records_are_detached_small_and_released() -> None:
    fused = torch.randn(1, 5, 3, 2, 4, requires_grad=True)
    q, k, v = fused.permute(2, 0, 3, 1, 4).unbind(0)
    with Tape.record() as tape:
        F.scaled_dot_product_attention(q, k, v)
    call = tape.calls[0]
    assert not call.query.requires_grad and call.value is None
    assert call.nbytes == 2 * q.numel() * 4, "the fused qkv buffer is not kept alive"
    axis = TokenAxis(tuple("abcde"), tuple(range(5)), (False,) * 5)
    trace, died = AttentionTrace.from_calls("encoder", tape.calls, axis, axis), weakref.ref(call.query)
    del call, tape, trace
    gc.collect()
    assert died() is None


def test_threads_do_not_see_each_other() -> None:
    q = torch.randn(1, 1, 3, 4)
    with Tape.record() as tape:
        other = threading.Thread(target=lambda: F.scaled_dot_product_attention(q, q, q))
        other.start()
        other.join()
    assert tape.calls == []


def test_differentiate_gives_the_gradient_of_each_weight() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 5, 4, requires_grad=True) for _ in range(3))
    with Tape.differentiate() as tape:
        output = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(output, F.scaled_dot_product_attention(q, k, v, is_causal=True))
    output.square().sum().backward()
    # d sum(o^2) / d a_ij = 2 o_i . v_j
    torch.testing.assert_close(tape.calls[0].attention.grad, 2 * output.detach() @ v.detach().transpose(-2, -1))


def test_intervene_switches_a_head_off() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 4) for _ in range(3))

    def silence(call: AttentionCall, output: Tensor) -> Tensor:
        return output * torch.tensor([1.0, 0.0, 1.0])[:, None, None]

    with Tape.intervene(silence):
        changed = F.scaled_dot_product_attention(q, k, v)
    expected = F.scaled_dot_product_attention(q, k, v)
    expected[:, 1] = 0
    torch.testing.assert_close(changed, expected)


def test_the_guard_catches_a_wrong_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 6, 4) for _ in range(3))
    axis = TokenAxis(tuple("abcdef"), tuple(range(6)), (False,) * 6)
    mask = torch.ones(6, 6, dtype=torch.bool).tril()

    def problems() -> tuple:
        with Tape.record() as tape:
            F.scaled_dot_product_attention(q, k, v, mask)
        return AttentionTrace.from_calls("decoder", tape.calls, axis, axis).problems

    assert problems() == ()
    monkeypatch.setattr("core.attention.tape._fold_mask", lambda mask, query: mask.roll(1, -1)[None, None])
    assert [problem.layer for problem in problems()] == [0]


@pytest.mark.parametrize("wrong", [0, 150, 299])
def test_the_guard_looks_at_more_than_the_first_query(wrong: int) -> None:
    """Of 300 queries it recomputes few, so the record is off for a whole stretch of them."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 300, 4) for _ in range(3))
    call = AttentionCall(0, q, k, v, None, 0.5, False)
    output = F.scaled_dot_product_attention(q, k, v)
    assert _deviation(call, output) <= call.tolerance
    output[:, :, max(0, wrong - 150) : wrong + 150] += 1
    assert _deviation(call, output) > call.tolerance
