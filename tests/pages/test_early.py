"""A server that has just begun: what is on the page before the models can be imported, and what is kept on disk."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from streamlit.testing.v1 import AppTest

from core import store
from core.models import catalogue
from core.settings import ROOT
from core.ui import early, first, view
from core.views.linked.state import read
from tests.waiting import PATIENCE

APP = ROOT / "app.py"
HEAVY = ("torch", "torchvision", "transformers", "timm", "peft")


def test_the_first_page_needs_none_of_what_takes_seconds_to_import() -> None:
    found = f"import sys, core.ui.early; print([name for name in {HEAVY} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[bytes, str]]:
    """As in a new process; what is mounted before the models are imported."""
    mounted: list[tuple[bytes, str]] = []
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path))
    begin_anew()
    mount = view.mount

    def watched(data: bytes, name: str, *more: object) -> None:
        if not store.store().find(early.KEY):
            mounted.append((data, view.text()))
        mount(data, name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(view, "mount", watched)
    monkeypatch.setattr(early, "MODULES", early.MODULES[:1])
    return mounted


def begin_anew() -> None:
    store.store().forget(early.KEY)
    first._written.clear()


def opened(language: str = "en") -> AppTest:
    page = AppTest.from_file(APP, default_timeout=PATIENCE)
    page.query_params["lang"] = language
    return page.run()


def test_the_first_answer_is_kept_shown_at_once_and_is_what_is_computed_anew(
    cold: list[tuple[bytes, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened()
    assert not page.exception and not cold  # nothing is kept yet
    [file] = (catalogue.runs_folder() / ".first").iterdir()
    kept = file.read_bytes()

    begin_anew()
    again = opened()
    [(shown, place)] = cold
    assert not again.exception and kept.endswith(shown) and file.read_bytes() == kept
    assert place in page.query_params["view"] and place in again.query_params["view"]
    assert {"image", "sentence"} <= read(place).at.keys()  # it opens where a first visit does

    begin_anew()
    file.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert not opened().exception
    assert len(cold) == 1  # what is damaged is not shown

    begin_anew()
    other = AppTest.from_file(APP, default_timeout=PATIENCE)
    other.query_params["sentence"] = "A dog runs."
    other.run()
    assert len(cold) == 1 and not other.exception  # nor is it where something else was asked


def test_what_is_kept_goes_by_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        first._name.__wrapped__("en", ""),
        first._name.__wrapped__("zh", ""),
        first._name.__wrapped__("en", "cuda"),
    }
    monkeypatch.setattr(first, "version", lambda name: "0.0")
    names.add(first._name.__wrapped__("en", ""))
    monkeypatch.setattr(catalogue, "default", lambda task: catalogue.CAPTIONER)
    names.add(first._name.__wrapped__("en", ""))
    assert len(names) == 5


def test_two_visitors_never_import_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[str] = []
    most = []

    def one(name: str) -> None:
        inside.append(name)
        sleep(0.05)  # long enough for another to come in, if it could
        most.append(len(inside))
        inside.pop()

    monkeypatch.setattr(early, "import_module", one)
    monkeypatch.setattr(early, "MODULES", ("first", "second"))
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(early._import, [lambda *_: None] * 2))
    assert most == [1] * 4, "what is half there would be met"
