"""transformers' vision models behind the interface, opened as a folder and by name from a hub on this machine."""

import json
from pathlib import Path

import pytest
import timm
import torch
import transformers as hf
from safetensors.torch import save_file

from benchmarks import coverage, coverage_vision
from benchmarks.coverage_vision import LABELS, SIDE, TRANSFORMERS, photo, random_weights
from core.attention.methods import METHODS, explain, refusal
from core.errors import SidelightError
from core.models.subjects import vision_subject
from core.models.vision import VisionModel, from_transformers, load_vision
from tests.models import hub

SIZE = {"height": SIDE, "width": SIDE}
REFUSED = ("HieraForImageClassification",)  # its tokens are not in the order of the picture
OPENED = [name for name, (_, prefix) in TRANSFORMERS.items() if prefix is not None]


def opened(name: str) -> VisionModel:
    torch.manual_seed(0)
    module = random_weights(TRANSFORMERS[name][0]())
    return from_transformers(name, getattr(module, "vision_model", module), hf.ViTImageProcessor(size=SIZE))


@pytest.mark.parametrize("entry", coverage_vision.transformers_entries(), ids=lambda entry: entry.name)
def test_what_is_shown_is_what_the_model_does(entry: coverage.Entry) -> None:
    found = coverage.outcome(entry)
    assert found.state == ("refused" if entry.name in REFUSED else "right"), found.note


NARROW = [name for name in OPENED if name not in ("CLIPModel", "SiglipModel")]


@pytest.mark.parametrize("name", NARROW)
def test_every_part_of_the_interface_is_filled(name: str) -> None:
    found = opened(name)
    result = found.run(photo(SIDE), SIDE, "stretch")
    pixels = found.pixels(result.fitted.pixels)
    states, tokens = found.states(pixels), found.tokens(pixels)
    assert [state.shape for state in states] == [tokens.shape] * 3
    assert set(found.prefix_vectors()) == set(found.prefix)
    grouped = [id(value) for group in found.weight_groups() for value in group.tensors.values()]
    assert sorted(grouped) == sorted(id(value) for value in found.module.parameters())
    assert [group.number for group in found.weight_groups() if group.role == "layer"] == [1, 2]
    vectors, embedded = found.position_vectors((8, 8)), found.embed(pixels)[0].detach()
    if vectors is not None and not name.startswith("CLIP"):  # CLIP normalises before its first layer
        start = len(found.prefix)
        assert (states[0][0, start:].detach() - embedded - vectors).abs().max() < 1e-4
    assert result.reader.sum() == pytest.approx(1, abs=1e-4) and (result.reader >= 0).all()
    if len(found.sizes) > 1:
        assert len(found.run(photo(96), 128, "crop").axis) == len(found.prefix) + 256


@pytest.mark.parametrize("name", NARROW)
def test_the_projections_give_what_each_layer_adds(name: str) -> None:
    """With the feed-forward part silenced, a layer adds its projection of the heads' outputs, and a bias."""
    found = opened(name)
    for key, value in found.module.named_parameters():
        is_last = key.endswith(("mlp.fc2.weight", "mlp.fc2.bias", "output.dense.weight", "output.dense.bias"))
        if (is_last and "attention" not in key) or key.endswith(("down_proj.weight", "down_proj.bias")):
            value.data.zero_()
    result = found.run(photo(SIDE), SIDE, "stretch")
    states = found.states(found.pixels(result.fitted.pixels))
    for layer, (call, weight) in enumerate(zip(result.traces["encoder"].calls, found.projections(), strict=True)):
        own = call.output(slice(None), call.value)[0].transpose(0, 1).flatten(1) @ weight.T
        rest = (states[layer + 1] - states[layer])[0].detach() - own
        assert (rest - rest[0]).abs().max() < 1e-4 * own.abs().max(), "all but the bias, the same for each token"


@pytest.mark.parametrize("name", ["BeitForImageClassification", "DINOv3ViTModel", "SiglipVisionModel"])
def test_every_method_explains_them(name: str) -> None:
    found = opened(name)
    result = found.run(photo(SIDE), SIDE, "stretch")
    subject = vision_subject(found, result, 1 if found.classes else None)
    for name, method in METHODS.items():
        if not refusal(subject, method):
            assert torch.isfinite(explain(subject, name)).all()


def test_a_name_decides_nothing_its_config_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two repositories of one person: one that transformers wrote, one that timm wrote."""
    hub.offline(monkeypatch, tmp_path)
    module = random_weights(TRANSFORMERS["ViTForImageClassification"][0]())
    hub.lay(tmp_path, "somebody/vit_tiny_patch16_224", module, hf.ViTImageProcessor(size=SIZE))
    found = load_vision("somebody/vit_tiny_patch16_224")
    assert found.classes == tuple(LABELS.values())
    place = tmp_path / "models--somebody--birds" / "snapshots" / hub.COMMIT
    place.mkdir(parents=True)
    (place.parent.parent / "refs").mkdir()
    (place.parent.parent / "refs" / "main").write_text(hub.COMMIT)
    own = timm.create_model("test_vit", num_classes=2)
    save_file(own.state_dict(), place / "model.safetensors")
    config = {
        "architecture": "test_vit",
        "num_classes": 2,
        "label_names": ["owl", "wren"],
        "pretrained_cfg": {
            "input_size": [3, 160, 160],
            "mean": [0.5] * 3,
            "std": [0.5] * 3,
            "num_classes": 2,
            "classifier": "head",
            "first_conv": "patch_embed.proj",
        },
    }
    (place / "config.json").write_text(json.dumps(config))
    for name in ("somebody/birds", "hf-hub:somebody/birds"):
        assert load_vision(name).classes == ("owl", "wren")
    (place / "config.json").write_text(json.dumps({key: config[key] for key in config if key != "label_names"}))
    assert load_vision("somebody/birds").classes == ("class 0", "class 1")


def test_a_language_model_is_no_vision_model(tmp_path: Path) -> None:
    hf.BertModel(
        hf.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    ).save_pretrained(tmp_path)
    with pytest.raises(SidelightError):
        load_vision(tmp_path)
