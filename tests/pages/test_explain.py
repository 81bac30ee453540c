"""The Explain page: each section on both sides, what cannot be explained, and work that goes on beside the page."""

import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from core.ui import background, work
from core.ui.explain.ablation import marked
from tests.pages.test_pages import opened as page

SECTIONS = ("maps", "heads", "ablation", "arithmetic")


def opened(section: str, language: str = "en", **state: object) -> AppTest:
    return page("explain", lang=language, explain=section, **state)


def settled(app: AppTest, seconds: float = 120) -> AppTest:
    """Run again, as the browser does, until no progress is left."""
    end = time.monotonic() + seconds
    while app.get("progress") and time.monotonic() < end:
        time.sleep(1)
        app.run()
    assert not app.get("progress"), "still at it"
    return app


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page itself, on 112 px: 64 patches."""
    monkeypatch.setattr(work, "SIDE", 112)


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.text, *app.info])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_drawn_in_both_languages(section: str, language: str) -> None:
    app = opened(section, language)
    assert not app.exception
    assert app.title[0].value == {"en": "From looking to explaining", "zh": "从“看哪里”到“为什么”"}[language]
    assert app.session_state["explain"] == section


def test_every_map_is_checked_on_this_input() -> None:
    app = settled(opened("maps"))
    assert not app.exception
    told = [m.value for m in app.markdown if "of random maps" in m.value]
    assert len(told) == 9 + 8, "nine methods for the photo, eight for the sentence"
    assert "only" in texts(app), "and one that says why it does not apply"
    assert len({one.help for one in app.markdown if "of random maps" in one.value}) > 10, "each with its own areas"


def test_another_class_is_another_question() -> None:
    app = settled(opened("maps"))
    first = [one.help for one in app.markdown if "of random maps" in one.value]
    box = next(one for one in app.selectbox if one.label == "Why does the model say")
    box.select_index(1).run()
    second = [one.help for one in settled(app).markdown if "of random maps" in one.value]
    assert first != second and not app.exception


def test_one_word_has_no_order() -> None:
    app = opened("maps", sentence="Dog")
    assert "only one word" in texts(app) and not app.exception


def test_an_empty_sentence_leaves_the_photo_explained() -> None:
    app = opened("maps", sentence="…")
    assert not app.exception
    app.text_input[0].set_value("   ").run()
    assert not app.exception
    assert any(box.label == "Why does the model say" for box in app.selectbox)


def test_heads_that_are_off_are_told_and_can_be_put_back() -> None:
    app = settled(opened("ablation"))
    before, key = texts(app), "off_sentence_translation-en-de-fr-cs-zh"
    app.session_state[key] = [("cross", layer, head) for layer in range(3) for head in range(8)]
    app.run()
    assert not app.exception and "The translation changes" in texts(app)
    assert "<del>" in "".join(str(element.proto) for element in app.get("html"))
    app.session_state[key] = []
    app.run()
    assert not app.exception and texts(app) == before


def test_a_whole_layer_is_switched_off_and_on() -> None:
    app = settled(opened("ablation"))
    key = "off_photo_vision-cifar10"
    app.button(key=f"{key}_encoder_toggle").click().run()
    assert app.session_state[key] == [("encoder", 0, head) for head in range(6)]
    app.button(key=f"{key}_encoder_toggle").click().run()
    assert app.session_state[key] == [] and not app.exception


def test_words_that_went_and_came_are_marked_and_text_stays_text() -> None:
    before, now = marked("a <b> cat", "a <b> dog & cat")
    assert before == "a &lt;b&gt; cat"
    assert now == "a &lt;b&gt; <ins>dog &amp; </ins>cat"


def test_work_goes_on_beside_the_page_and_is_kept() -> None:
    def script() -> None:
        import time

        import streamlit as st

        from core.ui import background

        def work(on_step) -> str:
            for step in range(10):
                on_step(step, 10)
                time.sleep(0.05)
            return "done"

        st.text(str(background.result(("a test", 1), "title", work)))

    app = AppTest.from_function(script).run()
    assert app.text[0].value == "None" and len(app.get("progress")) == 1
    time.sleep(1.5)
    assert app.run().text[0].value == "done"


def test_cancel_stops_it_and_start_begins_again() -> None:
    stopped = threading.Event()

    def work(on_step: background.OnStep) -> None:
        try:
            for step in range(1000):
                on_step(step, 1000)
                time.sleep(0.01)
        except background.Cancelled:
            stopped.set()
            raise

    found = background.Work()
    pool = background.ThreadPoolExecutor(1)
    found.future = pool.submit(work, found.on_step)
    time.sleep(0.1)
    assert 0 < found.done < 1000
    found.stop.set()
    assert stopped.wait(2)
    assert isinstance(found.future.exception(2), background.Cancelled)
