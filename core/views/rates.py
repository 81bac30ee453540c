"""Plotly figures over the learning rate, on a logarithmic axis: the loss of a range test, the quality of a sweep.

All words come from outside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.views.charts import AMBER, GREY, TEAL, house, plain
from core.views.finetune import HEIGHT, SERIES

ABOVE = 1.3  # of the axis of a range test: so many times the highest running average before the loss ran away


def range_test(
    rates: Sequence[float],
    losses: Sequence[float],
    average: Sequence[float],
    lowest: int | None,
    suggestion: float | None,
    words: Mapping[str, str],
) -> go.Figure:
    """losses, average: of each rate, as they came and their running average. lowest: where the average is lowest.
    words: "rate", "loss", "average", "lowest", "suggestion"."""
    figure = go.Figure()
    grey = {"color": GREY, "width": 1}
    figure.add_scatter(x=rates, y=losses, name=plain(words["loss"]), line=grey, opacity=0.6, mode="lines")
    teal = {"color": TEAL, "width": 2.5}
    figure.add_scatter(x=rates, y=average, name=plain(words["average"]), line=teal, mode="lines")
    if lowest is not None and suggestion is not None:
        at = {"x": [rates[lowest]], "y": [average[lowest]], "marker": {"color": TEAL, "size": 9}}
        figure.add_scatter(**at, name=plain(words["lowest"]), mode="markers")
        dashed = {"color": AMBER, "dash": "dash", "width": 1.5}
        name = f"{plain(words['suggestion'])} {suggestion:.2g}"
        figure.add_vline(suggestion, line=dashed, name=name, showlegend=True)
    figure.update_traces(hovertemplate="%{x:.2g}: %{y:.4g}")
    low, high = min(losses), max(average[: (lowest or 0) + 1])
    room = max(high - low, 0.1 * high)
    figure.update_yaxes(title=plain(words["loss"]), range=[low - 0.2 * room, high + ABOVE * room])
    return _over_rates(figure, words["rate"])


@dataclass(frozen=True)
class Point:
    """mean: from 0 to 100. low, high: the ends of its interval, or None."""

    rate: float
    mean: float
    low: float | None
    high: float | None


def sweep(series: Mapping[str, Sequence[Point]], x_title: str, y_title: str, *, percent: bool) -> go.Figure:
    """A line a method by its name, with intervals. percent: the numbers are percent."""
    figure, unit = go.Figure(), "%" if percent else ""
    for number, (name, unsorted) in enumerate(series.items()):
        points = sorted(unsorted, key=lambda point: point.rate)
        colour = SERIES[number % len(SERIES)]
        above = [0.0 if point.high is None else point.high - point.mean for point in points]
        below = [0.0 if point.low is None else point.mean - point.low for point in points]
        figure.add_scatter(
            x=[point.rate for point in points],
            y=[point.mean for point in points],
            error_y={"array": above, "arrayminus": below, "thickness": 1.5, "width": 4},
            name=plain(name),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            hovertemplate=f"%{{x:.3g}}: %{{y:.1f}}{unit}",
        )
    figure.update_yaxes(title=plain(y_title), ticksuffix=unit)
    figure.update_layout(showlegend=True)
    return _over_rates(figure, x_title)


def _over_rates(figure: go.Figure, title: str) -> go.Figure:
    figure.update_xaxes(title=plain(title), type="log", exponentformat="power", dtick=1, showgrid=False)
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    return house(figure, HEIGHT)
