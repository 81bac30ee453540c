"""A number a head: the layer x head grid that answers a click, and tables of heads. Words come from outside."""

import math
from collections.abc import Iterable, Mapping

import plotly.graph_objects as go
from torch import Tensor

from core.attention.statistics import NAMES, SINK
from core.views.charts import house, plain
from core.views.tables import as_csv

HEIGHT = 240  # px
CHOSEN = "#d6337c"  # a dot on the cell that was clicked: seen on both ramps


def head_grid(
    values: Tensor,
    title: str,
    *,
    words: Mapping[str, str],
    low: float,
    high: float,
    ramp: str | list = "cividis",
    sign: str = "",
    order: Tensor | None = None,
    chosen: tuple[int, int] | None = None,
    height: int = HEIGHT,
) -> go.Figure:
    """One number a head, (L, H), a row a layer, NaN where it is not known; colours run from `low` to `high`.

    words: "layer" and "head" name the axes, "cell" is said on hovering: "layer {layer}, head {head}: {value}".
    sign: "+" where a sign is always written. order: (L, H), which head stands in each column of each layer; as they are
    numbered by default. chosen: (layer, head) that is open, from 0; else the cell clicked last is marked.
    Streamlit reports no click on a heatmap, so clear markers lie on it, with customdata (layer, head) from 0.
    """
    layers, heads = values.shape
    shown = values if order is None else values.gather(1, order)
    columns = [list(range(heads))] * layers if order is None else order.tolist()
    cells = [(layer, head) for layer in range(layers) for head in columns[layer]]
    said = [
        plain(words["cell"].format(layer=layer + 1, head=head + 1, value=_number(float(values[layer, head]), sign)))
        for layer, head in cells
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shown.tolist(),
            x0=1,
            y0=1,
            xgap=1,
            ygap=1,
            hoverinfo="skip",
            zmin=low,
            zmax=high,
            colorscale=ramp,
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
        )
    )
    dot = {"size": 10, "color": CHOSEN, "line": {"color": "white", "width": 1.5}}
    figure.add_scatter(
        x=[number % heads + 1 for number in range(len(cells))],
        y=[layer + 1 for layer, _ in cells],
        mode="markers",
        customdata=cells,
        text=said,
        hovertemplate="%{text}<extra></extra>",
        marker={**dot, "opacity": 0},
        selected={"marker": {"opacity": int(chosen is None)}},
        unselected={"marker": {"opacity": 0}},
    )
    if chosen is not None:
        layer, head = chosen
        figure.add_scatter(
            x=[columns[layer].index(head) + 1],
            y=[layer + 1],
            mode="markers",
            marker=dot,
            hoverinfo="skip",
            unselected={"marker": {"opacity": 1}},
        )
    figure.update_xaxes(title=plain(words["head"]), range=[0.5, heads + 0.5], **_whole_numbers(heads))
    figure.update_yaxes(title=plain(words["layer"]), range=[layers + 0.5, 0.5], **_whole_numbers(layers))
    # However wide a cell is, the pointer in it belongs to it.
    figure.update_layout(hovermode="closest", hoverdistance=-1, showlegend=False, dragmode=False)
    house(figure, height)
    return figure.update_layout(title={"text": plain(title), "font_size": 14, "x": 0, "y": 0.98}, margin_t=34)


def _number(value: float, sign: str) -> str:
    return "–" if math.isnan(value) else f"{value:{sign}.3f}"


def _whole_numbers(count: int) -> dict[str, object]:
    return {"dtick": max(1, count // 6), "tick0": 1, "showgrid": False, "zeroline": False, "fixedrange": True}


def head_rows(found: Mapping[str, Tensor]) -> list[dict[str, float | int | str]]:
    """A row a head from `average_statistics`: layer and head from 1, the five numbers, the parts of the sink mass.

    "sink by": the kind of special position that takes most of it, empty without any.
    """
    layers, heads = found["entropy"].shape
    kinds = [name for name in found if name.startswith(SINK)]
    rows: list[dict[str, float | int | str]] = []
    for layer in range(layers):
        for head in range(heads):
            values = {name: float(found[name][layer, head]) for name in (*NAMES, *kinds)}
            most = max(kinds, key=values.__getitem__, default="").removeprefix(SINK)
            rows.append({"layer": layer + 1, "head": head + 1, **values, "sink by": most})
    return rows


def head_table(blocks: Iterable[tuple[str, str, Mapping[str, Tensor]]]) -> str:
    """CSV of all heads. blocks: (input, kind of attention, what `average_statistics` gave)."""
    rows = [{"input": name, "attention": kind, **row} for name, kind, found in blocks for row in head_rows(found)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    columns.sort(key=lambda column: column.startswith("sink"))  # its parts stand together, after the five
    cells = [[row.get(column, "") for column in columns] for row in rows]
    return as_csv(columns, [[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in line] for line in cells])
