"""What leads through the sections: which one is open, its goal and minutes at its head, its neighbours at its foot."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.ui import choices, inputs
from core.ui.component import component
from core.ui.language import say

NAME = "section"  # in the link
FIRST = "pipeline"
OF_INPUT = {"patch", "channel"}  # links from before there was an overview leave their section out: it came first

_top = component("top")


def choose(names: Sequence[str]) -> str:
    """The open section, chosen in the menu of sections; the first where the link names none."""
    if "lesson_opened" not in st.session_state:
        st.session_state.lesson_opened = True
        if NAME not in st.query_params and OF_INPUT & set(st.query_params):
            choices.write(NAME, "input")
    chosen = inputs.choose_section(NAME, names, "differences")
    _top(data=chosen, key="top")
    return chosen


def head(name: str, minutes: Mapping[str, int]) -> None:
    """What the section is called, how long it takes and what is understood after it."""
    st.header(say(f"differences.{name}"), anchor=False)
    st.caption(f"{say('guide.minutes', minutes=minutes[name])} · {say(f'goal.{name}')}")


def foot(name: str, names: Sequence[str]) -> None:
    at = names.index(name)
    left, right = st.columns(2)
    if at > 0:
        with left:
            go(names[at - 1], "foot", ":material/arrow_back:")
    if at + 1 < len(names):
        with right.container(horizontal_alignment="right"):
            go(names[at + 1], "foot", ":material/arrow_forward:")


def go(name: str, key: str, icon: str, quiet: bool = False) -> None:
    """A button that opens a section. key: of its row of buttons."""
    st.button(
        say(f"differences.{name}"),
        key=f"{key}_{name}",
        icon=icon,
        type="tertiary" if quiet else "secondary",
        on_click=choices.write,
        args=(NAME, name, FIRST),
    )
