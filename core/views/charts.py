"""Plotly figures of a model's output, predictions and decoding steps, and what all figures share."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.wording import minus

TEAL, AMBER, GREY = "#0f8f86", "#d97706", "#808890"
CLEAR = "rgba(0,0,0,0)"
# Below zero, at zero, above it: what is nothing is as quiet on white as on black.
TWO_SIDED = [[0, TEAL], [0.5, "rgba(128,136,144,0.1)"], [1, AMBER]]
OTHER_SIDED = [[0, AMBER], TWO_SIDED[1], [1, TEAL]]
FAINT = "rgba(128,136,144,0.25)"  # grid lines, bands, what has no number yet
QUIET: dict[str, Any] = {  # plotly's settings for a figure whose one tool saves it
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "svg", "filename": "sidelight"},
}

_AXIS = {
    "gridcolor": FAINT,
    "zerolinecolor": "rgba(128,136,144,0.4)",
    "automargin": True,
}

# Where no page sets its own colours (a notebook, a file): readable on white and on black. Streamlit's theme, which
# writes into the template, goes before it.
HOUSE = go.layout.Template(
    layout={
        "font": {"color": GREY},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


def house(figure: go.Figure, height: int) -> go.Figure:
    """The figure in the style of the house, `height` px tall, on whatever lies behind it."""
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        axis.title.standoff = 14
    return figure.update_layout(
        template=HOUSE,
        height=height,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
    )


def signed(value: float, digits: int) -> str:
    """With its sign."""
    return minus(f"{value:+.{digits}f}")


def plain(text: str) -> str:
    """Plotly reads a little HTML in labels; typed text must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def probability_bars(labels: Sequence[str], probabilities: Sequence[float]) -> go.Figure:
    """Horizontal bars, the most likely on top."""
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=[plain(label) for label in labels],
            orientation="h",
            marker_color=TEAL,
            text=[f"{p:.1%}" for p in probabilities],
        )
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    return house(figure, 60 + 32 * len(labels))


def pair_bars(pieces: Sequence[str], shares: Mapping[str, Sequence[float]], title: str) -> go.Figure:
    """Two shares from 0 to 1 for each piece, side by side, by what they are called."""
    numbers, colours = list(range(len(pieces))), (TEAL, AMBER)
    figure = go.Figure(
        [
            go.Bar(x=numbers, y=list(values), name=plain(name), marker_color=colour, hovertemplate="%{y:.1%}")
            for (name, values), colour in zip(shares.items(), colours, strict=True)
        ]
    )
    figure.update_xaxes(tickmode="array", tickvals=numbers, ticktext=[plain(p) for p in pieces], fixedrange=True)
    figure.update_yaxes(title=plain(title), range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_layout(barmode="group", dragmode=False, legend={"orientation": "h", "y": 1.15, "x": 0})
    return house(figure, 280)


def entropy_bars(pieces: Sequence[str], entropies: Sequence[float], title: str) -> go.Figure:
    """Entropy (bits) of each decoding step; positions keep repeated pieces apart."""
    figure = go.Figure(go.Bar(x=list(range(len(pieces))), y=list(entropies), marker_color=AMBER))
    figure.update_xaxes(tickmode="array", tickvals=list(range(len(pieces))), ticktext=[plain(p) for p in pieces])
    figure.update_yaxes(title=title, rangemode="tozero")
    return house(figure, 260)
