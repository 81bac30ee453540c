"""A result for use without this project: the script beside it says what the pages say, the card how good it is."""

import io
import re
import runpy
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from core import samples
from core.errors import SidelightError
from core.finetune import outside, results
from core.finetune.data import dataset
from core.models.evidence import wilson
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import load_vision

SENTENCE = "Cut the onion into thin slices."


@pytest.fixture(autouse=True)
def runs(trained_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(trained_runs))
    return trained_runs


def said(folder: Path, argument: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    patch.setattr(sys, "argv", ["load.py", argument])
    capsys.readouterr()
    runpy.run_path(str(folder / "load.py"))
    return capsys.readouterr().out.splitlines()


def test_the_script_says_what_the_page_says_of_a_picture(runs, tmp_path, monkeypatch, capsys) -> None:
    run = next(runs.glob("*-head-*"))
    outside.write(run, tmp_path)
    model, side = load_vision(run.name), results.job_of(run).side
    image = open_image(samples.photos()[0].path.read_bytes()).resize((side, side))
    image.save(tmp_path / "square.png")
    lines = said(tmp_path, str(tmp_path / "square.png"), monkeypatch, capsys)
    chances = dict(zip(model.classes, model.run(image, side, "stretch").probabilities.tolist(), strict=True))
    for line in lines:
        share, name = line.split(" ", 1)
        assert float(share.rstrip("%")) == pytest.approx(100 * chances.pop(name), abs=0.3)  # float16
    assert not chances


def test_the_script_writes_what_the_page_writes(runs, tmp_path, monkeypatch, capsys) -> None:
    run = next(runs.glob("*-lora-*"))
    outside.write(run, tmp_path)
    (line,) = said(tmp_path, SENTENCE, monkeypatch, capsys)
    assert line == load_translator(run.name).translate(SENTENCE, "deu").text


def test_the_card_tells_what_was_measured_and_names_no_place_of_this_machine(runs, tmp_path) -> None:
    for run in runs.glob("*-*"):
        with zipfile.ZipFile(io.BytesIO(outside.pack(run))) as archive:
            text = archive.read(f"{run.name}/README.md").decode()
            small = b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".safetensors"))
        assert str(runs).encode() not in small and b"/work" not in small
        _, head, body = text.split("---\n", 2)
        result, job = results.read(run), results.job_of(run)
        assert yaml.safe_load(head)["pipeline_tag"] == outside.card.KINDS[job.task]
        assert result.data in body and job.method in body
        if "accuracy" in result.metrics:
            count = sum(few for _, few in dataset.load(run / "data").report.counts.values())
            low, high = wilson(round(result.metrics["accuracy"] * count), count)
            assert f"| accuracy | {result.metrics['accuracy']:.1%} | {low:.1%} to {high:.1%} |" in body
        assert re.search(r"\| 1?\d+ \| \d\.\d{3} \|", body), "how it learnt"


def test_a_run_that_is_gone_gets_a_sentence() -> None:
    with pytest.raises(SidelightError, match="not"):
        outside.pack(Path("20200101-000000-lora-abcd"))
