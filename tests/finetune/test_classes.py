"""Training a classifier: pictures are read and varied as said, the adapter learns, probabilities are calibrated."""

import io
import json
import tarfile
from pathlib import Path

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.finetune import class_task, classify
from core.finetune.calibration import calibration_error, fit_temperature
from core.finetune.loop import Run, Settings
from core.finetune.pictures import enlarge, read_pictures, vary


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Ten red and ten blue pictures, and a text file that is none."""
    path = tmp_path / "colours.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for name, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
            for number in range(10):
                stream = io.BytesIO()
                Image.new("RGB", (20, 30), tuple(c + number for c in colour)).save(stream, "PNG")
                member = tarfile.TarInfo(f"train/{name}/{number}.png")
                member.size = len(stream.getvalue())
                file.addfile(member, io.BytesIO(stream.getvalue()))
        member = tarfile.TarInfo("train/red/notes.txt")
        file.addfile(member, io.BytesIO())
    return path


def test_pictures_are_read_with_their_classes(archive: Path) -> None:
    pictures = read_pictures(archive)
    assert pictures.classes == ("blue", "red") and pictures.images.shape == (20, 3, 32, 32)
    reds = pictures.images[pictures.labels == 1].float().mean((0, 2, 3))
    assert reds[0] > 190 and reds[2] < 60
    train, held_out = pictures.split(4, seed=0)
    assert len(train) == 16 and held_out.labels.tolist().count(0) == 2


def test_variation_keeps_the_picture_and_changes_its_view() -> None:
    torch.manual_seed(0)
    images = torch.zeros(64, 3, 32, 32, dtype=torch.uint8)
    images[:, :, 12:20, 12:20] = 255  # a white square in the middle stays somewhere in view
    seen = vary(images, 56)
    assert seen.shape == (64, 3, 56, 56) and seen.min() >= 0 and seen.max() <= 1
    areas = (seen.mean(1) > 0.4).float().mean((1, 2))
    assert (areas > 0).float().mean() > 0.95 and areas.std() > 0.02
    assert enlarge(images, 56).shape == seen.shape


def test_a_lora_learns_and_trains_only_what_it_says(archive: Path, tmp_path: Path, monkeypatch) -> None:
    torch.manual_seed(0)
    base = timm.create_model("vit_tiny_patch16_224", img_size=112, depth=2, num_classes=2, embed_dim=48, num_heads=3)
    frozen = {name: value.clone() for name, value in base.state_dict().items() if not name.startswith("head")}
    train, held_out = read_pictures(archive).split(6, seed=0)
    monkeypatch.setattr(classify, "CALIBRATION", 2)
    module = classify.with_adapter(base, rank=2, first_block=1, layers=len(base.blocks))
    task = class_task.ClassTask(module, train, held_out, (0.5,) * 3, (0.5,) * 3, batch=7, sides=(112,))
    run = Run(task, Settings(steps=25, rate=0.01, every=25), tmp_path / "run")
    events = list(run.train())
    assert events[-1].metrics["accuracy"] == 1.0
    after = dict(module.base_model.model.named_parameters())
    for name, value in frozen.items():
        found = after.get(
            name, after.get(name.replace(".weight", ".base_layer.weight").replace(".bias", ".base_layer.bias"))
        )
        assert torch.equal(found, value), f"{name} is not to be trained"
    trained = [name for name, p in module.named_parameters() if p.requires_grad]
    assert all("lora_" in name or "head" in name for name in trained) and not any("blocks.0." in n for n in trained)
    found = classify.export(task, run.learnt, tmp_path / "model", {})
    assert found["classes"] == ("blue", "red") and found["held_out"]["accuracy"] == 1.0
    assert json.loads((tmp_path / "model" / "classes.json").read_text())["temperature"] > 0
    assert (tmp_path / "model" / "adapter_model.safetensors").stat().st_size < 50_000


def test_a_temperature_undoes_a_planted_overconfidence() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 5) * 1.5
    labels = torch.distributions.Categorical(logits=logits).sample()  # calibrated by construction
    assert calibration_error(logits.softmax(-1), labels) < 0.03
    assert calibration_error((3 * logits).softmax(-1), labels) > 0.15
    temperature = fit_temperature(3 * logits, labels)
    assert temperature == pytest.approx(3, rel=0.1)
    assert calibration_error((3 * logits / temperature).softmax(-1), labels) < 0.03


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10_000))
def test_a_calibration_error_is_between_zero_and_one(count: int, classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(count, classes, generator=generator).softmax(-1)
    labels = torch.randint(classes, (count,), generator=generator)
    assert 0 <= calibration_error(probabilities, labels) <= 1
