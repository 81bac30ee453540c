"""Where curves go: Weights & Biases is asked in every way that a person may have told it, and never ends a run."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate import PartialState

from core.finetune import tracking
from tests.finetune.models import job

DATA = "0123456789abcdef" * 4


class NoServer(Exception):
    """As wandb.Error."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What wandb.init was told; with no server where it is not told to stay offline. Nobody is logged in."""
    told: list[dict] = []

    def init(**given: object) -> SimpleNamespace:
        told.append(given)
        if given.get("mode") != "offline":
            raise NoServer("no answer")
        return SimpleNamespace()

    one = SimpleNamespace(
        init=init, Error=NoServer, Settings=dict, teardown=lambda: None, login=lambda prompt, verify: False
    )
    monkeypatch.setitem(sys.modules, "wandb", one)
    monkeypatch.setattr(tracking, "is_wandb_available", lambda: True)
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return told


def asked(folder: Path) -> list:
    return tracking.trackers(folder, job("vision", "lora"), DATA)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda patch: None, False),
        (lambda patch: patch.setenv("WANDB_MODE", "offline"), True),
        (lambda patch: patch.setenv("WANDB_API_KEY", "k" * 40), True),
        (lambda patch: patch.setattr(sys.modules["wandb"], "login", lambda prompt, verify: True), True),
        (lambda patch: (patch.setenv("WANDB_API_KEY", "k" * 40), patch.setenv("WANDB_MODE", "disabled")), False),
    ],
)
def test_it_is_told_where_somebody_wants_it(
    begun: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Callable, wanted: bool
) -> None:
    told(monkeypatch)
    assert len(asked(tmp_path)) == 1 + wanted and asked(tmp_path)[0] == "tensorboard"


def test_a_run_is_named_lies_in_its_folder_and_goes_on_without_a_server(
    begun: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    _, curves = asked(tmp_path)
    PartialState()  # as in a run: accelerate's trackers ask it who tells
    curves.start()
    first, second = begun
    assert second.pop("mode") == "offline" and "mode" not in first and first == second
    assert first["project"] == "sidelight" and first["dir"] == str(tmp_path) and first["id"] == tmp_path.name
    assert all(part in first["name"] for part in ("lora", "tiny", "toy", tmp_path.name))
    assert first["config"]["data"] == DATA and first["config"]["rate"] == 1e-2 and "owner" not in first["config"]
    assert "no answer" in capsys.readouterr().err
