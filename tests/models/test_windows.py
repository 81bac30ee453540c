"""Windows and pooled keys: each weight lies where the model's own code has it; what is not seen is said to be so."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import timm
import torch
import transformers as hf
from torch import Tensor, nn

from core.attention.windows import WindowedTrace
from core.errors import SidelightError
from core.models.vision.windows import windowed_trace
from tests.models.untrained import spread

SIDE = 112  # px: 28 x 28 tokens of 4 px, then 14 x 14
POOLED = 128  # px: 32 x 32 tokens, whose keys are pooled to 4 x 4
THIN: dict[str, Any] = {"img_size": SIDE, "embed_dim": 16, "depths": (2, 2), "num_heads": (2, 4), "num_classes": 0}
MODELS: dict[str, Callable[[], nn.Module]] = {
    "swin": lambda: timm.create_model("swin_tiny_patch4_window7_224", **THIN),
    "swin2": lambda: timm.create_model("swinv2_cr_tiny_224", **THIN, window_size=7),
    "swin-transformers": lambda: hf.SwinModel(
        hf.SwinConfig(image_size=SIDE, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=7)
    ),
    "pooled": lambda: timm.create_model(
        "pvt_v2_b0", depths=(1, 1, 1, 1), embed_dims=(16, 16, 16, 16), num_heads=(1, 2, 2, 2), num_classes=0
    ),
}


@cache
def model(name: str) -> nn.Module:
    torch.manual_seed(0)
    module = spread(MODELS[name]().eval())
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):  # Swin V2 begins with norms of zero, which let no attention through
            nn.init.ones_(part.weight)
    return module


def picture(name: str) -> Tensor:
    side = POOLED if name == "pooled" else SIDE
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))


@cache
def traced(name: str) -> WindowedTrace:
    return windowed_trace(model(name), picture(name), (0.0, 0.0, float(SIDE), float(SIDE)), (SIDE, SIDE))


def test_each_stage_has_its_own_grid() -> None:
    for name in ("swin", "swin2", "swin-transformers"):
        grids = [layer.query_axis.grid for layer in traced(name).layers]
        assert grids == [(28, 28)] * 2 + [(14, 14)] * 2
        assert traced(name).stages == ((0, 1), (2, 3))
    pooled = traced("pooled").layers
    assert [layer.query_axis.grid[0] for layer in pooled] == [32, 16, 8, 4]
    assert [layer.key_axis.grid for layer in pooled] == [(4, 4)] * 4


def position(row: int, column: int, columns: int = 28) -> int:
    return row * columns + column


def square(rows: range, columns: range) -> set[int]:
    return {position(row, column) for row in rows for column in columns}


@pytest.mark.parametrize("name", ["swin", "swin-transformers"])
def test_windows_lie_where_the_paper_puts_them(name: str) -> None:
    """Windows of 7 x 7; in every second layer they are shifted by 3, and what wraps round the edge is apart."""
    plain, shifted = traced(name).layers[:2]
    seen = lambda layer, query: set(layer.row([0], query).seen.nonzero()[:, 0].tolist())  # noqa: E731
    assert seen(plain, position(0, 0)) == square(range(7), range(7))
    assert seen(plain, position(10, 27)) == square(range(7, 14), range(21, 28))
    assert seen(shifted, position(0, 0)) == square(range(3), range(3))
    assert seen(shifted, position(3, 27)) == square(range(3, 10), range(24, 28))
    assert seen(shifted, position(10, 16)) == square(range(10, 17), range(10, 17))


@pytest.mark.parametrize("name", ["swin", "swin2"])
def test_a_token_reaches_those_alone_who_see_it(name: str) -> None:
    """Measured on the blocks themselves: which outputs move when one token of the input does."""
    found, stage = traced(name), getattr(model(name), "layers", None) or model(name).stages  # type: ignore[union-attr]
    for layer, block in zip(found.layers[2:], stage[1].blocks, strict=True):
        torch.manual_seed(2)
        x = torch.randn(1, 14, 14, 32)
        seen = torch.stack([layer.row([0], query).seen for query in range(196)])  # (query, key)
        with torch.inference_mode():
            for key in (0, 45, 100, 195):
                moved = x.clone()
                moved[0, key // 14, key % 14] += torch.randn(32)
                reached = (block(moved) != block(x)).any(-1).flatten()
                assert torch.equal(reached, seen[:, key])


def eager(name: str) -> list[Tensor]:
    """What timm's step-by-step path hands to its dropout: (windows, H, n, Nk) a layer."""
    maps: list[Tensor] = []
    module = model(name)
    drops = [part for key, part in module.named_modules() if key.endswith("attn_drop")]
    hooks = [drop.register_forward_pre_hook(lambda _, given: maps.append(given[0].detach())) for drop in drops]
    parts: list[Any] = [part for part in module.modules() if hasattr(part, "fused_attn")]
    for part in parts:
        part.fused_attn = False
    with torch.inference_mode():
        module(picture(name))
    for hook in hooks:
        hook.remove()
    for part in parts:
        part.fused_attn = True
    return maps


@pytest.mark.parametrize("name", ["swin", "swin2", "pooled"])
def test_rows_and_maps_are_the_models_own_weights_at_their_place(name: str) -> None:
    found = traced(name)
    own = eager(name)
    assert len(own) == len(found.layers)
    for layer, weights in zip(found.layers, own, strict=True):
        for window, place in ((0, 0), (len(weights) - 1, weights.shape[2] - 1)):
            row = layer.row([1 % layer.heads], int(layer.queries[window, place]))
            expected = weights[window, 1 % layer.heads, place]
            torch.testing.assert_close(row.weights[layer.keys[window]], expected, atol=1e-6, rtol=0)
            assert float(row.weights.sum()) == pytest.approx(1, abs=1e-5)
            assert not row.weights[~row.seen].any()
    last = found.stage(len(found.stages) - 1)
    layer = found.layers[-1]
    query = len(last.query_axis) // 2
    torch.testing.assert_close(last.row(last.layers - 1, 0, query), layer.row([0], query).weights)
    assert torch.equal(last.row(last.layers - 1, 0, query) > 0, layer.row([0], query).seen)


def test_padding_takes_a_share_and_is_no_position() -> None:
    """27 x 27 tokens are padded to 28, and transformers masks none of it."""
    torch.manual_seed(0)
    config = hf.SwinConfig(image_size=108, embed_dim=16, depths=[1], num_heads=[2], window_size=7)
    box = (0.0, 0.0, 108.0, 108.0)
    (layer,) = windowed_trace(spread(hf.SwinModel(config).eval()), torch.randn(1, 3, 108, 108), box, (108, 108)).layers
    row = layer.row([0], 27 * 27 - 1)
    assert int(row.seen.sum()) == 6 * 6 and float(row.weights.sum()) < 1
    assert float(layer.row([0], 0).weights.sum()) == pytest.approx(1, abs=1e-5)


def test_what_is_not_known_for_sure_is_left_out() -> None:
    """Hiera's tokens are not in the order of the picture; DaViT attends between channels in every second block."""
    box = (0.0, 0.0, 224.0, 224.0)
    thin = {"embed_dim": 16, "num_heads": 1, "stages": (1, 1, 1, 1)}
    hiera = timm.create_model("hiera_tiny_224", **thin).eval()
    assert windowed_trace(hiera, torch.randn(1, 3, 224, 224), box, (224, 224)).layers == ()


def test_the_model_is_left_as_it_was() -> None:
    traced("swin")
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model("swin").modules())


def test_maps_that_would_not_fit_are_refused_in_a_sentence_and_rows_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.attention.windows.ROOM", 10**6)
    stage = traced("swin").stage(0)
    assert float(stage.row(1, 0, 5).sum()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(SidelightError) as caught:
        _ = stage.calls[0].explicit
    assert caught.value.code == "attention.too_large"
    with pytest.raises(IndexError):
        traced("swin").row(0, [0], 28 * 28)
