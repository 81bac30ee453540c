"""The graph of what heads handed on: positions side by side, layers one over the other, the answer on top. Words come
from outside."""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go
from torch import Tensor

from core.attention.routes import Edge
from core.attention.trace import Kind
from core.views.charts import AMBER, FAINT, GREY, TEAL, house, plain

HUES: dict[Kind, str] = {"encoder": TEAL, "decoder": "#7c6fdc", "cross": AMBER}
GAP = 2.0  # layers between a decoder's stream and the one below it
WIDEST, THINNEST = 9.0, 1.0  # px of an edge
DOT = 22.0  # px of a position at which all of the answer arrives
SEEN = 2e-3  # of the answer: a position that has less is not drawn
CHOSEN = "#d6337c"

Place = Callable[[Kind, int, int], tuple[float, float]]  # (stream, level, position) -> x, y


def flow_graph(
    edges: Sequence[Edge],
    arrives: Mapping[Kind, Tensor],
    names: Mapping[Kind, Sequence[str]],
    says: Callable[[Edge], str],
    node: Callable[[str, int, float], str],
    title: str,
    legend: Mapping[Kind, str],
    chosen: Edge | None,
) -> go.Figure:
    """edges: those that are drawn, customdata their number. arrives: as `Routes.arrives`. names: of each stream's
    positions. says, node: what hovering says. title: of the vertical axis. legend: of each kind."""
    place, columns = _places(edges, arrives)
    figure = go.Figure()
    _dots(figure, arrives, names, columns, place, node)
    most, told = max((edge.share for edge in edges), default=1.0), set()
    for edge in edges:
        (x0, y0), (x1, y1) = (place(*end) for end in _ends(edge, arrives))
        figure.add_scatter(
            x=[x0, x1],
            y=[y0, y1],
            mode="lines",
            line={
                "width": max(THINNEST, WIDEST * (edge.share / most) ** 0.5),
                "color": CHOSEN if edge == chosen else HUES[edge.kind],
            },
            opacity=0.75,
            hoverinfo="skip",
            name=plain(legend[edge.kind]),
            legendgroup=edge.kind,
            showlegend=edge.kind not in told and edge != chosen,
        )
        told |= {edge.kind} - ({edge.kind} if edge == chosen else set())
    _handles(figure, edges, arrives, place, says)
    _axes(figure, arrives, names, columns, place, title)
    return figure


def _ends(edge: Edge, arrives: Mapping[Kind, Tensor]) -> tuple[tuple[Kind, int, int], tuple[Kind, int, int]]:
    """Stream, level and position of its upper and of its lower end."""
    if edge.kind == "cross":
        return ("decoder", edge.layer + 1, edge.query), ("encoder", len(arrives["encoder"]) - 1, edge.key)
    return (edge.kind, edge.layer + 1, edge.query), (edge.kind, edge.layer, edge.key)


def _places(edges: Sequence[Edge], arrives: Mapping[Kind, Tensor]) -> tuple[Place, dict[Kind, list[int]]]:
    """Where each stream's level and position lies; which positions are drawn, in their order: those of the edges."""
    drawn: dict[Kind, set[int]] = {stream: set() for stream in arrives}
    for edge in edges:
        for stream, _, position in _ends(edge, arrives):
            drawn[stream].add(position)
    columns = {stream: sorted(positions) for stream, positions in drawn.items()}
    at = {stream: {position: n for n, position in enumerate(found)} for stream, found in columns.items()}

    def place(stream: Kind, level: int, position: int) -> tuple[float, float]:
        below = len(arrives["encoder"]) - 1 + GAP if stream == "decoder" else 0.0
        return (at[stream][position] + 0.5) / max(1, len(at[stream])), below + level

    return place, columns


def _dots(
    figure: go.Figure,
    arrives: Mapping[Kind, Tensor],
    names: Mapping[Kind, Sequence[str]],
    columns: Mapping[Kind, Sequence[int]],
    place: Place,
    node: Callable[[str, int, float], str],
) -> None:
    """How much arrives at each drawn position on each level, and a thin line down through it."""
    for stream, levels in arrives.items():
        seen = [(n, p, float(levels[n, p])) for p in columns[stream] for n in range(len(levels))]
        line: list[tuple[float | None, float | None]] = []
        for n, p, share in seen:
            if n and min(share, float(levels[n - 1, p])) > SEEN:
                line += [place(stream, n, p), place(stream, n - 1, p), (None, None)]
        figure.add_scatter(
            x=[x for x, _ in line],
            y=[y for _, y in line],
            mode="lines",
            line={"width": 1, "color": FAINT},
            hoverinfo="skip",
            showlegend=False,
        )
        shown = [one for one in seen if one[2] > SEEN]
        figure.add_scatter(
            x=[place(stream, n, p)[0] for n, p, _ in shown],
            y=[place(stream, n, p)[1] for n, p, _ in shown],
            mode="markers",
            marker={"size": [max(3.0, DOT * share**0.5) for *_, share in shown], "color": GREY, "line": {"width": 0}},
            text=[plain(node(names[stream][p], n, share)) for n, p, share in shown],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )


def _handles(
    figure: go.Figure,
    edges: Sequence[Edge],
    arrives: Mapping[Kind, Tensor],
    place: Place,
    says: Callable[[Edge], str],
) -> None:
    """Streamlit tells of clicks on markers alone: one lies on the middle of each edge."""
    middles = [[sum(pair) / 2 for pair in zip(*(place(*end) for end in _ends(e, arrives)), strict=True)] for e in edges]
    figure.add_scatter(
        x=[x for x, _ in middles],
        y=[y for _, y in middles],
        mode="markers",
        customdata=list(range(len(edges))),
        text=[plain(says(edge)) for edge in edges],
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 8, "color": "white", "line": {"width": 1, "color": [HUES[edge.kind] for edge in edges]}},
        showlegend=False,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _axes(
    figure: go.Figure,
    arrives: Mapping[Kind, Tensor],
    names: Mapping[Kind, Sequence[str]],
    columns: Mapping[Kind, Sequence[int]],
    place: Place,
    title: str,
) -> None:
    top = max(place(stream, len(levels) - 1, p)[1] for stream, levels in arrives.items() for p in columns[stream])
    ticks = {"tickangle": -45, "tickfont_size": 11, "showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(
        range=[0, 1],
        tickvals=[place("encoder", 0, p)[0] for p in columns["encoder"]],
        ticktext=[plain(names["encoder"][p]) for p in columns["encoder"]],
        **ticks,
    )
    for p in columns.get("decoder", ()):
        x, y = place("decoder", len(arrives["decoder"]) - 1, p)
        figure.add_annotation(
            x=x, y=y + 0.3, text=plain(names["decoder"][p]), showarrow=False, textangle=-45, yanchor="bottom"
        )
    levels = [(stream, n) for stream, found in arrives.items() if columns[stream] for n in range(len(found))]
    figure.update_yaxes(
        title=plain(title),
        range=[-0.5, top + (1.8 if columns.get("decoder") else 0.5)],
        tickvals=[place(stream, n, columns[stream][0])[1] for stream, n in levels],
        ticktext=[str(n) for _, n in levels],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_layout(
        hovermode="closest", dragmode=False, legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
    )
    house(figure, int(180 + 36 * (top + 1)))
