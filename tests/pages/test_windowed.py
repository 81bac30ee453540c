"""A model that attends within windows, from a folder of this machine: each stage is drawn, and the methods that are
defined for one grid say that they do not apply."""

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from core.ui import work
from tests.pages.test_pages import opened, views

NAME = "swin_tiny_patch4_window7_224"
MADE = {"depths": (1, 1), "embed_dim": 24, "num_heads": (1, 2), "img_size": 64, "window_size": 4}


@pytest.fixture(autouse=True)
def swin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    (tmp_path / "swin").mkdir()
    save_file(timm.create_model(NAME, num_classes=3, **MADE).state_dict(), tmp_path / "swin" / "model.safetensors")
    config = {"architecture": NAME, "num_classes": 3, "model_args": MADE, "label_names": ["owl", "wren", "finch"]}
    config["pretrained_cfg"] = {"input_size": [3, 64, 64], "label_names": config["label_names"]}
    (tmp_path / "swin" / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("SIDELIGHT_MODELS", str(tmp_path))
    monkeypatch.setattr(work, "SIDE", 64)


def test_its_stages_are_drawn() -> None:
    test = opened("vision", lang="en", vision_model="local:swin")
    assert not test.exception and views(test)
    assert any("16×16" in str(one.options) and "8×8" in str(one.options) for one in test.get("button_group"))


def test_rollout_and_its_like_say_that_they_do_not_apply() -> None:
    test = opened("explain", lang="en", vision_model="local:swin")
    assert not test.exception
    said = [text.value for text in test.text if "Rollout, relevance and the other methods" in text.value]
    assert said and "swin" in said[0]
    assert not [header.value for header in test.header if "Maps" in header.value and "photo" in header.value]
