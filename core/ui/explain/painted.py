"""Figures once the browser shows what stands around them: plotly keeps its only thread for a second, and pictures that
come together with figures are painted after all of them."""

import plotly.graph_objects as go
import streamlit as st

from core.ui.component import component
from core.views.charts import QUIET

_component = component("painted")
KEY = "explain_painted"


def chart(figure: go.Figure, key: str) -> None:
    """The figure, or in a session's first run of the page the room for it."""
    height = figure.layout.height
    st.html(f"<style>.st-key-{key} {{ min-height: {height}px; }}</style>")  # also while plotly is fetched
    if st.session_state.get(KEY):
        st.plotly_chart(figure, key=key, config=QUIET)
    else:
        st.skeleton(height=height)


def then_figures() -> None:
    """Below everything: after a first run without figures, the page runs again once that is painted."""
    if not st.session_state.get(KEY):
        st.session_state[KEY] = True
        _component(key="explain_painted_yet", on_painted_change=lambda: None)
