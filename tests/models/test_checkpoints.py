"""A folder as timm's `train.py` leaves it opens as it is, and nothing of a hostile one runs."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from core.errors import SidelightError
from core.models import catalogue
from core.models.vision import load_vision
from core.models.vision.pyramid import PyramidVision

ASKED = {
    "model": "vit_tiny_patch16_224",
    "num_classes": 3,
    "in_chans": None,
    "gp": None,
    "img_size": 64,
    "mean": [0.1, 0.2, 0.3],
    "std": None,
    "model_kwargs": {"depth": 2, "embed_dim": 48, "num_heads": 3, "img_size": 64},
}
SWIN = {"depths": (1, 1), "embed_dim": 24, "num_heads": (1, 2), "img_size": 64, "window_size": 4}


def module(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(ASKED["model"], num_classes=3, **ASKED["model_kwargs"])


def save(folder: Path, file: str, state: dict[str, Any], **more: Any) -> Path:
    """With the keys of timm's CheckpointSaver."""
    folder.mkdir(parents=True, exist_ok=True)
    args = Namespace(**ASKED | more.pop("asked", {}))
    values = {"epoch": 3, "arch": args.model, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}, "version": 2}
    torch.save(values | {"args": args, "state_dict": state, "metric": 81.5} | more, folder / file)
    return folder


def test_the_best_checkpoint_opens_with_its_own_size_and_colours(tmp_path: Path) -> None:
    best, last = module(0), module(1)
    folder = save(tmp_path / "run", "last.pth.tar", last.state_dict())
    save(folder, "model_best.pth.tar", {f"module.{key}": value for key, value in best.state_dict().items()})
    found = load_vision(folder)
    assert found.classes == ("class 0", "class 1", "class 2") and found.default_size == 64
    assert found.mean == (0.1, 0.2, 0.3) and found.std == timm.data.IMAGENET_INCEPTION_STD
    for key, value in best.state_dict().items():
        assert torch.equal(found.module.state_dict()[key].cpu(), value)


def test_averaged_weights_and_names_are_taken_where_they_lie_there(tmp_path: Path) -> None:
    folder = save(tmp_path, "checkpoint-3.pth.tar", module(0).state_dict(), state_dict_ema=module(1).state_dict())
    (folder / "class_map.txt").write_text("owl\nwren\nfinch\n")
    found = load_vision(folder)
    assert torch.equal(found.module.cls_token.cpu(), module(1).cls_token)
    assert found.classes == ("owl", "wren", "finch")


def test_pages_offer_such_a_folder_for_pictures_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    name = "swin_tiny_patch4_window7_224"
    swin = timm.create_model(name, num_classes=3, **SWIN)
    save(tmp_path / "mine", "last.pth.tar", swin.state_dict(), asked={"model": name, "model_kwargs": SWIN})
    monkeypatch.setenv("SIDELIGHT_MODELS", str(tmp_path))
    assert set(catalogue.folders("vision")) == set(catalogue.folders()) == {"local:mine"}
    assert catalogue.folders("translation") == {}
    assert isinstance(load_vision("local:mine"), PyramidVision)


class Hostile:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


def test_nothing_of_a_hostile_checkpoint_runs(tmp_path: Path) -> None:
    folder = save(tmp_path / "run", "last.pth.tar", module(0).state_dict(), metric=Hostile(tmp_path / "it ran"))
    with pytest.raises(SidelightError) as caught:
        load_vision(folder)
    assert caught.value.code == "model.unsafe" and not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"asked": {"model": "unheard_of"}}, "model.unsupported"),
        ({"asked": {"in_chans": 1}}, "model.unsupported"),
        ({"asked": {"num_classes": 4}}, "model.damaged"),
        ({"state_dict": [1, 2]}, "model.damaged"),
    ],
)
def test_what_does_not_fit_together_gets_a_sentence(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    folder = save(tmp_path, "last.pth.tar", module(0).state_dict(), **change)
    with pytest.raises(SidelightError) as caught:
        load_vision(folder)
    assert caught.value.code == code
