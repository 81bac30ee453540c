"""What is chosen inside a section, so that a teacher's link points at it: a short plain value in the URL, the same in
every language, left out where it is the default. A value that is not offered is dropped."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st

from core.ui import keep

Value = TypeVar("Value")


@contextmanager
def of_section() -> Iterator[None]:
    """Around a section: what was chosen in others leaves the link, and comes back with them."""
    known = st.session_state.setdefault("link_known", set())
    drawn = st.session_state.link_drawn = set()
    yield
    known |= drawn
    for name in known - drawn:
        st.query_params.pop(name, None)


def read(name: str, offered: Mapping[str, Value], default: Value) -> Value:
    """What the link says under `name`, or said before another page was visited. offered: what it may say."""
    st.session_state.setdefault("link_drawn", set()).add(name)
    text = keep.restore_parameter(name)
    if text and text not in offered:
        keep.set_parameter(name, "")
    return offered.get(text, default)


def write(name: str, text: str, default: str) -> None:
    keep.set_parameter(name, "" if text == default else text)


def widget(name: str, key: str, options: Iterable[Value], default: Value) -> dict[str, Any]:
    """Arguments of a widget that chooses one of `options`, `key` and `on_change`; it stands at what the link says."""
    offered = {_text(option): option for option in options}
    if _text(st.session_state.get(key)) not in offered:
        st.session_state[key] = default
    st.session_state[key] = read(name, offered, st.session_state[key])
    return {"key": key, "on_change": lambda: write(name, _text(st.session_state[key]), _text(default))}


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
