"""Where the home page opens: at a patch and a word that were chosen for the sample, unless the link says another."""

import pytest
from streamlit.testing.v1 import AppTest

from core import samples
from core.attention.axes import PatchAxis
from core.ui.openings import patch_at
from core.views.linked import state
from tests.pages.test_pages import opened


def in_link(test: AppTest) -> str:
    found = test.query_params["view"]
    return found if isinstance(found, str) else found[0]


def test_every_sample_has_its_opening_and_three_to_try_of_words_that_it_has() -> None:
    for name, photo in samples.by_name().items():
        found = samples.openings(name)
        assert len(found) == 3 and all(one.word in photo.caption.lower().strip(".").split() for one in found)
    for sentence in samples.sentences():
        assert samples.word_of(sentence.text) in sentence.text.lower().strip(".?").split(), sentence.text


@pytest.mark.parametrize(("point", "patch"), [((0.6, 0.6), 4), ((0.3, 0.9), 3), ((0.0, 0.0), 1), ((1.0, 0.9), 4)])
def test_a_point_of_the_photo_finds_its_patch_after_a_crop_too(point: tuple[float, float], patch: int) -> None:
    axis = PatchAxis((2, 2), ("CLS",), (50, 0, 150, 100), (200, 100))  # its middle
    assert patch_at(axis, point) == patch


def test_it_opens_there_follows_the_photo_and_tries_what_is_offered() -> None:
    test = opened("compare", lang="en")
    assert not test.exception
    at = state.read(in_link(test)).at
    assert at["image"] != "0" and at["sentence"].startswith("t")
    test.button(key="try_2").click().run()
    tried = state.read(in_link(test)).at
    assert not test.exception and tried["image"] != at["image"] and tried["sentence"] != at["sentence"]
    test.run()
    assert state.read(in_link(test)).at == tried, "what is chosen stays"
    test.segmented_control(key="photo").set_value("cat").run()
    other = state.read(in_link(test)).at
    assert not test.exception and other["image"] != tried["image"]


def test_a_photo_alone_opens_there_too_and_what_was_chosen_of_a_sentence_stays() -> None:
    test = opened("vision", lang="en", photo="cat")
    asked = state.read(in_link(test)).at["image"]
    test.switch_page("pages/compare.py").run()
    at = state.read(in_link(test)).at
    assert not test.exception and asked == at["image"] != "0" and at["sentence"].startswith("t")
    test.button(key="try_2").click().run()
    tried = state.read(in_link(test)).at
    for page in ("vision", "compare"):
        test.switch_page(f"pages/{page}.py").run()
    assert not test.exception and state.read(in_link(test)).at == tried


@pytest.mark.parametrize("page", ["compare", "vision"])
def test_a_link_wins(page: str) -> None:
    test = opened(page, lang="en", view="depth_0.5~image_7")
    assert in_link(test) == "depth_0.5~image_7"


def test_moving_keeps_what_else_was_chosen() -> None:
    text = "depth_0.2~method_max~image_5.1~sentence_t3.0"
    assert state.moved(text, 0.82, {"image": "9"}) == "depth_0.82~method_max~image_9~sentence_t3.0"
    assert state.moved(text, state.DEPTH, {"image": ""}) == "method_max~sentence_t3.0"
    assert state.moved("", None, {"text": "4"}) == "text_4"
