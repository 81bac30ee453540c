"""What is pinned with other inputs than those that are shown: the link brings it back, and it can be swapped."""

from urllib.parse import quote_plus

import pytest
from streamlit.testing.v1 import AppTest

from core.ui import linked, pins
from core.ui.linked import Beside
from core.views.linked import state
from tests.pages.test_pages import opened
from tests.waiting import PATIENCE

CAT = pins.PhotoSeen("vision-vit-s-14", 224, "cat")
DOG = pins.SentenceRead("translation-en-de-fr-cs-zh", "The dog runs.", "fra")
HELD = "depth_0.5~image_7~pin_held!depth_0.2!image_9"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list, Beside]]:
    found: list[tuple[list, Beside]] = []
    monkeypatch.setattr(linked, "show", lambda cards, _, beside: found.append((cards, beside)))
    return found


def said(test: AppTest, name: str) -> str:
    found = test.query_params.get(name, "")
    return found if isinstance(found, str) else found[0]


def test_the_text_of_inputs_is_read_back_and_nothing_else() -> None:
    assert pins.read(pins.text_of((CAT, DOG))) == {"photo": CAT, "sentence": DOG}
    assert len(quote_plus(pins.text_of((CAT, DOG)))) < 250, "a link that is sent"
    damaged = (
        "kind=photo",
        "kind=photo&model=a&size=-1",
        "kind=what&model=a",
        "kind=photo&model=a&size=9&fit=x",
        "|=&",
    )
    assert not any(map(pins.read, damaged))


def test_another_photo_and_sentence_stand_as_a_until_they_are_swapped(shown: list) -> None:
    test = opened("compare", lang="en", view=HELD, pin=pins.text_of((CAT, DOG)))
    assert not test.exception
    (now, beside) = shown[-1]
    assert ["Astronaut" in now[0].title, "Cat" in beside.cards[0].title] == [True, True]
    assert "French" in beside.cards[1].title and "Marian" in beside.cards[1].title, "the model is named"
    assert beside.cards[1].axes[0].axis.labels != now[1].axes[0].axis.labels
    test = opened("compare", lang="en", view=HELD, pin=pins.text_of((CAT,)))
    assert shown[-1][1].cards[1] is None, "the sentence is the same one, and is not sent again"
    test = opened("compare", lang="en", view="depth_0.5", pin=pins.text_of((CAT,)))
    assert shown[-1][1].cards == () and not said(test, "pin"), "nothing is pinned"


def test_a_photo_that_is_gone_is_said_and_let_go(shown: list) -> None:
    gone = pins.PhotoSeen(CAT.model, CAT.size, "up-nobody")
    test = opened("compare", lang="en", view=HELD, pin=pins.text_of((gone,)))
    assert not test.exception and shown[-1][1].cards == ()
    assert state.pinned(said(test, "view")) is None and not said(test, "pin")
    assert any("Of A:" in one.value for one in test.markdown), "it is told of A, not of what is shown"


def test_edits_are_swapped_too() -> None:
    """What was changed by hand in A is chosen with its photo, whatever is remembered of it."""
    text = HELD + "~image-hand_encoder-a-a-2-3"
    script = f"""
import streamlit as st
from core.ui import byhand, pins
CAT = {CAT!r}
pins._swapped((CAT,), {{"photo": CAT}}, {text!r})
""".replace("PhotoSeen", "pins.PhotoSeen")
    test = AppTest.from_string(script, default_timeout=PATIENCE).run()
    assert not test.exception
    chosen = test.session_state["choices"].chosen
    assert chosen["photo_shut"] == "encoder-a-a-2-3" and chosen["view"] == HELD and "sentence_shut" not in chosen


def test_swapped_inputs_are_chosen_and_the_others_pinned() -> None:
    swap = f"from core.ui import pins; pins._swapped({(DOG,)!r}, {{'photo': {CAT!r}}}, {HELD!r})"
    script = swap.replace("PhotoSeen", "pins.PhotoSeen").replace("SentenceRead", "pins.SentenceRead")
    script += "\nimport streamlit as st; st.write(st.session_state.choices.chosen)"
    test = AppTest.from_string(script, default_timeout=PATIENCE).run()
    assert not test.exception
    chosen = test.session_state["choices"].chosen
    assert chosen["photo"] == "cat" and chosen["view"] == HELD and chosen["vision_model"] == CAT.model
    assert pins.read(chosen["pin"]) == {"sentence": DOG}
