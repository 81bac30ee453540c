"""What lies beside the lesson follows its sections: the notebook runs from its first cell to its last and has a cell
for each; the plans name each as the page does, with its minutes and its link."""

import itertools
import json
import re
import urllib.parse
from pathlib import Path

import pytest

from core import wording
from core.ui.differences import limits, loss
from core.ui.differences.sections import MINUTES, SECTIONS

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOK = DOCS / "lesson.ipynb"


def test_every_cell_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    told = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    heads = [text.splitlines()[0] for text in ("".join(source) for source in told) if text.startswith("## ")]
    english, chinese = ([wording.text(f"differences.{key}", one) for key in SECTIONS] for one in ("en", "zh"))
    assert heads == [f"## {one} · {other.split()[1]}" for one, other in zip(english, chinese, strict=True)]
    names: dict = {"__name__": "__main__"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], cell["id"], "exec"), names)
    said = capsys.readouterr().out
    off = float(said.split("largest difference: ")[1].split()[0])
    assert off < 1e-4 and "decoder layers 3 heads 8 looks ahead: 0.0" in said


@pytest.mark.parametrize(("plan", "language"), [("lesson.md", "en"), ("lesson.zh.md", "zh")])
def test_the_plan_names_the_sections_as_the_page_does(plan: str, language: str) -> None:
    text = (DOCS / plan).read_text("utf-8")
    names = {key: wording.text(f"differences.{key}", language) for key in SECTIONS}
    long = re.findall(r"^\| (\d+)–(\d+) \| \[(.+?)\]\(.+?section=(\w+)(?:&lang=(\w+))?\)", text, re.MULTILINE)
    assert [(key, name) for *_, name, key, _ in long] == list(names.items())
    assert {spoken or "en" for *_, spoken in long} == {language}
    ends = list(itertools.accumulate(MINUTES.values()))
    assert [(int(start), int(end)) for start, end, *_ in long] == list(zip([0, *ends], ends, strict=False))
    short = re.findall(r"^\| \d+–\d+ \| (\d.+?) \|", text, re.MULTILINE)
    assert short and set(short) <= set(names.values())
    assert int(re.findall(r"^\| \d+–(\d+) \| \d", text, re.MULTILINE)[-1]) == 45
    links = [
        dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(one).query)) for one in re.findall(r"\((http.+?)\)", text)
    ]
    for name, parts in {"section": SECTIONS, "loss": loss.PARTS, "limits": limits.PARTS}.items():
        assert {link[name] for link in links if name in link} <= set(parts)
    assert set().union(*links) <= {"section", "loss", "limits", "lang"}
