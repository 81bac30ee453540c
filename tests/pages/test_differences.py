"""The page on differences through Streamlit's AppTest: every section in both languages, and no number that stays when
the photo, the sentence or a model is another."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core import samples
from core.ui.lessons.sections import SECTIONS
from tests.pages.test_pages import opened

PHOTOS = [photo.path.stem for photo in samples.photos()]
SENTENCE = "Two children are playing football in the park near the river."


def shown(section: str, **state: object) -> AppTest:
    """The section with all its questions given up, so that everything is on the page."""
    test = opened("differences", lang="en", **state)
    test.query_params["section"] = section
    test.run()
    while skip := [button for button in test.button if str(button.key).startswith("skip_")]:
        skip[0].click().run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    """Everything that is written and drawn."""
    texts = [element.value for kind in (test.markdown, test.caption, test.info, test.metric) for element in kind]
    frames = [frame.value.to_csv() for frame in test.dataframe]
    return "\n".join([*map(str, texts), *frames, *(chart.proto.spec for chart in test.get("plotly_chart"))])


def numbers(test: AppTest) -> list[str]:
    return re.findall(r"-?\d+(?:\.\d+)?", said(test))


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_section_opens_in_both_languages(section: str, language: str) -> None:
    test = opened("differences", lang=language)
    test.query_params["section"] = section
    test.run()
    assert not test.exception
    assert test.session_state.section == section
    assert test.title[0].value.isascii() == (language == "en")
