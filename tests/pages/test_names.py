"""What people call things (classes, runs, files, sentences), full of Markdown, HTML and LaTeX: each page shows it as
text."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.finetune import results
from core.models import catalogue
from core.ui import inputs, uploads
from core.ui.photos import OWN
from core.ui.plain import piece_text, plain
from tests.pages.test_pages import opened

NAME = "<b>*x*</b> $y_1$ :red[z] `q` [l](u) # ~~s~~"
READS_MARKDOWN = ("markdown", "caption", "title", "header", "subheader", "info", "success", "warning", "error")
LABELS = ("button", "checkbox", "toggle", "expander", "radio", "pills", "button_group", "tab")


@pytest.fixture(scope="module")
def runs(trained_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained runs, with such names wherever a person gives one."""
    root = tmp_path_factory.mktemp("named") / "runs"
    shutil.copytree(trained_runs, root)
    for run in root.glob("*-*"):
        for file in [run / "job.json", run / "result" / "job.json", run / "result" / "card.json"]:
            found = json.loads(file.read_text("utf-8"))
            file.write_text(json.dumps(found | {"title": f"{found['task']} {NAME}"[:60]}), "utf-8")
        if (classes := run / "result" / "classes.json").exists():
            found = json.loads(classes.read_text("utf-8"))
            classes.write_text(json.dumps(found | {"classes": [NAME, "ship"]}), "utf-8")
    return root


def markdown(test: AppTest) -> list[str]:
    """Everything on the page that Streamlit reads as Markdown."""
    found = [str(one.value) for kind in READS_MARKDOWN for one in test.get(kind) if hasattr(one, "value")]
    return found + [str(one.label) for kind in LABELS for one in test.get(kind) if getattr(one, "label", None)]


def test_a_run_is_called_by_its_whole_title_cut_where_it_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(catalogue.BUNDLED[0], key="20260101-000000-lora-0000", title="dog, ship · LoRA", place=Path("none"))
    for title, shown in ((one.title, one.title), ("dog, " * 20, f"{'dog, ' * 7}dog…")):
        monkeypatch.setattr(catalogue, "trained", lambda title=title: [replace(one, title=title)])
        assert inputs.short_title("vision", one.key) == shown
    assert inputs.short_title("vision", "") == "ViT-S/14"


PAGES = ("compare", "vision", "translation", "explain", "differences", "finetune", "models")


@pytest.mark.parametrize("page", PAGES)
def test_a_name_is_text_wherever_it_stands(page: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(runs))
    (vision,) = (run.name for run, *_ in results.finished("vision"))
    photo = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(photo, "PNG")
    own = OWN + uploads.keep(NAME, photo.getvalue())
    chosen = {"vision_model": vision, "sentence": NAME, "run": vision, "photo": own}
    test = opened(page, lang="en", section="task", explain="ablation", quiz_all=True, **chosen)
    assert not test.exception
    shown = markdown(test)
    for part in ("*x*", "<b>", "$y_1$", ":red[", "[l](u)", "~~s~~"):
        assert not [text for text in shown if part in text and plain(part) not in text], part
    assert shown


def test_a_language_tag_is_named_as_in_the_linked_view() -> None:
    assert [piece_text(piece) for piece in (">>deu<<", ">>cmn_Hans<<", ">>", "Hund")] == ["→ DE", "→ ZH", ">>", "Hund"]


def test_what_is_plain_has_no_markup_left() -> None:
    assert plain("*a*\n# b") == r"\*a\* \# b"
    assert plain(r"\*") == r"\\\*" and plain("猫 é 1") == "猫 é 1"
