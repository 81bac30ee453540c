"""Attention that models form by themselves: the weights are theirs, and whatever uses a call uses them."""

from collections.abc import Callable

import pytest
import torch
import transformers as hf
from torch import Tensor, nn

from core.attention.ablation import without
from core.attention.axes import TokenAxis
from core.attention.propagation import Propagation
from core.attention.subject import Subject
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace
from core.errors import SidelightError
from tests.attention.architectures import ENCODER, FORMED, VOCABULARY


@pytest.mark.parametrize("name", FORMED)
def test_the_weights_are_those_that_the_model_puts_out(name: str) -> None:
    case = FORMED[name]()
    with torch.inference_mode():
        with Tape.record(values=True) as tape:
            case.run()
        eager = case.eager()
    assert len(tape.calls) == len(eager) > 0
    for call, expected in zip(tape.calls, eager, strict=True):
        assert call.is_formed and call.deviation == 0
        torch.testing.assert_close(call.weights().reshape(expected.shape), expected, atol=1e-6, rtol=0)
        assert call.recorded_value.shape[:3] == (*call.key.shape[:3],)
        assert call.nbytes >= expected.numel() * 4


def test_a_sink_takes_its_share_of_every_row() -> None:
    with torch.inference_mode(), Tape.record() as tape:
        FORMED["gpt-oss-sink"]().run()
    assert float(tape.calls[0].weights().sum(-1).max()) < 0.999


def test_whether_later_keys_are_seen_is_read_from_the_weights() -> None:
    with torch.inference_mode(), Tape.record() as tape:
        FORMED["bloom"]().run()
        FORMED["deberta"]().run()
    assert [call.is_forward_only(0) for call in tape.calls] == [True, True, False, False]


def bert(how: str) -> Callable[[], Tensor]:
    """One number that a small BERT makes of a sentence."""
    torch.manual_seed(0)
    model = hf.BertModel._from_config(hf.BertConfig(**ENCODER, intermediate_size=64), attn_implementation=how).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    ids = torch.arange(9)[None] % VOCABULARY
    return lambda: model(input_ids=ids).last_hidden_state[0, 0, 0]


@pytest.mark.parametrize("tape", [Tape.differentiate, Propagation])
def test_gradients_and_relevance_are_those_of_the_fused_call(tape: Callable[[], Tape]) -> None:
    found = []
    for how in ("sdpa", "eager"):
        with torch.enable_grad(), tape() as recorded:
            asked = bert(how)()
        maps = [call.explicit for call in recorded.calls]
        found.append((maps, torch.autograd.grad(asked, maps)))
    for fused, formed in zip(*found, strict=True):
        assert len(fused) == len(formed) == 2
        torch.testing.assert_close(fused, formed, atol=1e-5, rtol=1e-3)


def by_itself(together: bool) -> Callable[[Tensor], Tensor]:
    """Attention over x (B, H, N, d), written out; together: items and heads in one dimension."""

    def attend(x: Tensor) -> Tensor:
        flat = x.flatten(0, 1) if together else x
        return (torch.softmax(flat @ flat.mT, -1) @ flat).reshape(x.shape)

    return attend


@pytest.mark.parametrize("together", [False, True])
def test_a_head_that_is_off_puts_out_nothing_in_every_item(together: bool) -> None:
    attend, x = by_itself(together), torch.randn(3, 4, 5, 8)
    with Tape.record() as tape:
        attend(x[:1])
    axis = TokenAxis(("a",) * 5, tuple(range(5)), (False,) * 5)
    trace = AttentionTrace.from_calls("encoder", tape.calls, axis, axis)
    none: dict = dict.fromkeys(("target", "reader", "fills", "score", "run", "unfold"))
    subject = Subject({"encoder": trace}, axis, **none)
    expected = attend(x)
    expected[:, 2] = 0
    with without(subject, [("encoder", 0, 2)]):
        torch.testing.assert_close(attend(x), expected)


def test_an_einsum_of_the_weights_is_such_a_product_too() -> None:
    x = torch.randn(2, 4, 5, 8)  # (B, H, N, d)
    with Tape.intervene(lambda call, output: output * (torch.arange(4) != 1)[:, None, None]) as tape:
        found = torch.einsum("bnij,bjnd->bind", torch.softmax(x @ x.mT, -1), x.transpose(1, 2))
    expected = by_itself(False)(x).transpose(1, 2).clone()
    expected[:, :, 1] = 0
    torch.testing.assert_close(found, expected)
    assert torch.equal(tape.calls[0].recorded_value, x)


def test_what_is_no_product_of_the_weights_with_values_is_no_call() -> None:
    x = torch.randn(2, 4, 5, 5)
    with Tape.record() as tape:
        x @ torch.softmax(x, -1)  # a kernel, not weights
        torch.softmax(x, -2) @ x  # over queries
        (torch.softmax(x, -1) * 2) @ x  # heads that were mixed, chunks that were padded: other numbers
        torch.softmax(x[0, 0], -1) @ x[0, 0]  # a router
    assert tape.calls == []


def test_what_would_not_fit_into_memory_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.attention.tape.ROOM", 2 * 4 * 4 * 25)
    x = torch.randn(1, 4, 5, 8)
    with Tape.record() as tape, pytest.raises(SidelightError) as caught:
        for _ in range(3):
            by_itself(False)(x)
    assert caught.value.code == "attention.too_large" and len(tape.calls) == 2
