"""One way for a choice to live in the link: a name and a short plain text that is the same in every language, left out
where it is the default.

What was chosen is remembered while the session lasts, over pages: a menu's link says nothing, and the next page begins
with what was chosen on others. A link that says something wins, and so does Back: there, what the link leaves out is
the default. What is not offered is dropped. A page's visit is one entry of the browser's history
(`browser/history.js`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.ui.component import component

Value = TypeVar("Value")

OLD_NAMES = {"target": "to", "explain_model": "vision_model"}  # what older links call them

_history = component("history")


@dataclass
class Choices:
    """What one session has chosen. chosen: text by name. page: Streamlit's hash of the page that is open. link: as this
    run found it. known: every name that was asked for; drawn: those of this run. unheard: by name, the texts that the
    browser may still tell, because it has not heard yet what came after."""

    chosen: dict[str, str] = field(default_factory=dict)
    page: str | None = None
    link: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    drawn: set[str] = field(default_factory=set)
    unheard: dict[str, set[str]] = field(default_factory=dict)


def _now() -> Choices:
    return st.session_state.setdefault("choices", Choices())


def begin() -> None:
    """First in each run: learn what the link says."""
    now, asked = _now(), _asked()
    now.drawn, now.link = set(), {OLD_NAMES.get(name, name): text for name, text in st.query_params.items()}
    if now.link.keys() != st.query_params.keys():
        st.query_params.from_dict(now.link)
    if _came_back() or now.page is None or asked not in ("", now.page):
        now.unheard.clear()
    for name, text in now.link.items():
        if text not in now.unheard.get(name, ()):
            now.chosen[name] = text
        if text == now.chosen.get(name):
            now.unheard.pop(name, None)
    _history(key="history")


def navigated() -> None:
    """Said when the page is known."""
    _now().page = _asked()


def end() -> None:
    """Last in each run that came to its end: what is not on the page leaves the link, and comes back with it."""
    now = _now()
    left = {name: text for name, text in st.query_params.items() if name in now.drawn or name not in now.known}
    if left.keys() != st.query_params.keys():
        st.query_params.from_dict(left)


def _asked() -> str:
    """Streamlit's hash of the page that is asked for; empty for the first page of a session."""
    run = get_script_run_ctx()
    return run.page_script_hash if run else ""


def _came_back() -> bool:
    """Whether the browser's Back or Forward asked for this run."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation


def said(name: str) -> str | None:
    """What is chosen under this name; None for the default. The link says so from here on."""
    now = _now()
    if _came_back() and name not in now.drawn and name not in now.link:
        now.chosen.pop(name, None)
    now.known.add(name)
    now.drawn.add(name)
    text = now.chosen.get(name)
    if text is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != text:
        st.query_params[name] = text
    return text


def remembered(name: str) -> str:
    """What is chosen under this name, on this page or another; empty for the default."""
    return _now().chosen.get(name, "")


def write(name: str, text: str, default: str | None = None) -> None:
    """Choose; to be said before the name is read, or in a callback."""
    now = _now()
    now.drawn.add(name)
    before = now.chosen.pop(name, None)
    if text != default:
        now.chosen[name] = text
    if before is not None and before != text:
        now.unheard.setdefault(name, set()).add(before)


def _settle(name: str, text: str, default: str) -> None:
    """What was read is `text`: an older text or one that is not offered leaves the link, and so does the default."""
    write(name, text, default)
    said(name)


def read(name: str, offered: Mapping[str, Value], default: Value) -> Value:
    """What is chosen of `offered`, which has it by its text."""
    text = said(name)
    value = default if text is None else offered.get(text, default)
    if text is not None and value == default:
        _settle(name, "", "")
    return value


def read_several(name: str, offered: Mapping[str, Value], default: list[Value]) -> list[Value]:
    """What is listed, with commas, without what is not offered; `default` where nothing is."""
    text = said(name) or ""
    listed = ",".join(dict.fromkeys(part for part in text.split(",") if part in offered))
    _settle(name, listed, "")
    return [offered[part] for part in listed.split(",")] if listed else default


def plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def from_one(index: int) -> str:
    """People count from 1."""
    return str(index + 1)


def widget(
    name: str,
    key: str,
    options: Iterable[Value],
    default: Value,
    text: Callable[[Value], str] = plain,
    *,
    also: Mapping[str, Value] | None = None,
    then: Callable[[], None] | None = None,
) -> Any:  # a dict, of which the overloads of Streamlit's widgets would take every key for given
    """Arguments of a widget that chooses one of `options`, `key` and `on_change`; it stands at what is chosen.

    text: what the link calls an option. also: other texts that are understood, of older links. then: is called after
    another was chosen.
    """
    offered = {text(option): option for option in options}
    value = read(name, {**(also or {}), **offered}, default)
    _settle(name, text(value), text(default))
    st.session_state[key] = value  # set anew though it is that: the box knows it by words, which a language changes

    def changed() -> None:
        write(name, text(st.session_state[key]), text(default))
        if then:
            then()

    return {"key": key, "on_change": changed}


def typed(name: str, key: str, default: str, longest: int | None = None) -> dict[str, Any]:
    """Arguments of a box for any text of at most so many characters, `key` and `on_change`. What was chosen on a page
    with another default stays chosen, though it is this one's."""
    text = said(name)
    text = default if text is None else text[:longest]
    if text != default:
        _settle(name, text, default)
    elif name in st.query_params:
        del st.query_params[name]
    # Set anew though it is that: where two runs follow at once, what the first one said of the box never reaches the
    # browser, which would fill it with nothing and tell that. What somebody is typing stays: the box keeps it.
    st.session_state[key] = text

    def changed() -> None:
        chosen = st.session_state[key]
        write(name, default if chosen is None else chosen, default)

    return {"key": key, "on_change": changed}
