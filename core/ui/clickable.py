"""A plotly chart whose marks can be chosen: what they stand for is told once for each choice."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from core.views.charts import QUIET


def clickable(
    figure: go.Figure,
    key: str,
    take: Callable[[list[Any]], None],
    *,
    selection_mode: Sequence[Literal["points", "box", "lasso"]] = ("points",),
    config: dict[str, Any] = QUIET,
) -> None:
    """take: is given what the chosen marks carry, plotly's `customdata`; never an empty list."""

    def told() -> None:
        points = st.session_state[key].selection.points
        chosen = [point["customdata"] for point in points if "customdata" in point]
        if is_news(key, chosen):
            take(chosen)

    st.plotly_chart(figure, key=key, on_select=told, selection_mode=selection_mode, config=config)
    drawn(key)


def is_news(key: str, chosen: list[Any]) -> bool:
    """Whether this is a choice that was not told before: Streamlit tells one again where a second input, made quickly,
    broke off the run that followed it before that run drew the element again."""
    last = f"{key}_told"
    before, st.session_state[last] = st.session_state.get(last), chosen
    return bool(chosen) and chosen != before


def drawn(key: str) -> None:
    """From here on the same choice is a new one."""
    st.session_state.pop(f"{key}_told", None)
