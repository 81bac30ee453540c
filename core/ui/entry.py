"""The way in: every page is reached through app.py, which sets the language and the navigation."""

import streamlit as st

from core import settings
from core.errors import SidelightError
from core.ui import keep
from core.ui.language import show_error


def enter(path: str) -> None:
    """Called first by each page. When a file under pages/ is the first thing asked of a new server, Streamlit runs it
    by itself, without app.py; go there, and come back."""
    if "entered" not in st.session_state:
        choices = st.query_params.to_dict()
        st.session_state.destination = (path, {key: value for key, value in choices.items() if key != "lang"})
        st.switch_page("app.py", query_params=choices)  # which reads the language, and keeps it
    keep.enter(path)


def run(page: st.Page) -> None:
    """Run the chosen page, or go on to the one that asked for the way in. A wrong setting is told instead."""
    try:
        settings.check()
    except SidelightError as error:
        show_error(error)
        st.stop()
    st.session_state.entered = True
    destination = st.session_state.pop("destination", None)
    if destination:
        st.switch_page(destination[0], query_params=destination[1])
    page.run()
