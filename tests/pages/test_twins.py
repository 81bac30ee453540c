"""The bundled twins: with no network and no Start they write on, fill blanks and stand side by side."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.models.catalogue import LANGUAGE
from tests.models.hub import offline
from tests.pages.test_others import settle, told
from tests.pages.test_pages import opened, views

READS, WRITES = (next(card.key for card in LANGUAGE if card.task == task) for task in ("fill", "generate"))


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)


def shown(task: str, language: str = "en", **state: object) -> AppTest:
    test = opened("differences", {"section": "task", "hub_task": task}, lang=language, **state)
    settle(test)
    assert not [text for text in test.text if text.value.startswith("⚠")]
    return test


def test_a_text_is_gone_on_with_and_another_piece_can_be_taken_at_any_step() -> None:
    test = shown("generate", hub_prompt_text="The boy")
    assert "The boy **" in told(test) and len(views(test)) == 1
    assert test.slider(key="hub_top_p").disabled
    second = test.button(key="hub_instead_1")
    piece = second.label.rpartition(" ")[0]
    second.click().run()
    settle(test)
    assert test.text_area(key="hub_prompt_text").value == f"The boy {piece}"
    test.slider(key="hub_heat").set_value(1.0).run()
    settle(test)
    before = told(test)
    test.number_input(key="hub_seed").set_value(5).run()
    settle(test)
    assert told(test) != before and not test.slider(key="hub_top_p").disabled


def test_a_blank_is_filled_and_a_text_without_one_is_told_so() -> None:
    test = shown("fill", "zh", hub_blank_text="A man is ___ a __.")
    assert told(test).count("A man is **") == 1 and len(views(test)) == 1
    assert len([chart for chart in test.get("plotly_chart") if "hub_blank" in chart.proto.id]) == 2
    test.text_area(key="hub_blank_text").set_value("A man.").run()
    settle(test)
    assert [text for text in test.text if "___" in text.value]


def test_twins_read_the_same_sentence_side_by_side() -> None:
    test = shown("both", hub_twins_text="A man is here.")
    assert len(views(test)) == 1 and "“man” masked" in told(test)
    test.select_slider(key="hub_at").set_value(2).run()
    assert "“is” masked" in told(test) and not test.exception
    test.text_area(key="hub_twins_text").set_value("Yes").run()
    settle(test)
    assert "“Yes” masked" in told(test)
