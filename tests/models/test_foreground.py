"""Segmentation without training finds what is planted."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core import samples
from core.attention.axes import PatchAxis
from core.models.foreground import attention_score, feature_score, otsu, overlap
from core.models.images import open_image
from core.models.vision import load_vision
from core.views.masks import mask_image, masked_photo


def test_features_of_two_kinds_are_separated_with_the_border_outside() -> None:
    torch.manual_seed(0)
    planted = torch.zeros(10, 12, dtype=torch.bool)
    planted[3:7, 4:9] = True
    features = torch.randn(10, 12, 32) * 0.1 + planted[..., None] * torch.randn(32)
    score = feature_score(features)
    assert overlap(score > otsu(score), planted) == 1
    inverse = feature_score(-features)
    assert overlap(inverse > otsu(inverse), planted) == 1, "the sign of a component means nothing"


@given(st.floats(0.05, 0.45), st.floats(0.55, 0.95), st.integers(5, 95))
def test_otsu_lies_between_two_clear_groups(low: float, high: float, count: int) -> None:
    score = torch.cat([torch.full((count,), low), torch.full((100 - count,), high)])
    assert low - 1 / 64 <= otsu(score) <= high + 1 / 64
    assert int((score > otsu(score)).sum()) == 100 - count


def test_a_flower_on_grey_is_cut_out() -> None:
    flower = open_image(next(p for p in samples.photos() if p.file == "flower.jpg").path.read_bytes())
    image = Image.new("RGB", (336, 336), (128, 128, 128))
    image.paste(flower.crop((150, 60, 470, 380)).resize((126, 126)), (105, 105))
    result = load_vision("vision-vit-s-14").run(image, 224, "stretch")
    planted = torch.zeros(16, 16, dtype=torch.bool)
    planted[5:11, 5:11] = True
    for score in (attention_score(result.traces["encoder"]), feature_score(result.features)):
        assert score.min() == 0 and score.max() == pytest.approx(1)
        assert overlap(score > otsu(score), planted) > 0.3


def test_a_mask_lies_on_the_part_that_the_model_saw() -> None:
    axis = PatchAxis((2, 2), ("CLS",), (50, 0, 150, 100), (200, 100))
    mask = torch.tensor([[True, False], [False, False]])
    drawn = mask_image(mask, axis)
    assert drawn.size == (200, 100) and drawn.getbbox() == (50, 0, 100, 50)
    shown = masked_photo(Image.new("RGB", (200, 100), "white"), mask, axis)
    assert shown.getpixel((75, 25)) == (255, 255, 255) and shown.getpixel((180, 80))[0] < 90
