"""Where the linked view stands in a page: what it shows comes as bytes, and how it is looked at stands in the link. It
knows no model, so it is there before one can be imported; what is shown is made in `linked.py`."""

from collections.abc import Callable

import streamlit as st

from core.ui import choices
from core.views.linked import page, state

_component = st.components.v2.component("sidelight", html=page.MARKUP, css=page.style(), js=page.script())


def mount(
    data: bytes, name: str, told: Callable[[str], None] | None = None, swapped: Callable[[str], None] | None = None
) -> None:
    """Draw what `payload.pack` made. told: is called with what is chosen in the view, whenever it rests. swapped: with
    what that is once A and B change places."""
    key = f"linked_{name}"
    _component(
        data=data,
        key=key,
        default={"view": ""},
        on_view_change=lambda: _take(key, told),
        on_swap_change=lambda: swapped(str(st.session_state[key].swap)) if swapped else None,
    )


def text() -> str:
    """What is chosen in it, as the link says it (`state.py`)."""
    return (choices.said("view") or "")[: state.LONGEST]


def _take(key: str, told: Callable[[str], None] | None) -> None:
    chosen = str(st.session_state[key].view)[: state.LONGEST]
    choices.write("view", chosen, "")
    if told:
        told(chosen)
