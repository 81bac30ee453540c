"""The command that compares ways to train a translator, on a tiny model: one table, and nothing is run twice."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.finetune import parallel
from core.finetune.pretrain import new_model
from core.finetune.vocabulary import build_vocabulary
from core.models.translation import load_translator_folder
from tests.finetune.test_translation import NOUNS, VERBS, write


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """Runs the command, and gives the rows that it prints."""
    command: list[object] = ["translator_variants", "--data", tmp_path / "data", "--start", tmp_path / "start", "--run"]
    command += [tmp_path / "runs", "--steps", 4, "--tokens", 200, "--pairs", 20, "--sample", 5, "--rate", 0.01]
    monkeypatch.setenv("SIDELIGHT_DEVICE", "cpu")

    def rows(*options: str) -> dict[str, list[str]]:
        monkeypatch.setattr(sys, "argv", [str(word) for word in (*command, *options)])
        capsys.readouterr()
        runpy.run_module("benchmarks.translator_variants", run_name="__main__")
        lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line[:2] == "| "]
        return {row[0]: row[1:] for row in lines}

    return rows


def test_variants_are_compared_and_a_finished_one_is_read(table: Callable, tmp_path: Path) -> None:
    lines = [(f"The {n} {v}.", f"{g} {d}.") for n, g in NOUNS.items() for v, d in VERBS.items()]
    write(tmp_path / "data", "train", lines)
    write(tmp_path / "data", "val", lines[:8])
    tokenizer = build_vocabulary(parallel.read_part(tmp_path / "data", "train"), 40, tmp_path / "start")
    torch.manual_seed(0)
    new_model(tokenizer, 64, (1, 1), 0.1).save_pretrained(tmp_path / "start")

    found = table("--only", "baseline", "both ways")
    assert list(found) == ["de", "before", "baseline", "no running average", "both ways"]
    assert len(found["baseline"]) == 1 and len(found["both ways"]) == 2
    assert len({row[0] for row in found.values()}) == 5
    both = load_translator_folder(tmp_path / "runs" / "both-ways" / "table")
    assert both.targets == ("ces", "cmn_Hans", "deu", "eng", "fra")
    result = tmp_path / "runs" / "baseline" / "result.json"
    assert json.loads(result.read_text())["budget"]["steps"] == 4 and not list(tmp_path.rglob("checkpoints"))

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    again = table("--only", "baseline", "both ways")
    assert again == found
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
