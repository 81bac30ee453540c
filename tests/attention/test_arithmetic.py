"""The steps of one query against what timm's and Marian's own code computes, and against attention written by hand."""

import copy
import math

import pytest
import timm
import torch
import transformers as hf
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from core.attention.arithmetic import Arithmetic, arithmetic
from core.attention.axes import PatchAxis, TokenAxis
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace, Kind
from tests.attention.architectures import SEQ2SEQ, T5


def words(count: int) -> TokenAxis:
    return TokenAxis(tuple(map(str, range(count))), tuple(range(count)), (False,) * count)


def recorded(call: dict, kind: Kind = "encoder", item: int = 0) -> AttentionTrace:
    """The trace of one fused call."""
    with Tape.record(values=True) as tape:
        F.scaled_dot_product_attention(**call)
    return AttentionTrace.from_calls(
        kind, tape.calls, words(call["query"].shape[-2]), words(call["key"].shape[-2]), item
    )


def consistent(found: Arithmetic) -> None:
    """Each number follows from those before it, one by one in float64."""
    d, count = len(found.q), len(found.k)
    for j in range(count):
        product = sum(float(found.q[i]) * float(found.k[j, i]) for i in range(d))
        assert float(found.products[j]) == pytest.approx(product, abs=1e-4)
        assert float(found.scaled[j]) == pytest.approx(product * found.scale, abs=1e-4)
    scores = [float(s) + float(m) for s, m in zip(found.scaled, found.mask, strict=True)]
    total = sum(math.exp(score - max(scores)) for score in scores)
    for j in range(count):
        assert float(found.weights[j]) == pytest.approx(math.exp(scores[j] - max(scores)) / total, abs=1e-5)
    assert float(found.shifted.sum()) == pytest.approx(total, rel=1e-5)
    for i in range(found.v.shape[1]):
        mixed = sum(float(found.weights[j]) * float(found.v[j, i]) for j in range(count))
        assert float(found.output[i]) == pytest.approx(mixed, abs=1e-4)


@torch.no_grad()
def test_a_patch_against_timms_own_steps() -> None:
    """timm's plain path is written again here from its weights, up to the output before the projection."""
    torch.manual_seed(0)
    timm.layers.set_fused_attn(True)
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=0, embed_dim=48, depth=2, num_heads=4)
    model.eval()
    seen: list[tuple[Tensor, Tensor]] = []  # of each layer: what its attention reads, and what it gives
    for block in model.blocks:
        block.attn.register_forward_hook(lambda module, read, gave: seen.append((read[0], gave)))
    with Tape.record(values=True) as tape:
        model(torch.randn(1, 3, 64, 64))
    axis = PatchAxis((4, 4), ("CLS",), (0, 0, 64, 64), (64, 64))
    trace = AttentionTrace.from_calls("encoder", tape.calls, axis, axis)
    for layer, (block, (read, gave)) in enumerate(zip(model.blocks, seen, strict=True)):
        q, k, v = block.attn.qkv(read)[0].reshape(17, 3, 4, 12).permute(1, 2, 0, 3)  # (4, 17, 12) each
        products = q @ k.transpose(-2, -1)
        outputs = []
        for head in range(4):
            found = arithmetic(trace, layer, head, 7)
            assert found.scale == pytest.approx(12**-0.5) and found.is_usual_scale and not found.is_masked
            torch.testing.assert_close(found.q, q[head, 7])
            torch.testing.assert_close(found.k, k[head])
            torch.testing.assert_close(found.v, v[head])
            torch.testing.assert_close(found.products, products[head, 7], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(found.weights, (products[head, 7] / 12**0.5).softmax(-1), atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(found.weights, trace.row(layer, head, 7), atol=1e-6, rtol=1e-5)
            outputs.append(found.output)
        torch.testing.assert_close(block.attn.proj(torch.cat(outputs)), gave[0, 7], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
@torch.no_grad()
def test_a_word_against_marians_own_attention(kind: Kind) -> None:
    """Weights of Marian's eager twin, and the output that leads through its projection to what its layer gives."""
    torch.manual_seed(0)
    config = hf.MarianConfig(**SEQ2SEQ)
    fused = hf.MarianMTModel._from_config(copy.deepcopy(config), attn_implementation="sdpa").eval()
    plain = hf.MarianMTModel._from_config(copy.deepcopy(config), attn_implementation="eager").eval()
    plain.load_state_dict(fused.state_dict())
    layers = plain.model.encoder.layers if kind == "encoder" else plain.model.decoder.layers
    modules = [layer.encoder_attn if kind == "cross" else layer.self_attn for layer in layers]
    given: list[Tensor] = []
    for module in modules:
        module.register_forward_hook(lambda module, read, gave: given.append(gave[0]))
    inputs = {"input_ids": torch.randint(2, 50, (1, 9)), "decoder_input_ids": torch.randint(2, 50, (1, 5))}
    with Tape.record(values=True) as tape:
        fused(**inputs)
    eager = plain(**inputs, output_attentions=True)
    calls = {"encoder": tape.calls[:2], "decoder": tape.calls[2::2], "cross": tape.calls[3::2]}[kind]
    maps = {"encoder": eager.encoder_attentions, "decoder": eager.decoder_attentions, "cross": eager.cross_attentions}
    sides = {"encoder": (9, 9), "decoder": (5, 5), "cross": (5, 9)}[kind]
    trace = AttentionTrace.from_calls(kind, calls, words(sides[0]), words(sides[1]))
    for layer, module in enumerate(modules):
        heads = [arithmetic(trace, layer, head, 3) for head in range(4)]
        for head, found in enumerate(heads):
            torch.testing.assert_close(found.weights, maps[kind][layer][0, head, 3], atol=1e-6, rtol=1e-5)
            assert found.is_masked == (kind == "decoder")
            assert kind != "decoder" or found.mask.tolist() == [0, 0, 0, 0, -math.inf]
        output = torch.cat([found.output for found in heads])
        torch.testing.assert_close(module.out_proj(output), given[layer][0, 3], atol=1e-6, rtol=1e-4)


def test_t5_adds_a_bias_and_does_not_scale() -> None:
    torch.manual_seed(0)
    model = hf.T5ForConditionalGeneration._from_config(hf.T5Config(**T5), attn_implementation="sdpa").eval()
    with torch.no_grad(), Tape.record(values=True) as tape:
        model.encoder(torch.randint(2, 50, (1, 9)))
    found = arithmetic(AttentionTrace.from_calls("encoder", tape.calls, words(9), words(9)), 1, 2, 4)
    assert found.scale == 1 and not found.is_usual_scale and found.is_masked
    torch.testing.assert_close(found.scaled, found.products)
    consistent(found)


def test_heads_of_a_group_share_keys_and_values() -> None:
    torch.manual_seed(0)
    call = {"query": torch.randn(2, 6, 5, 8), "key": torch.randn(2, 2, 5, 8), "value": torch.randn(2, 2, 5, 3)}
    trace = recorded({**call, "enable_gqa": True}, item=1)
    own = F.scaled_dot_product_attention(**call, enable_gqa=True)
    for head in range(6):
        found = arithmetic(trace, 0, head, 2)
        assert found.k.equal(call["key"][1, head // 3]) and found.v.equal(call["value"][1, head // 3])
        torch.testing.assert_close(found.output, own[1, head, 2])


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from(["none", "causal", "boolean", "additive"]))
def test_each_step_follows_from_the_one_before(seed: int, kind: str) -> None:
    torch.manual_seed(seed)
    q, k, v = torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 3)
    shown = torch.rand(5, 5) > 0.4
    shown[:, 0] = True
    mask = {"boolean": shown, "additive": torch.randn(2, 5, 5)}.get(kind)
    call = {"query": 3 * q, "key": k, "value": v, "attn_mask": mask, "is_causal": kind == "causal"}
    trace, own = recorded(call), F.scaled_dot_product_attention(**call)
    for query in range(5):
        found = arithmetic(trace, 0, 1, query)
        consistent(found)
        torch.testing.assert_close(found.weights, trace.row(0, 1, query), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(found.output, own[0, 1, query], atol=1e-5, rtol=1e-4)
        assert found.weights[found.strongest].diff().le(0).all()


def test_a_query_that_may_see_nothing_gets_zeros() -> None:
    q = torch.randn(1, 1, 3, 4)
    mask = torch.ones(3, 3).bool()
    mask[1] = False
    found = arithmetic(recorded({"query": q, "key": q, "value": q, "attn_mask": mask}), 0, 0, 1)
    assert found.weights.tolist() == found.shifted.tolist() == [0.0] * 3 and found.output.tolist() == [0.0] * 4
    assert found.mask.tolist() == [-math.inf] * 3


def test_half_precision_is_computed_in_float32() -> None:
    q = torch.randn(1, 1, 3, 4).half()
    found = arithmetic(recorded({"query": q, "key": q, "value": q}), 0, 0, 1)
    assert {found.q.dtype, found.weights.dtype, found.output.dtype} == {torch.float32}


def test_without_values_there_is_no_arithmetic() -> None:
    q = torch.randn(1, 1, 3, 4)
    with Tape.record() as tape:
        F.scaled_dot_product_attention(q, q, q)
    with pytest.raises(ValueError, match="values"):
        arithmetic(AttentionTrace.from_calls("encoder", tape.calls, words(3), words(3)), 0, 0, 1)
