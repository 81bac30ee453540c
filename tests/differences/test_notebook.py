"""The notebook beside the lesson runs from its first cell to its last, and has a cell for every section."""

import json
from pathlib import Path

import pytest

from core.ui.differences.sections import SECTIONS

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "lesson.ipynb"


def test_every_cell_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    told = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    heads = [text.split()[1] for text in told if text.startswith("## ")]
    assert heads == [str(number) for number in range(len(SECTIONS))]
    names: dict = {"__name__": "__main__"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], cell["id"], "exec"), names)
    said = capsys.readouterr().out
    off = float(said.split("largest difference: ")[1].split()[0])
    assert off < 1e-4 and "decoder layers 3 heads 8 looks ahead: 0.0" in said
