"""Figures of what each layer would answer, and of who wrote the answer. Words come from outside."""

from collections.abc import Sequence
from html import escape

import plotly.colors
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.views.charts import AMBER, FAINT, GREY, TEAL, house, plain, signed

HUES = plotly.colors.qualitative.Safe  # told apart by colour-blind eyes
OTHER = "#888888"  # of what has no hue
FLAT = {"showgrid": False, "zeroline": False, "fixedrange": True}
TABLE = """<style>
.layers { overflow-x: auto; mask-image: linear-gradient(to right, #000 calc(100% - 28px), transparent); }
.layers::-webkit-scrollbar { height: 8px; }
.layers::-webkit-scrollbar-thumb { background: rgba(128,136,144,0.5); border-radius: 4px; }
.layers table { border-collapse: separate; border-spacing: 2px; font-size: 0.9rem; margin-right: 28px; }
.layers th { font-weight: 500; opacity: 0.7; text-align: center; white-space: nowrap; padding: 0 6px; }
.layers th[scope=row] { text-align: end; }
.layers tr.at td { box-shadow: 0 2px 0 -0.5px #E0912F; }
.layers tr.at th { opacity: 1; font-weight: 700; }
.layers td { text-align: center; white-space: nowrap; padding: 4px 8px; border-radius: 4px; }
</style>"""


def river(
    chances: Tensor, names: Sequence[str], others: str, layers: Sequence[str], chosen: int, title: str
) -> go.Figure:
    """The probabilities of some answers (L + 1, k) one on the other, and in grey above them all others up to 100%.

    others: what the rest is called. chosen: the layer that is open, from 0. title: of the vertical axis.
    """
    figure, x = go.Figure(), list(range(len(chances)))
    rest = (1 - chances.sum(1, keepdim=True)).clamp_min(0)
    bands = torch.cat([chances, rest], 1).T.tolist()
    for name, hue, band in zip([*names, others], [*HUES[: len(names)], FAINT], bands, strict=True):
        figure.add_scatter(
            x=x,
            y=band,
            stackgroup="answers",
            name=plain(name),
            mode="lines",
            line={"width": 0.5, "color": hue},
            fillcolor=hue if name == others else None,
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
    at: int,
) -> str:
    """A table in HTML: a row a layer, the last on top where the answer is; a column a piece that was written. at: the
    layer where the film stands, which is framed.

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
        rows.append(f"<tr{' class=at' if layer == at else ''}>{''.join(row)}</tr>")
    return f"{TABLE}<div class='layers' tabindex='0'><table><tr><td></td>{head}</tr>{''.join(rows)}</table></div>"


def parts(names: Sequence[str], values: Sequence[float], title: str) -> go.Figure:
    """What each part added to a logit, in the order in which it was added; teal for it, amber against it."""
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=list(range(len(names))),
            orientation="h",
            marker_color=[TEAL if value >= 0 else AMBER for value in values],
            text=[signed(value, 2) for value in values],
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


def signed_words(words: Sequence[str], values: Sequence[float]) -> str:
    """The words in a row, in HTML: the fuller the colour the more, teal for the answer and amber against it."""
    reach = max([1e-6, *(abs(value) for value in values)])
    marked = []
    for word, value in zip(words, values, strict=True):
        red, green, blue = (15, 143, 134) if value >= 0 else (217, 119, 6)
        light = f"background:rgba({red},{green},{blue},{0.6 * abs(value) / reach:.2f})"
        marked.append(f"<span style='{light}' title='{signed(value, 3)}'>{escape(word)}</span>")
    style = "<style>.signed { line-height: 2; } .signed span { padding: 2px 6px; border-radius: 4px; }</style>"
    return f"{style}<div class='signed'>{' '.join(marked)}</div>"


def key_of_hues(counts: Sequence[tuple[str, str, int]]) -> str:
    """What each colour stands for, in HTML: (colour, name, how many)."""
    dot = "display:inline-block;width:0.8em;height:0.8em;border-radius:2px;margin-inline-end:0.35em"
    entries = (
        f"<span><i style='{dot};background:{hue}'></i>{escape(name)} {count}</span>" for hue, name, count in counts
    )
    return f"<div style='display:flex;flex-wrap:wrap;gap:2px 14px;font-size:0.9rem'>{''.join(entries)}</div>"
