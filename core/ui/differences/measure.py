"""What takes a while waits for a button that says how long; it shows progress, can be cancelled, and is kept."""

from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import TypeVar

import streamlit as st
from cachetools import LRUCache

from core.ui.differences.lesson import plain
from core.ui.language import say

Result = TypeVar("Result")
Tell = Callable[[float], None]

KEPT = 64  # results, over all sessions
SCROLL = """<style>
[data-testid="stMarkdownContainer"] table { display: block; max-width: 100%; overflow-x: auto; }
[data-testid="stMarkdownContainer"] td:first-child { word-break: keep-all; }
[data-testid="stMarkdownContainer"] td code { overflow-wrap: anywhere; }
[data-testid="stMarkdownContainer"] td:has(code) { min-width: 9em; }
</style>"""  # a wide table moves by itself on a phone, not the page; Chinese labels stay in one line
_found: LRUCache = LRUCache(KEPT)
_lock = Lock()


def measured(name: str, key: Hashable, seconds: float, compute: Callable[[Tell], Result]) -> Result | None:
    """The result for `key`, or a button to get it. seconds: how long it will take, said on the button."""
    with _lock:
        if (name, key) in _found:
            return _found[name, key]
    place = st.empty()
    said = say("measure.seconds", seconds=max(1, round(seconds)))
    if not place.button(f"{say(f'measure.{name}')} · {said}", key=f"measure_{name}", icon=":material/play_arrow:"):
        return None
    with place.container():
        bar = st.progress(0.0, say("measure.running"))
        # Any widget that is used ends this run at the next word of progress: that is the whole of cancelling.
        st.button(say("measure.cancel"), key=f"cancel_{name}", icon=":material/close:")
    result = compute(lambda share: bar.progress(min(1.0, share), say("measure.running")))
    with _lock:
        _found[name, key] = result
    place.empty()
    return result


def kept(name: str, key: Hashable, compute: Callable[[], Result]) -> Result:
    """The same without a button, for what is quick: computed once."""
    with _lock:
        if (name, key) in _found:
            return _found[name, key]
    with st.spinner(say("measure.running")):
        result = compute()
    with _lock:
        _found[name, key] = result
    return result


def table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> None:
    """A small table in Markdown, as its cells may be: what was typed, or what a model wrote, goes through `cell`.

    texts: how many columns, from the left, hold words; the others hold numbers and end at the right."""
    st.html(SCROLL)
    lines = [head, ["---"] * texts + ["---:"] * (len(head) - texts), *rows]
    st.markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))


def cell(text: str) -> str:
    """Text that stays text inside a table's cell."""
    return plain(" ".join(text.split()))


def number(value: float, digits: int = 3) -> str:
    """Three digits that count, with thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def large(value: float) -> str:
    """12.2 G, 841 M, 5.7 k."""
    for sign, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {sign}"
    return f"{value:.3g}"
