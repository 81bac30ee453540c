"""Boxes of the link's choices, in a script of their own."""

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from core.ui import choices

    choices.begin()
    choices.navigated()
    st.text_input("Sentence", **choices.typed("sentence", "sentence", "A first one"))
    st.button("again")
    choices.end()


def test_every_run_says_what_a_box_holds() -> None:
    """Where two runs follow at once Streamlit sends what the later one says alone; a box that came by it would stand
    empty and tell that it was emptied."""
    test = AppTest.from_function(_page).run()
    for _ in range(2):
        box = test.text_input[0].proto
        assert (box.set_value, box.value) == (True, "A first one")
        test.button[0].click().run()
    test.text_input[0].set_value("Another one").run()
    assert test.text_input[0].proto.value == "Another one" and "sentence" in test.query_params
    test.text_input[0].set_value("").run()
    assert test.text_input[0].proto.set_value
