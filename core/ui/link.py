"""What is chosen inside a section, so that a teacher's link points at it: a short plain value in the URL, the same in
every language, left out where it is the default. A value that is not offered is dropped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    text = _said(name)
    if text and text not in offered:
        keep.set_parameter(name, "")
    return offered.get(text, default)


def read_several(name: str, offered: Mapping[str, Value], default: list[Value]) -> list[Value]:
    """What the link lists under `name`, with commas, without what is not offered; `default` where it lists nothing."""
    text = _said(name)
    listed = ",".join(dict.fromkeys(part for part in text.split(",") if part in offered))
    if listed != text:
        write(name, listed, "")
    return [offered[part] for part in listed.split(",")] if listed else default


def _said(name: str) -> str:
    """What the link says, which is for the section that is drawn."""
    st.session_state.setdefault("link_drawn", set()).add(name)
    return keep.restore_parameter(name)


def write(name: str, text: str, default: str) -> None:
    keep.set_parameter(name, "" if text == default else text)


def plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def from_one(index: int) -> str:
    """People count from 1."""
    return str(index + 1)


def widget(
    name: str, key: str, options: Iterable[Value], default: Value, text: Callable[[Value], str] = plain
) -> Any:  # a dict, of which the overloads of Streamlit's widgets would take every key for given
    """Arguments of a widget that chooses one of `options`, `key` and `on_change`; it stands at what the link says.

    text: what the link calls an option.
    """
    offered = {text(option): option for option in options}
    if key not in st.session_state or text(st.session_state[key]) not in offered:
        st.session_state[key] = default
    st.session_state[key] = read(name, offered, st.session_state[key])
    return {"key": key, "on_change": lambda: write(name, text(st.session_state[key]), text(default))}
