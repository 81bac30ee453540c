"""Forgetting is measured on things of known place and on known translations, so both ends of its scale are known."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from core.attention.axes import PatchAxis
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace
from core.finetune import forgetting
from core.finetune.forgetting import caption_quality, object_attention, object_shares
from core.finetune.parallel import Pair
from core.models.translation import Translator, load_translator
from core.models.vision import VisionModel, VisionResult, load_vision
from tests.finetune.models import tiny_vision

BUNDLED = "vision-vit-s-14"


def looking(where: Callable[[Tensor], Tensor], grid: int = 16) -> VisionModel:
    """A model whose CLS attention is softmax(where(scores)): how far each patch is from the ground, (grid^2,)."""

    def run(image: Image.Image, size: int, fit: str) -> VisionResult:
        axis = PatchAxis((grid, grid), ("CLS",), (0, 0, *image.size), image.size)
        pixels = pil_to_tensor(image.resize((grid, grid), Image.Resampling.BOX)).flatten(1).T.float()  # (grid^2, 3)
        ground = torch.tensor([image.getpixel(corner) for corner in ((0, 0), (335, 0), (0, 335), (335, 335))]).float()
        away = (pixels - ground.median(0).values).abs().sum(-1)
        scores = torch.zeros(1, 1, len(axis), len(axis))
        scores[..., 0, 1:] = where(away)
        call = AttentionCall(0, scores, torch.eye(len(axis))[None, None], None, None, 1.0, False)
        traces = {"encoder": AttentionTrace.from_calls("encoder", [call], axis, axis)}
        return VisionResult(None, axis, traces, None, torch.zeros(0), (), torch.eye(len(axis))[0])

    model = replace(tiny_vision("looking"), patch=14, sizes=(224,), default_size=224)
    model.run = run
    return model


@pytest.mark.parametrize("grid", [7, 16])
def test_a_model_that_looks_everywhere_scores_1(grid: int) -> None:
    assert object_shares(looking(torch.zeros_like, grid), 8) == pytest.approx([1.0] * 8, abs=1e-4)


def test_a_model_that_looks_only_at_the_object_scores_one_over_its_area() -> None:
    """Objects are 84 to 168 of 336 px wide: a 16th to a quarter of the scene."""
    shares = object_shares(looking(lambda away: 100 * (away > 40).float()), 20)
    assert all(3.5 < share < 18 for share in shares) and max(shares) > 10


def test_a_model_that_looks_only_at_the_ground_scores_less_than_1() -> None:
    assert object_attention(looking(lambda away: 100 * (away < 1).float()), 8) < 0.2


def test_the_bundled_backbone_finds_the_object_and_a_damaged_one_does_not() -> None:
    model = load_vision(BUNDLED)
    before = object_attention(model, 3)
    assert before > 3
    with torch.no_grad():
        for block in model.module.blocks:
            block.attn.qkv.weight.mul_(0.1)
    assert object_attention(model, 3) < before / 2


def test_a_model_without_recorded_attention_is_refused() -> None:
    model = looking(torch.zeros_like)
    run = model.run
    model.run = lambda *options: replace(run(*options), traces={})
    with pytest.raises(ValueError, match="recorded"):
        object_attention(model, 1)


@pytest.fixture(scope="module")
def translator() -> Translator:
    return load_translator("translation-en-de-fr-cs-zh")


def test_captions_are_shared_between_the_languages(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Pair] = []

    def perfect(module: Any, tokenizer: Any, pairs: Sequence[Pair], beams: int = 5) -> list[str]:
        asked.extend(pairs)
        return [pair.target for pair in pairs]

    monkeypatch.setattr(forgetting, "translate_all", perfect)
    assert caption_quality(translator, 8) == {"bleu": pytest.approx(100), "chrf": pytest.approx(100)}
    assert [pair.language for pair in asked] == ["de"] * 3 + ["fr"] * 3 + ["cs"] * 2
    asked.clear()
    caption_quality(replace(translator, targets=("ces",)), 8)
    assert [pair.language for pair in asked] == ["cs"] * 8
    with pytest.raises(ValueError, match="languages"):
        caption_quality(replace(translator, targets=()), 8)


def test_a_damaged_translator_has_forgotten(translator: Translator) -> None:
    before = caption_quality(translator, 3)
    assert before == caption_quality(translator, 3) and before["chrf"] > 45
    damaged = load_translator("translation-en-de-fr-cs-zh")
    with torch.no_grad():
        for layer in damaged.module.model.decoder.layers:
            layer.encoder_attn.q_proj.weight.zero_()
    after = caption_quality(damaged, 3)
    assert after["chrf"] < before["chrf"] / 2 and after["bleu"] < before["bleu"] / 2
