"""Plotly charts of the Differences page: probabilities against a target, losses of pieces, powers."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.views.charts import AMBER, GREY, TEAL, house, plain
from core.views.finetune import SERIES, Points

TICKS = [4**n for n in range(1, 8)]  # positions, on logarithmic axes
TENS = [10.0**n for n in range(-5, 4)]
QUIET = {"showgrid": False, "zeroline": False, "fixedrange": True}


def against_target(
    labels: Sequence[str], probabilities: Sequence[float], targets: Sequence[float], names: tuple[str, str]
) -> go.Figure:
    """A bar for each class, and a diamond where the loss wants it. names: of the bars and of the diamonds."""
    places = list(range(len(labels)))
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=places,
            orientation="h",
            marker_color=TEAL,
            name=names[0],
            hovertemplate="%{x:.2%}<extra></extra>",
        )
    )
    figure.add_scatter(
        x=list(targets),
        y=places,
        mode="markers",
        name=names[1],
        hovertemplate="%{x:.2%}<extra></extra>",
        marker={"color": AMBER, "size": 12, "symbol": "diamond-tall"},
    )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(tickvals=places, ticktext=[plain(one) for one in labels], autorange="reversed", **QUIET)
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, dragmode=False)
    return house(figure, 90 + 26 * len(labels))


def piece_losses(
    pieces: Sequence[str],
    plain_losses: Sequence[float],
    smoothed: Sequence[float],
    said: Sequence[str],
    names: tuple[str, str],
    title: str,
) -> go.Figure:
    """A bar a piece, -ln p, and a dot with label smoothing. said: what hovering tells of each."""
    places = list(range(len(pieces)))
    figure = go.Figure(
        go.Bar(
            x=places,
            y=list(plain_losses),
            marker_color=TEAL,
            name=names[0],
            text=[plain(text) for text in said],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_scatter(
        x=places,
        y=list(smoothed),
        mode="markers",
        name=names[1],
        marker={"color": AMBER, "size": 9},
        hovertemplate="%{y:.3f}<extra></extra>",
    )
    figure.update_xaxes(tickvals=places, ticktext=[plain(piece) for piece in pieces], **QUIET)
    figure.update_yaxes(title=plain(title), rangemode="tozero", fixedrange=True)
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, dragmode=False)
    return house(figure, 300)


def pairs_of_bars(
    labels: Sequence[str], series: Mapping[str, Sequence[float]], title: str, texts: Sequence[Sequence[str]] = ()
) -> go.Figure:
    """Upright bars side by side, one colour a series. texts: what hovering says, a row a series."""
    figure = go.Figure()
    for number, (name, values) in enumerate(series.items()):
        figure.add_bar(
            x=list(labels),
            y=list(values),
            name=plain(name),
            marker_color=(TEAL, AMBER, SERIES[2])[number % 3],
            hovertext=[plain(text) for text in texts[number]] if texts else None,
            hovertemplate="%{hovertext}<extra></extra>" if texts else "%{y:.4g}<extra></extra>",
        )
    figure.update_xaxes(type="category", **QUIET)
    figure.update_yaxes(title=plain(title), rangemode="tozero", fixedrange=True)
    figure.update_layout(
        barmode="group",
        dragmode=False,
        showlegend=len(series) > 1,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return house(figure, 260)


def powers(
    series: Mapping[str, Sequence[tuple[float, float]]],
    fits: Mapping[str, tuple[float, float]],
    x_title: str,
    y_title: str,
) -> go.Figure:
    """Measured points on logarithmic axes, and the line y = a x^b that was fitted to each series, (a, b) by name."""
    figure = go.Figure()
    for number, (name, points) in enumerate(series.items()):
        colour, xs = SERIES[number % len(SERIES)], [x for x, _ in points]
        figure.add_scatter(
            x=xs,
            y=[y for _, y in points],
            mode="markers",
            name=plain(name),
            marker={"color": colour, "size": 9},
            hovertemplate="N = %{x:,}: %{y:.4g}<extra></extra>",
        )
        if name in fits:
            factor, exponent = fits[name]
            figure.add_scatter(
                x=xs,
                y=[factor * x**exponent for x in xs],
                mode="lines",
                showlegend=False,
                hoverinfo="skip",
                line={"color": colour, "width": 2, "dash": "dot"},
            )
    figure.update_xaxes(type="log", title=plain(x_title), tickvals=TICKS, ticktext=[f"{t:,}" for t in TICKS])
    figure.update_yaxes(type="log", title=plain(y_title), tickvals=TENS, ticktext=[f"{t:,g}" for t in TENS])
    figure.update_layout(
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, dragmode=False, hovermode="closest"
    )
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return house(figure, 340)


def lines(
    series: Mapping[str, Sequence[tuple[float, float | None]]],
    x_title: str,
    y_title: str,
    here: float | None = None,
    log: bool = False,
) -> go.Figure:
    """Shares from 0 to 1, a line a series. here: where the slider stands, as an upright line. log: of counts, each
    named on the axis where they are few."""
    figure = go.Figure()
    for number, (name, points) in enumerate(series.items()):
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            mode="lines+markers",
            name=plain(name),
            line={"color": SERIES[number % len(SERIES)], "width": 2},
            marker={"size": 7},
            hovertemplate="%{y:.3f}<extra></extra>",
        )
    if here is not None:
        figure.add_vline(here, line={"color": GREY, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title=plain(x_title), fixedrange=True)
    if log:
        counts = sorted({x for points in series.values() for x, _ in points})
        ticks = counts if len(counts) <= len(TICKS) else TICKS
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{t:,}" for t in ticks])
    figure.update_yaxes(title=plain(y_title), range=[-0.03, 1.05], fixedrange=True)
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, dragmode=False)
    return house(figure, 300)


def curves(
    series: Mapping[str, Points],
    x_title: str,
    y_title: str,
    span: tuple[float, float] | None = None,
    height: int = 280,
) -> go.Figure:
    """Numbers of any size, a line a series. span: of the x axis."""
    figure = go.Figure()
    for (name, points), colour in zip(series.items(), SERIES, strict=False):
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=plain(name),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            hovertemplate="%{y:.3~g}",
        )
    figure.update_xaxes(title=plain(x_title), range=span, fixedrange=True)
    figure.update_yaxes(title=plain(y_title), fixedrange=True)
    figure.update_layout(dragmode=False, legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    return house(figure, height)


def above_each_other(
    xs: Sequence[float], lines: Sequence[Sequence[float]], names: Sequence[str], x_title: str
) -> go.Figure:
    """One line a plot, over one x axis; 0 of it is marked."""
    figure = make_subplots(
        len(lines), 1, shared_xaxes=True, vertical_spacing=0.12, subplot_titles=list(map(plain, names))
    )
    for row, (line, colour) in enumerate(zip(lines, (TEAL, AMBER), strict=True), 1):
        drawn = {"color": colour, "width": 2, "shape": "linear" if len(set(line)) == len(line) else "hvh"}  # steps
        figure.add_scatter(x=xs, y=line, mode="lines", line=drawn, row=row, col=1, name="")
        figure.add_vline(0, line={"color": GREY, "width": 1.5, "dash": "dot"}, row=row, col=1)
    figure.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True, rangemode="tozero")
    figure.update_xaxes(title=plain(x_title), row=len(lines), col=1)
    figure.update_layout(showlegend=False, dragmode=False)
    return house(figure, 360).update_layout(margin={"t": 30})


def depth_lines(series: Mapping[str, Points], x_title: str, y_title: str) -> go.Figure:
    """Lines over relative depth, 0 to 1."""
    return curves(series, x_title, y_title, span=(-0.02, 1.02))
