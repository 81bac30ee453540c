"""Figures of what each layer would answer, and of who wrote the answer. Words come from outside."""

from collections.abc import Sequence
from html import escape

import plotly.colors
import plotly.graph_objects as go
from torch import Tensor

from core.views.charts import AMBER, GREY, TEAL, house, plain

HUES = plotly.colors.qualitative.Safe  # told apart by colour-blind eyes
FLAT = {"showgrid": False, "zeroline": False, "fixedrange": True}
TABLE = """<style>
.layers { overflow-x: auto; }
.layers table { border-collapse: separate; border-spacing: 2px; font-size: 0.9rem; }
.layers th { font-weight: 500; opacity: 0.7; text-align: center; white-space: nowrap; padding: 0 6px; }
.layers th[scope=row] { text-align: end; }
.layers td { text-align: center; white-space: nowrap; padding: 4px 8px; border-radius: 4px; }
</style>"""


def river(chances: Tensor, names: Sequence[str], layers: Sequence[str], chosen: int, title: str) -> go.Figure:
    """The probabilities of some answers (L + 1, k) one on the other; white above them is all other answers.

    chosen: the layer that is open, from 0. title: of the vertical axis.
    """
    figure, x = go.Figure(), list(range(len(chances)))
    for number, name in enumerate(names):
        hue = HUES[number % len(HUES)]
        figure.add_scatter(
            x=x,
            y=chances[:, number].tolist(),
            stackgroup="answers",
            name=plain(name),
            mode="lines",
            line={"width": 0.5, "color": hue},
            customdata=x,
            text=list(layers),
            hovertemplate=f"{plain(name)}<br>%{{text}}: %{{y:.1%}}<extra></extra>",
        )
    figure.add_vline(x=chosen, line={"color": GREY, "width": 2, "dash": "dot"})
    figure.update_xaxes(tickvals=x, ticktext=[str(number) for number in x], **FLAT)
    figure.update_yaxes(title=plain(title), tickformat=".0%", range=[0, 1], fixedrange=True)
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    return house(figure, 300)


def pieces_by_layer(
    cells: Sequence[Sequence[str]],
    chances: Tensor,
    hovers: Sequence[Sequence[str]],
    words: Sequence[str],
    layers: Sequence[str],
) -> str:
    """A table in HTML: a row a layer, the last on top where the answer is; a column a piece that was written.

    cells: what would be written; chances: with which probability, (L + 1, n), the colour. hovers: the likeliest few.
    What is written in the end is bold.
    """
    head = "".join(f"<th scope='col'>{escape(word)}</th>" for word in words)
    rows = []
    for layer in reversed(range(len(layers))):
        row = [f"<th scope='row'>{escape(layers[layer])}</th>"]
        for column, (cell, said) in enumerate(zip(cells[layer], hovers[layer], strict=True)):
            weight = "bold" if cell == cells[-1][column] else "normal"
            light = f"background:rgba(15,143,134,{0.6 * float(chances[layer, column]):.2f});font-weight:{weight}"
            row.append(f"<td style='{light}' title='{escape(said)}'>{escape(cell)}</td>")
        rows.append(f"<tr>{''.join(row)}</tr>")
    return f"{TABLE}<div class='layers' tabindex='0'><table><tr><td></td>{head}</tr>{''.join(rows)}</table></div>"


def parts(names: Sequence[str], values: Sequence[float], title: str) -> go.Figure:
    """What each part added to a logit, in the order in which it was added; teal for it, amber against it."""
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=list(range(len(names))),
            orientation="h",
            marker_color=[TEAL if value >= 0 else AMBER for value in values],
            text=[f"{value:+.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            customdata=[plain(name) for name in names],
            hovertemplate="%{customdata}: %{x:+.3f}<extra></extra>",
        )
    )
    reach = max([0.01, *(abs(value) for value in values)])
    room = 0.25 * reach  # for the numbers beside the bars
    low, high = min(0.0, *values) - room * (min(values) < 0), max(0.0, *values) + room
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=[plain(name) for name in names], **FLAT)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title=plain(title), range=[low, high], fixedrange=True)
    return house(figure, 70 + 20 * len(names))
