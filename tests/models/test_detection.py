"""Detectors of the hub, tiny and at random: what is shown is what their own attention and processor say."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import (
    BeitConfig,
    BeitForSemanticSegmentation,
    ConditionalDetrConfig,
    ConditionalDetrForObjectDetection,
    ConditionalDetrImageProcessor,
    DeformableDetrConfig,
    DeformableDetrForObjectDetection,
    DeformableDetrImageProcessor,
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessor,
    ResNetConfig,
    TimmBackboneConfig,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
)

from core.errors import SidelightError
from core.models.detection import Detector, load_detector
from tests.boxes import patch_box
from tests.models import hub
from tests.models.untrained import PHOTO, spread

LABELS = {0: "cat", 1: "dog", 2: "tram"}


def yolos(tokens: int = 5) -> Detector:
    config = YolosConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=[64, 96],
        patch_size=16,
        num_detection_tokens=tokens,
        id2label=LABELS,
        use_mid_position_embeddings=True,
    )
    return Detector("yolos", spread(YolosForObjectDetection(config)), YolosImageProcessor())


def tiny_backbone(stages: tuple[str, ...]) -> ResNetConfig:
    return ResNetConfig(
        embedding_size=8, hidden_sizes=[8] * 4, depths=[1] * 4, layer_type="basic", out_features=list(stages)
    )


def detr(
    config: Any = DetrConfig, model: Any = DetrForObjectDetection, queries: int = 4, backbone: Any = None
) -> Detector:
    settings = config(
        backbone_config=backbone or tiny_backbone(("stage4",)),
        num_queries=queries,
        d_model=16,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_layers=3,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        id2label=LABELS,
    )
    processor = DetrImageProcessor() if config is DetrConfig else ConditionalDetrImageProcessor()
    return Detector("detr", spread(model(settings)), processor)


def outputs(detector: Detector, image: Image.Image, size: int, eager: bool = False) -> Any:
    """Of the model alone, as its own library runs it; with attention where eager."""
    module = deepcopy(detector.module)
    if eager:
        module.set_attn_implementation("eager")
    height, width = detector.input_size(image.size, size)
    ready = detector.processor(images=image, size={"height": height, "width": width}, return_tensors="pt")
    with torch.inference_mode():
        return module(pixel_values=ready["pixel_values"].to(module.device), output_attentions=eager)


@pytest.mark.parametrize("make", [yolos, detr])
def test_attention_is_what_the_model_computes_step_by_step(make: Any) -> None:
    detector = make()
    found = detector.detect(PHOTO, size=64)
    own = outputs(detector, PHOTO, 64, eager=True)
    attentions = own.attentions if detector.tokens else own.encoder_attentions
    assert found.traces["encoder"].problems == () and found.traces["encoder"].layers == len(attentions)
    for layer, attention in enumerate(attentions):
        for head in range(2):
            torch.testing.assert_close(
                found.traces["encoder"].map(layer, head), attention[0, head], atol=1e-5, rtol=1e-4
            )
    assert attentions[0].max() > 3 / attentions[0].shape[-1], "far from even, or the comparison says little"


def test_positions_of_a_detector_with_object_tokens() -> None:
    found = yolos().detect(PHOTO, size=64)
    assert found.axis.grid == (4, 5) and found.left_out == 0
    assert found.axis.labels[0] == "CLS" and found.axis.labels[21:] == tuple(f"object {i}" for i in range(1, 6))
    assert patch_box(found.axis, 20) == pytest.approx((96, 67.5, 120, 90)), "the grid covers the whole photo"


def test_a_decoder_is_left_out() -> None:
    found = detr().detect(PHOTO, size=64)
    assert found.axis.grid == (2, 3) and len(found.axis) == 6
    assert found.traces["encoder"].layers == 2 and found.left_out == 3, "self-attention of three layers of the decoder"


def test_what_a_decoders_objects_read_is_kept() -> None:
    detector = detr()
    detector.module.class_labels_classifier = Planted({1: (2, 3.0), 3: (0, 7.0)})
    found, own = detector.detect(PHOTO, size=64), outputs(detector, PHOTO, 64, eager=True)
    cross = found.traces["cross"]
    assert cross.layers == 3 and cross.problems == () and not cross.is_causal
    for layer, attention in enumerate(own.cross_attentions):
        torch.testing.assert_close(cross.map(layer, 1), attention[0, 1], atol=1e-5, rtol=1e-4)
    assert [cross.query_axis.labels[one.query] for one in found.objects] == ["object 4", "object 2"]
    assert yolos().detect(PHOTO, size=64).traces.keys() == {"encoder"}


def test_a_decoder_with_as_many_queries_as_the_grid_has_cells_is_not_taken_for_the_encoder() -> None:
    detector = detr(queries=6)
    found = detector.detect(PHOTO, size=64)
    assert len(found.axis) == 8 and found.traces["encoder"].layers == 2
    torch.testing.assert_close(
        found.traces["encoder"].map(1, 0), outputs(detector, PHOTO, 64, eager=True).encoder_attentions[1][0, 0]
    )


@pytest.mark.parametrize("make", [yolos, detr, lambda: detr(ConditionalDetrConfig, ConditionalDetrForObjectDetection)])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6])
def test_objects_are_those_of_the_models_own_processor(make: Any, threshold: float) -> None:
    detector = make()
    own = detector.processor.post_process_object_detection(
        outputs(detector, PHOTO, 64), threshold=threshold, target_sizes=[(90, 120)]
    )[0]
    order = own["scores"].argsort(descending=True, stable=True)
    found = detector.detect(PHOTO, 64, threshold).objects
    assert len(found) == len(order) and (found or threshold)
    assert [one.label for one in found] == [LABELS[index] for index in own["labels"][order].tolist()]
    boxes = torch.tensor([one.box for one in found]).reshape(-1, 4)
    torch.testing.assert_close(boxes, own["boxes"][order].cpu(), atol=1e-3, rtol=1e-4)
    assert [one.probability for one in found] == pytest.approx(own["scores"][order].tolist(), abs=1e-5)


class Planted(nn.Module):
    """A classifier that says "none" of every token but some: {token: (class, logit)}."""

    def __init__(self, tokens: dict[int, tuple[int, float]]) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, hidden: Tensor) -> Tensor:
        logits = torch.zeros(*hidden.shape[:2], 4, device=hidden.device)
        logits[..., 3] = 9.0
        for token, (index, logit) in self.tokens.items():
            logits[0, token, 3] = 0
            logits[0, token, index] = logit
        return logits


def test_the_position_of_an_object_is_the_token_that_found_it() -> None:
    detector = yolos()
    detector.module.class_labels_classifier = Planted({1: (2, 3.0), 3: (0, 7.0)})
    found = detector.detect(PHOTO, size=64)
    first, second = found.objects
    assert (first.label, second.label) == ("cat", "tram"), "the most probable first, not the first token"
    assert [found.axis.labels[found.axis.patches.stop + one.query] for one in found.objects] == ["object 4", "object 2"]
    box = outputs(detector, PHOTO, 64).pred_boxes[0, 3].tolist()
    assert (first.box[0] + first.box[2]) / 2 == pytest.approx(box[0] * 120, abs=1e-3)
    probabilities = outputs(detector, PHOTO, 64).logits[0].softmax(-1)
    for one in found.objects:
        assert probabilities[one.query, :3].max().item() == pytest.approx(one.probability)


def test_nothing_above_the_threshold_is_no_object() -> None:
    assert yolos().detect(PHOTO, 64, threshold=1.0).objects == ()


@pytest.mark.parametrize("make", [yolos, detr])
@pytest.mark.parametrize("image_size", [(1000, 20), (20, 1000), (2000, 20), (5, 5), (1, 1)])
def test_any_shape_of_picture_has_a_grid_over_all_of_it(make: Any, image_size: tuple[int, int]) -> None:
    detector = make()
    found = detector.detect(Image.new("RGB", image_size, "red"), size=128)
    assert found.traces["encoder"].problems == ()
    assert found.axis.image_box == (0, 0, *image_size)
    height, width = detector.input_size(image_size, 128)
    assert min(height, width) <= 128 and max(height, width) <= 128 * 5 / 3 + 32
    assert (height < width) == (image_size[0] > image_size[1])


def test_a_model_of_one_shape_keeps_it() -> None:
    detector = yolos()
    detector.processor.size = {"height": 64, "width": 64}
    assert detector.detect(PHOTO, size=512).axis.grid == (4, 4)


@pytest.mark.parametrize("make", [yolos, detr])
def test_a_detector_comes_from_the_hub_by_its_name(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.offline(monkeypatch, tmp_path)
    detector = make()
    hub.lay(tmp_path, "someone/detector", detector.module, detector.processor)
    loaded = load_detector("someone/detector")
    found, own = loaded.detect(PHOTO, 64, 0.0), detector.detect(PHOTO, 64, 0.0)
    assert found.traces["encoder"].layers == own.traces["encoder"].layers and found.axis == own.axis
    assert [one.label for one in found.objects] == [one.label for one in own.objects]


def test_a_backbone_that_is_only_named_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As facebook/detr-resnet-50 is published."""
    backbone = {"in_chans": 3, "out_indices": [1, 2, 3, 4]}
    detector = detr(backbone=TimmBackboneConfig(backbone="resnet10t", features_only=True, **backbone))
    for part in (detector.module, detector.processor):
        part.save_pretrained(tmp_path / "hub" / "someone" / "detr")
    file = tmp_path / "hub" / "someone" / "detr" / "config.json"
    published = {
        "backbone": "resnet10t",
        "backbone_config": None,
        "backbone_kwargs": backbone,
        "use_pretrained_backbone": True,
        "use_timm_backbone": True,
    }
    file.write_text(json.dumps(json.loads(file.read_text()) | published))
    with hub.served(monkeypatch, tmp_path / "hub", tmp_path / "cache") as asked:
        found, own = load_detector("someone/detr").detect(PHOTO, 64, 0.0), detector.detect(PHOTO, 64, 0.0)
    assert not [path for path in asked if "resnet" in path]
    assert found.traces["encoder"].layers == 2 and len(found.objects) == 4
    assert found.objects[0].probability == pytest.approx(own.objects[0].probability, abs=1e-5)


def test_attention_that_is_sampled_at_points_is_not_drawn_as_a_map() -> None:
    """Deformable DETR, with as many queries as one of its grids has cells."""
    config = DeformableDetrConfig(
        backbone_config=tiny_backbone(("stage2", "stage3", "stage4")),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=24,
        id2label=LABELS,
    )
    detector = Detector("points", DeformableDetrForObjectDetection(config).eval(), DeformableDetrImageProcessor())
    found = detector.detect(PHOTO, 64, 0.0)
    assert not found.traces and found.left_out > 0 and len(found.objects) > 0


def test_another_kind_of_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.offline(monkeypatch, tmp_path)
    beit = BeitConfig(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, out_indices=[1, 2, 3, 4])
    hub.lay(tmp_path, "someone/segmenter", BeitForSemanticSegmentation(beit), DeformableDetrImageProcessor())
    for name, code in [
        ("someone/segmenter", "model.unsupported"),
        ("someone/nothing", "model.offline_alone"),
        ("../secrets", "model.bad_name"),
    ]:
        with pytest.raises(SidelightError) as caught:
            load_detector(name)
        assert caught.value.code == code
