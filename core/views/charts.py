"""Plotly figures of a model's output: predictions and decoding steps."""

from collections.abc import Sequence

import plotly.graph_objects as go

TEAL, AMBER = "#0f8f86", "#d97706"


def probability_bars(labels: Sequence[str], probabilities: Sequence[float]) -> go.Figure:
    """Horizontal bars, the most likely on top."""
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=list(labels),
            orientation="h",
            marker_color=TEAL,
            text=[f"{p:.1%}" for p in probabilities],
        )
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=60 + 32 * len(labels), margin={"l": 10, "r": 10, "t": 10, "b": 10})
    return figure


def entropy_bars(pieces: Sequence[str], entropies: Sequence[float], title: str) -> go.Figure:
    """Entropy (bits) of each decoding step; positions keep repeated pieces apart."""
    figure = go.Figure(go.Bar(x=list(range(len(pieces))), y=list(entropies), marker_color=AMBER))
    figure.update_xaxes(tickmode="array", tickvals=list(range(len(pieces))), ticktext=[_plain(p) for p in pieces])
    figure.update_yaxes(title=title, rangemode="tozero")
    figure.update_layout(height=260, margin={"l": 10, "r": 10, "t": 10, "b": 10})
    return figure


def _plain(text: str) -> str:
    """Plotly reads a little HTML in labels; typed text must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
