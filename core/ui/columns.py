"""Columns that need room: in a narrow window they stand one under the other."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

NARROW = """<style>@media (max-width: 1199px) {
[class*="st-key-beside"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] >
[data-testid="stColumn"] { min-width: calc(100% - 1.5rem); }
[class*="st-key-beside"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] { row-gap: 1.5rem; }
}</style>"""


def beside(key: str, widths: int | Sequence[int] = 2) -> list[DeltaGenerator]:
    """widths: how many columns, or their proportions. key: a name of its own on the page."""
    st.html(NARROW)
    with st.container(key=f"beside_{key}"):
        return st.columns(widths, gap="large")
