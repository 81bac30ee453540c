"""Settings come from the environment; a wrong one is told before anything depends on it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import SidelightError
from core.settings import ROOT, SETTINGS, check, setting
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(f"SIDELIGHT_{name}", raising=False)


def test_what_is_not_set_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_HUB", " ")
    assert setting("HUB") is True and setting("RUNS") == ROOT / "runs" and setting("DEVICE") == ""
    check()


@pytest.mark.parametrize(("text", "value"), [("0", False), ("off", False), ("No", False), ("1", True), ("TRUE", True)])
def test_a_switch(text: str, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_HUB", text)
    assert setting("HUB") is value


def test_a_folder_may_start_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_RUNS", "~/runs")
    assert setting("RUNS") == Path.home() / "runs"


def test_a_wrong_value_and_an_unknown_name_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_HUB", "perhaps")
    with pytest.raises(SidelightError, match='SIDELIGHT_HUB is "perhaps".*1, 0'):
        check()
    monkeypatch.delenv("SIDELIGHT_HUB")
    monkeypatch.setenv("SIDELIGHT_RUN", "/data")
    with pytest.raises(SidelightError, match="no setting SIDELIGHT_RUN.*SIDELIGHT_RUNS"):
        check()


def test_the_app_says_so_and_shows_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_HUB", "perhaps")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()
    assert not app.exception and not app.title
    assert any("SIDELIGHT_HUB" in text.value for text in app.text)
