"""Segmentation models of the hub, tiny and at random: what is shown is what their own attention and processor say."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import (
    BeitConfig,
    BeitForImageClassification,
    BeitForSemanticSegmentation,
    BeitImageProcessor,
    Data2VecVisionConfig,
    Data2VecVisionForSemanticSegmentation,
    DPTConfig,
    DPTForSemanticSegmentation,
    DPTImageProcessor,
    MobileViTConfig,
    MobileViTForSemanticSegmentation,
    MobileViTImageProcessor,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
)

from core.errors import SidelightError
from core.models.segmentation import Segmentation, Segmenter, load_segmenter
from tests.models import hub
from tests.models.untrained import PHOTO, spread

LABELS = {0: "wall", 1: "sky", 2: "tree"}
VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 64,
    "patch_size": 16,
    "id2label": LABELS,
}
SQUARE, HALF = {"height": 64, "width": 64}, {"height": 32, "width": 32}


def beit(config: Any = BeitConfig, model: Any = BeitForSemanticSegmentation, **more: Any) -> Segmenter:
    settings = config(**VIT, out_indices=[1, 2, 3, 4], use_relative_position_bias=True, **more)
    return Segmenter(
        "beit", spread(model(settings)), BeitImageProcessor(size=SQUARE, do_center_crop=True, crop_size=HALF)
    )


def data2vec() -> Segmenter:
    return beit(Data2VecVisionConfig, Data2VecVisionForSemanticSegmentation)


def dpt(size: int = 64, **more: Any) -> Segmenter:
    config = DPTConfig(**VIT, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8)
    processor = DPTImageProcessor(size={"height": size, "width": size}, **more)
    return Segmenter("dpt", spread(DPTForSemanticSegmentation(config)), processor)


def segformer() -> Segmenter:
    config = SegformerConfig(
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 2],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=8,
        id2label=LABELS,
    )
    processor = SegformerImageProcessor(size={"height": 96, "width": 128})
    return Segmenter("segformer", spread(SegformerForSemanticSegmentation(config)), processor)


def mobilevit() -> Segmenter:
    config = MobileViTConfig(id2label=LABELS, hidden_sizes=[16, 16, 16], neck_hidden_sizes=[8] * 7)
    processor = MobileViTImageProcessor(size={"shortest_edge": 64}, crop_size=SQUARE)
    return Segmenter("mobilevit", MobileViTForSemanticSegmentation(config).eval(), processor)


def outputs(segmenter: Segmenter, eager: bool = False) -> Any:
    """Of the model alone on the whole photo, as its own library runs it; with attention where eager."""
    module = segmenter.module
    if eager:  # made anew, for some choose at the start
        module = type(module)._from_config(deepcopy(module.config), attn_implementation="eager").eval()
        module.load_state_dict(segmenter.module.state_dict())
    ready = segmenter.processor(images=PHOTO, do_center_crop=False, return_tensors="pt")
    with torch.inference_mode():
        return module(pixel_values=ready["pixel_values"].to(module.device), output_attentions=eager)


@pytest.mark.parametrize("make", [beit, data2vec, dpt, segformer])
def test_attention_is_what_the_model_computes_step_by_step(make: Any) -> None:
    segmenter = make()
    found, attentions = segmenter.segment(PHOTO), outputs(segmenter, eager=True).attentions
    assert found.traces["encoder"].problems == () and found.traces["encoder"].layers + found.left_out == len(attentions)
    for layer, attention in enumerate(attentions[found.left_out :]):
        for head in range(2):
            torch.testing.assert_close(
                found.traces["encoder"].map(layer, head), attention[0, head], atol=1e-5, rtol=1e-4
            )
    assert attentions[-1].max() > 2 / attentions[-1].shape[-1], "far from even, or the comparison says little"


@pytest.mark.parametrize("make", [beit, data2vec, dpt])
def test_patches_follow_one_class_token_and_cover_the_whole_photo(make: Any) -> None:
    found = make().segment(PHOTO)
    assert found.axis.grid == (4, 4) and found.axis.prefix == ("CLS",) and found.left_out == 0
    assert found.axis.image_box == (0, 0, 120, 90)


def test_of_a_hierarchy_only_the_stage_without_reduced_keys_is_kept() -> None:
    found = segformer().segment(PHOTO)
    assert found.axis.grid == (3, 4) and found.axis.prefix == ()
    assert found.traces["encoder"].layers == 2 and found.left_out == 3


def test_pixels_that_no_patch_covers_are_outside_the_grid() -> None:
    found = dpt(size=72).segment(PHOTO)
    assert found.axis.grid == (4, 4)
    assert found.axis.image_box == pytest.approx((0, 0, 120 * 64 / 72, 90 * 64 / 72))


@pytest.mark.parametrize("make", [beit, dpt, segformer])
def test_classes_are_those_of_the_models_own_processor(make: Any) -> None:
    segmenter = make()
    found = segmenter.segment(PHOTO)
    own = segmenter.processor.post_process_semantic_segmentation(outputs(segmenter), target_sizes=[(90, 120)])[0].cpu()
    assert found.classes.shape == (90, 120)
    assert (found.classes == own).float().mean() > 0.999, "but where two classes tie"
    assert len(found.shares) > 1 and found.labels == {index: LABELS[index] for index in found.shares}
    assert list(found.shares.values()) == sorted(found.shares.values(), reverse=True)
    assert sum(found.shares.values()) == pytest.approx(1)
    for index, share in found.shares.items():
        assert share == pytest.approx((found.classes == index).float().mean().item())


def test_a_model_whose_attention_fits_no_grid_has_classes_but_no_trace() -> None:
    """It forms its weights itself, of the pixels at one place of each patch: recorded, counted, left out."""
    found = mobilevit().segment(PHOTO)
    assert not found.traces and found.left_out == 9 and found.classes.shape == (90, 120)


@pytest.mark.parametrize("make", [beit, dpt, lambda: dpt(keep_aspect_ratio=True, ensure_multiple_of=32), segformer])
@pytest.mark.parametrize("image_size", [(1000, 20), (20, 1000), (5, 5), (1, 1)])
def test_any_shape_of_picture_is_segmented(make: Any, image_size: tuple[int, int]) -> None:
    found: Segmentation = make().segment(Image.new("RGB", image_size, "red"))
    height, width = found.classes.shape
    assert max(height, width) == min(512, max(image_size))
    assert width / height == pytest.approx(image_size[0] / image_size[1], rel=0.1)
    assert found.traces["encoder"].problems == () and found.axis.image_box == (0, 0, *image_size)


def test_a_segmenter_comes_from_the_hub_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.offline(monkeypatch, tmp_path)
    segmenter = segformer()
    hub.lay(tmp_path, "someone/segformer", segmenter.module, segmenter.processor)
    found, own = load_segmenter("someone/segformer").segment(PHOTO), segmenter.segment(PHOTO)
    assert torch.equal(found.classes, own.classes) and found.traces["encoder"].layers == 2


def test_a_model_without_a_trained_head_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.offline(monkeypatch, tmp_path)
    classifier = BeitForImageClassification(BeitConfig(**VIT, out_indices=[1, 2, 3, 4]))
    hub.lay(tmp_path, "someone/classifier", classifier, BeitImageProcessor())
    for name, code in [
        ("someone/classifier", "model.untrained_head"),
        ("someone/nothing", "model.offline_alone"),
        ("C:/weights", "model.bad_name"),
    ]:
        with pytest.raises(SidelightError) as caught:
            load_segmenter(name)
        assert caught.value.code == code
