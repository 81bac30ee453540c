"""Relevance propagation: each rule against sums written out here, and a whole model against its layers one by one."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.attention.methods import explain
from core.attention.propagation import Propagation, in_proportion, linear, product, relevances, residual
from tests.attention import planted


def over(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b == 0, 0.0, a / b)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_a_linear_layer_gives_to_what_is_positive_in_each_output() -> None:
    x, weight, relevance = torch.randn(3, 4), torch.randn(5, 4), torch.rand(3, 5)
    wanted = torch.zeros(3, 4)
    for n in range(3):
        for i in range(5):
            parts = [max(0.0, float(x[n, j] * weight[i, j])) for j in range(4)]
            for j in range(4):
                wanted[n, j] += parts[j] / sum(parts) * relevance[n, i] if sum(parts) else 0
    (found,) = linear(x, weight)(relevance)
    torch.testing.assert_close(found, wanted)
    assert float(found.sum()) == pytest.approx(float(relevance.sum()), rel=1e-5), "none is lost"


def test_a_linear_layer_whose_products_are_all_negative_gives_nothing() -> None:
    (found,) = linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[-1.0, -3.0]]))(torch.ones(1, 1))
    assert torch.equal(found, torch.zeros(1, 2))


def test_a_residual_keeps_the_sum_though_parts_cancel() -> None:
    x, y = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([3.0, 1.9, 0.5])
    relevance = torch.tensor([0.4, 0.5, 0.1])
    a = torch.tensor([1 / 4 * 0.4, -2 / -0.1 * 0.5, 0.5 * 0.1])  # in proportion: 0.1, 10, 0.05
    b = torch.tensor([3 / 4 * 0.4, 1.9 / -0.1 * 0.5, 0.5 * 0.1])  # 0.3, -9.5, 0.05
    share = 10.15 / (10.15 + 9.15)
    found = residual(x, y)(relevance)
    torch.testing.assert_close(found[0], a / 10.15 * share)
    torch.testing.assert_close(found[1], b / -9.15 * (1 - share))
    assert float(found[0].sum() + found[1].sum()) == pytest.approx(1.0)


def test_a_product_gives_half_to_each_side() -> None:
    x, y, relevance = torch.randn(2, 3, 4), torch.randn(2, 4, 5), torch.rand(2, 3, 5)
    of_x, of_y = torch.zeros_like(x), torch.zeros_like(y)
    for b in range(2):
        for i in range(3):
            for j in range(5):
                parts = x[b, i] * y[b, :, j]
                of_x[b, i] += parts / parts.sum() * relevance[b, i, j] / 2
                of_y[b, :, j] += parts / parts.sum() * relevance[b, i, j] / 2
    found = product(x, y)(relevance)
    torch.testing.assert_close(found[0], of_x, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], of_y, rtol=1e-4, atol=1e-5)


def test_any_other_operation_gives_in_proportion() -> None:
    x, relevance = torch.rand(2, 5, 3), torch.rand(2, 3)
    (found,) = in_proportion(torch.mean, (x, 1), {}, [x])(relevance)
    torch.testing.assert_close(found, x / x.sum(1, keepdim=True) * relevance[:, None])
    gate, up = torch.randn(4), torch.randn(4)
    for one in in_proportion(torch.mul, (gate, up), {}, [gate, up])(torch.ones(4)):
        torch.testing.assert_close(one, torch.full((4,), 0.5))


def through(layer: nn.Module, x: Tensor, relevance: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """The rule of equation 5 for a layer with LayerScale behind it."""
    weight = layer.weight.detach() * (scale[:, None] if isinstance(scale, Tensor) else scale)
    parts = (x[..., None, :] * weight).clamp(min=0)  # (N, out, in)
    return (over(relevance, parts.sum(-1))[..., None] * parts).sum(-2)


def halves(x: Tensor, y: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    parts = x[..., :, :, None] * y[..., None, :, :]  # (H, N, D, M)
    given = parts * over(relevance, parts.sum(-2))[..., None, :] / 2
    return given.sum(-1), given.sum(-3)


def sides(x: Tensor, y: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    a, b = (one * over(relevance, x + y) for one in (x, y))
    total = a.sum().abs() + b.sum().abs()
    return tuple(one * (one.sum().abs() / total * relevance.sum() / one.sum()) for one in (a, b))


@pytest.mark.parametrize("scaled", [False, True])
@torch.no_grad()
def test_a_vision_transformer_layer_by_layer(scaled: bool) -> None:
    """Back through the head, both residuals, the perceptron and the attention of each block, in float64."""
    model = planted.random_vision(2, init_values=1.0 if scaled else None)
    photo, target = planted.random_photo(), 3
    module, x = model.module.double(), None
    for block in module.blocks:
        block.attn.fused_attn = False  # so that the weights can be seen
    kept: dict[str, Tensor] = {}
    for name, part in module.named_modules():
        part.register_forward_hook(lambda m, i, out, name=name: kept.update({name: out[0], f"{name}.in": i[0][0]}))
    module(model.pixels(photo).double())
    attention = {n: kept[f"blocks.{n}.attn.attn_drop"] for n in range(2)}
    relevance = torch.zeros_like(kept["norm"])
    relevance[0] = through(module.head, kept["norm"][0], F.one_hot(torch.tensor(target), 5).double())
    wanted: dict[int, Tensor] = {}
    for n in (1, 0):
        block, at = module.blocks[n], f"blocks.{n}"
        scales = (block.ls1.gamma, block.ls2.gamma) if scaled else (1.0, 1.0)
        added, x = kept[f"{at}.ls2"], kept[f"{at}.norm2.in"]
        stays, moves = sides(x, added, relevance)
        moves = through(block.mlp.fc2, kept[f"{at}.mlp.fc2.in"], moves, scales[1])
        relevance = stays + through(block.mlp.fc1, kept[f"{at}.mlp.fc1.in"], moves)
        added, x = kept[f"{at}.ls1"], kept[f"{at}.norm1.in"]
        stays, moves = sides(x, added, relevance)
        moves = through(block.attn.proj, kept[f"{at}.attn.proj.in"], moves, scales[0])  # (N, 3 heads of 8)
        q, k, v = kept[f"{at}.attn.qkv"].reshape(-1, 3, 3, 8).permute(1, 2, 0, 3)  # (H, N, 8) each
        wanted[n], of_v = halves(attention[n], v, moves.reshape(-1, 3, 8).transpose(0, 1))
        of_q, of_k = halves(q, k.transpose(-2, -1), wanted[n])
        of_qkv = torch.stack([of_q, of_k.transpose(-2, -1), of_v]).permute(2, 0, 1, 3).flatten(1)  # (N, 72)
        relevance = stays + through(block.attn.qkv, kept[f"{at}.attn.qkv.in"], of_qkv)
    fresh = planted.random_vision(2, init_values=1.0 if scaled else None)
    found = relevances(planted.photo_subject(fresh, photo, 32, "stretch", target))["encoder"]
    for n in (1, 0):
        largest = float(wanted[n].abs().max())
        torch.testing.assert_close(found[n].double(), wanted[n], atol=2e-3 * largest, rtol=1e-2)


@pytest.mark.parametrize("target", [None, 1])
def test_no_relevance_is_made_or_lost_in_a_translator(target: int | None) -> None:
    """Through the last cross-attention passes at most what was asked; what nothing reads gets nothing."""
    subject = planted.sentence_subject(planted.random_translator(), "w1 w4 w2 w7", "w3 w3 w9", target)
    found = relevances(subject)
    assert {kind: [one.shape for one in layers] for kind, layers in found.items()} == {
        "encoder": [(2, 5, 5)] * 2,
        "decoder": [(2, 4, 4)] * 2,
        "cross": [(2, 4, 5)] * 2,
    }
    asked = 4 if target is None else 1
    assert 0 < float(found["cross"][-1].sum()) < asked
    assert all(one.isfinite().all() for layers in found.values() for one in layers)
    if target is not None:
        for one in (*found["decoder"], *found["cross"]):
            assert not one[:, target + 1 :].any(), "a later piece has no part in it"


def test_it_leaves_the_model_and_its_answer_alone() -> None:
    subject = planted.random_subject(2)
    plain, _ = subject.run()
    with Propagation():
        asked, _ = subject.run()
    torch.testing.assert_close(asked.detach(), plain.detach())
    model = planted.random_vision()
    relevances(planted.photo_subject(model, planted.random_photo(), 32, "stretch", 1))
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_the_map_is_the_product_over_the_layers() -> None:
    subject = planted.random_subject(2)
    gradients, found = subject.gradients().gradient["encoder"], relevances(subject)["encoder"]
    total = torch.eye(17)
    for gradient, one in zip(gradients, found, strict=True):
        total = (torch.eye(17) + (gradient * one).clamp(min=0).mean(0)) @ total
    torch.testing.assert_close(explain(subject, "propagation"), (total - torch.eye(17))[0], atol=1e-6, rtol=1e-4)


def test_the_map_across_is_the_product_over_both_sides() -> None:
    """Source and target as one sequence of states, each sublayer one matrix over both."""
    subject = planted.sentence_subject(planted.random_translator(), "w1 w4 w2 w7", "w3 w3 w9", 2)
    gradients, found = subject.gradients().gradient, relevances(subject)
    source, written = slice(0, 5), slice(5, 9)
    places = {"encoder": (source, source), "decoder": (written, written), "cross": (written, source)}
    order = [("encoder", 0), ("encoder", 1), ("decoder", 0), ("cross", 0), ("decoder", 1), ("cross", 1)]
    total = torch.eye(9)
    for kind, layer in order:
        step = torch.eye(9)
        step[places[kind]] += (gradients[kind][layer] * found[kind][layer]).clamp(min=0).mean(0)
        total = step @ total
    torch.testing.assert_close(explain(subject, "propagation"), total[7, :5], atol=1e-6, rtol=1e-4)
