"""The frame of every run: app.py draws it, and the chosen page inside."""

import runpy
import threading
from pathlib import Path

import streamlit as st

from core import settings
from core.errors import SidelightError
from core.ui import choices, early, visitor
from core.ui.language import say, show_error

MAIN = Path(__file__).parents[2] / "app.py"
_framed = threading.local()  # whether app.py draws around what this thread runs


def enter() -> None:
    """Called first by each page. Where a file under pages/ is the first thing that a new server is asked for, Streamlit
    runs it by itself; then app.py is run in its place, and the page in it."""
    if not getattr(_framed, "by_main", False):
        runpy.run_path(str(MAIN))
        st.stop()


def run(page: st.Page) -> None:
    """Run the chosen page. A wrong setting is told instead, and where a login is set up, it is asked for."""
    try:
        settings.check()
    except SidelightError as error:
        show_error(error)
        st.stop()
    if visitor.must_sign_in():
        st.info(say("visitor.who"))
        st.button(say("visitor.sign_in"), on_click=st.login, type="primary")
        st.stop()
    choices.navigated()
    early.until_ready(page.url_path or early.HOME)
    _framed.by_main = True
    try:
        page.run()
    finally:
        _framed.by_main = False
    choices.end()
    if name := visitor.name():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(name, width="content")
            st.button(say("visitor.sign_out"), on_click=st.logout, type="tertiary")
