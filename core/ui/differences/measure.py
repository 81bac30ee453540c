"""Measurements on the page: what their buttons say, and how their numbers are written."""

from collections.abc import Sequence

import streamlit as st

from core import wording
from core.ui.language import language, say
from core.ui.plain import plain

SCROLL = """<style>
[data-testid="stMarkdownContainer"] table { display: block; max-width: 100%; overflow-x: auto; }
[data-testid="stMarkdownContainer"] :is(th, td:first-child) { word-break: keep-all; }
[data-testid="stMarkdownContainer"] td { min-width: 4.5em; }
[data-testid="stMarkdownContainer"] td[style*="right"] { min-width: 0; white-space: nowrap; }
[data-testid="stMarkdownContainer"] td code { overflow-wrap: anywhere; }
[data-testid="stMarkdownContainer"] td:has(code) { min-width: 9em; }
</style>"""  # a wide table moves by itself on a phone, not the page; Chinese words stay in a line, and so does a number


def title(name: str, seconds: float) -> str:
    """What the button of a measurement says: also about how long it will take."""
    return f"{say(f'measure.{name}')} · {say('measure.seconds', seconds=max(1, round(seconds)))}"


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
    """12.2 G, 841 M, 5.7 k, as the reader's language writes them."""
    return wording.large(value, language())
