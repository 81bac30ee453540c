"""Plotly figures of a training run: its curves, what it mistakes for what, which heads it changed.

The films of a probe are in `core.views.film`. All words come from outside.
"""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from torch import Tensor

from core.views.charts import AMBER, GREY, TEAL, TWO_SIDED, house, plain
from core.views.heads import head_grid

HEIGHT = 240  # px
SERIES = (TEAL, AMBER, "#7c6fdc", "#d0487f", "#3b8ad8", "#8a8f1d")  # all of middle lightness, for light and dark pages
DRAWN = 300  # points of a line, at most: the figure is sent again and again while a run lasts
MANY = 60  # points: above, a line is smoothed
LEAST = 0.01  # a drift grid's scale ends here or later, so that rounding never looks like a change

Points = Sequence[tuple[float, float]]


def curve(
    series: Mapping[str, Points],
    x_title: str,
    y_title: str,
    *,
    percent: bool = False,
    reference: Mapping[str, float] = {},
    log: bool = False,
    faint: Mapping[str, Points] = {},
) -> go.Figure:
    """One line a run, (x, y) by its name. percent: y is a share from 0 to 1. reference: dashed lines across, by label.
    faint: smoothed grey lines behind, by label, of what is measured in another way.

    Above 60 points the line is an exponential average and the points themselves are drawn thin behind it; hovering
    gives the points. A y that is not finite leaves a gap.
    """
    figure = go.Figure()
    for name, points in faint.items():
        grey = {"color": GREY, "width": 1}
        smooth = _columns(_every(_smoothed(points)))
        figure.add_scatter(**smooth, name=plain(name), mode="lines", line=grey, opacity=0.6, hoverinfo="skip")
    for number, (name, points) in enumerate(series.items()):
        colour, group = SERIES[number % len(SERIES)], {"name": plain(name), "legendgroup": str(number)}
        raw = {"hovertemplate": "%{y:.1%}" if percent else "%{y:.4g}", **group, **_columns(_thinned(points))}
        if len(points) <= MANY:
            line = {"mode": "lines+markers", "line": {"color": colour, "width": 2}, "marker": {"size": 5}}
            figure.add_scatter(**raw, **line)
            continue
        figure.add_scatter(**raw, mode="lines", line={"color": colour, "width": 1}, opacity=0.4, showlegend=False)
        smooth = _columns(_every(_smoothed(points)))
        figure.add_scatter(**smooth, **group, mode="lines", line={"color": colour, "width": 2.5}, hoverinfo="skip")
    for label, value in reference.items():
        dashed = {"color": GREY, "dash": "dash", "width": 1.5}
        name = f"{plain(label)} {value:{'.1%' if percent else '.4g'}}"
        if value > 0 or not log:  # otherwise it has no place on the axis
            figure.add_hline(value, line=dashed, name=name, showlegend=True)
    figure.update_xaxes(title=plain(x_title), showgrid=False, hoverformat=",")
    figure.update_yaxes(title=plain(y_title), tickformat=".1~%" if percent else ".2g" if log else None)
    if percent:  # of a level line plotly draws as much above it as below: 100% stood amid 0 and 200
        figure.update_yaxes(autorangeoptions={"clipmin": 0, "clipmax": 1.02})
    if log:
        figure.update_yaxes(type="log")
    figure.update_layout(
        hovermode="x unified",
        showlegend=len(series) > 1 or bool(reference) or bool(faint),
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        uirevision="curve",  # what a person zoomed into stays while new points come
    )
    return house(figure, HEIGHT)


def _columns(points: Points) -> dict[str, list[float | None]]:
    return {"x": [x for x, _ in points], "y": [y if math.isfinite(y) else None for _, y in points]}


def _smoothed(points: Points) -> Points:
    """Exponential average over about a twentieth of the points, corrected for its start as Adam's are."""
    keep = 1 - 2 / (len(points) / 20 + 1)
    total, weight, found = 0.0, 0.0, []
    for x, y in points:
        if math.isfinite(y):
            total, weight = keep * total + (1 - keep) * y, keep * weight + (1 - keep)
        found.append((x, total / weight if weight and math.isfinite(y) else math.nan))
    return found


def _every(points: Points) -> Points:
    """Evenly spaced points and the last one, DRAWN at most."""
    step = math.ceil(len(points) / (DRAWN - 1))
    return [*points[:-1:step], *points[-1:]]


def _thinned(points: Points) -> Points:
    """DRAWN points at most: of each stretch the lowest and the highest, so that no spike is lost, and the ends."""
    if len(points) <= DRAWN:
        return points
    stretches, found = (DRAWN - 2) // 2, [0]
    for number in range(stretches):
        inside = range(len(points) * number // stretches, len(points) * (number + 1) // stretches)
        finite = [i for i in inside if math.isfinite(points[i][1])] or inside[:1]
        found += sorted({min(finite, key=lambda i: points[i][1]), max(finite, key=lambda i: points[i][1])})
    return [points[i] for i in dict.fromkeys([*found, len(points) - 1])]


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str], x_title: str, y_title: str) -> go.Figure:
    """matrix: rows are the true class, columns the one given. Counts are written, colour is the share of the row.

    x_title, y_title: what columns and rows are called, on the axes and on hovering. A class without items stays clear.
    """
    names = [plain(name) for name in classes]
    shares = [[count / sum(row) if sum(row) else None for count in row] for row in matrix]
    hover = [
        [
            f"{plain(y_title)}: {names[i]}<br>{plain(x_title)}: {names[j]}<br>{count} / {sum(row)}"
            + (f" = {count / sum(row):.1%}" if sum(row) else "")
            for j, count in enumerate(row)
        ]
        for i, row in enumerate(matrix)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            zmin=0,
            zmax=1,
            colorscale="cividis",
            xgap=1,
            ygap=1,
            text=[list(row) for row in matrix],
            texttemplate="%{text}",
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            colorbar={"tickformat": ".0%", "thickness": 10, "outlinewidth": 0, "nticks": 3},
        )
    )
    ticks = {"tickvals": list(range(len(names))), "ticktext": [_short(name) for name in classes], "showgrid": False}
    figure.update_xaxes(title=plain(x_title), zeroline=False, fixedrange=True, **ticks)
    figure.update_yaxes(title=plain(y_title), zeroline=False, fixedrange=True, autorange="reversed", **ticks)
    return house(figure, max(HEIGHT, 80 + 20 * len(names)))


def _short(name: str, most: int = 14) -> str:
    return plain(name if len(name) <= most else f"{name[: most - 1]}…")


def drift_grid(values: Tensor, title: str, *, diverging: bool, words: Mapping[str, str]) -> go.Figure:
    """One number a head, (L, H), a row a layer. diverging: a change, teal below 0 and amber above; else 0 or more.

    words: as for `head_grid`, which tells a click.
    """
    end = max(LEAST, float(values.abs().max()))
    if diverging:
        return head_grid(values, title, words=words, low=-end, high=end, ramp=TWO_SIDED, sign="+")
    return head_grid(values, title, words=words, low=0, high=end)
