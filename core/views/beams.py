"""The tree of a beam search, step by step."""

from collections.abc import Mapping

import plotly.graph_objects as go

from core.models.beams import BeamTree
from core.views.charts import AMBER, GREY, TEAL, house, plain
from core.wording import minus


def beam_figure(tree: BeamTree, first: int, shown: int, words: Mapping[str, str]) -> go.Figure:
    """Steps `first` to `first + shown` (from 0) from left to right, in each the candidates by rank, best on top.

    words: "best", "kept", "finished", "pruned" for the legend, "cell" for hovering, with {piece}, {chance}, {score};
    "ink" is the colour of the text.
    """
    colours = {"pruned": "rgba(128,136,144,0.55)", "kept": TEAL, "finished": "#7c6fdc", "best": AMBER}
    ranks: dict[int, int] = {}
    places = {}
    for index, node in enumerate(tree.nodes):
        places[index] = (node.step, ranks.get(node.step, 0))
        ranks[node.step] = ranks.get(node.step, 0) + 1
    inside = [i for i, node in enumerate(tree.nodes) if first <= node.step < first + shown]
    figure = go.Figure()
    for fate, colour in colours.items():
        lines_x, lines_y = [], []
        for index in inside:
            parent = tree.nodes[index].parent
            if tree.nodes[index].fate == fate and parent in places and tree.nodes[parent].step >= first:
                (x0, y0), (x1, y1) = places[parent], places[index]
                lines_x += [x0, x1, None]
                lines_y += [y0, y1, None]
        width = 2.5 if fate == "best" else 1
        figure.add_scatter(
            x=lines_x,
            y=lines_y,
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            line={"color": colour, "width": width, "dash": "dot" if fate == "pruned" else "solid"},
        )
    for fate, colour in colours.items():
        nodes = [i for i in inside if tree.nodes[i].fate == fate]
        said = [
            words["cell"].format(
                piece=tree.nodes[i].piece,
                chance=f"{tree.nodes[i].chance:.1%}",
                score=minus(f"{tree.nodes[i].score:.2f}"),
            )
            for i in nodes
        ]
        figure.add_scatter(
            x=[places[i][0] for i in nodes],
            y=[places[i][1] for i in nodes],
            name=plain(words[fate]),
            mode="markers+text",
            text=[plain(_cut(tree.nodes[i].piece)) for i in nodes],
            textposition="top center",
            textfont={"size": 10, "color": GREY if fate == "pruned" else words["ink"]},
            hovertext=[plain(s) for s in said],
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"size": 6 if fate == "pruned" else 10, "color": colour},
        )
    rows = max(ranks.values(), default=1)
    figure.update_xaxes(
        range=[first - 0.5, first + shown - 0.5],
        tickvals=list(range(first, first + shown)),
        showgrid=False,
        ticktext=[str(step + 1) for step in range(first, first + shown)],
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(range=[rows - 0.5, -0.9], visible=False, fixedrange=True)
    figure.update_layout(
        dragmode=False, hovermode="closest", legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
    )
    return house(figure, 90 + 40 * rows)


def _cut(text: str, most: int = 8) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
