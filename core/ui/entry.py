"""The frame of every run: app.py draws it, and the chosen page inside."""

import runpy
import threading
from pathlib import Path

import streamlit as st

from core import settings
from core.errors import SidelightError
from core.ui import choices
from core.ui.language import show_error

APP = Path(__file__).parents[2] / "app.py"
_framed = threading.local()  # whether app.py draws around what this thread runs


def enter() -> None:
    """Called first by each page. Where a file under pages/ is the first thing that a new server is asked for, Streamlit
    runs it by itself; then app.py is run in its place, and the page in it."""
    if not getattr(_framed, "by_app", False):
        runpy.run_path(str(APP))
        st.stop()


def run(page: st.Page) -> None:
    """Run the chosen page. A wrong setting is told instead."""
    try:
        settings.check()
    except SidelightError as error:
        show_error(error)
        st.stop()
    choices.navigated()
    _framed.by_app = True
    try:
        page.run()
    finally:
        _framed.by_app = False
    choices.end()
