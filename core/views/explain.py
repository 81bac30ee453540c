"""Figures of explanations: methods over words, deletion and insertion, agreement, and what changes without heads."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from core.views.charts import AMBER, CLEAR, FAINT, GREY, TEAL, TWO_SIDED, house, plain, signed
from core.views.light import FULL, HIGH, RAMP

OFF = "#d6337c"  # seen on both ends of the ramp


def octaves(maps: Iterable[Tensor]) -> int:
    """How many doublings of the mean the scale of these maps (W,), over even, has on either side: 1 to 6."""
    most = max((float(one.max()) for one in maps), default=1.0)
    return min(HIGH, max(1, math.ceil(math.log2(max(most, 1.0)))))


def times(octave: int) -> str:
    """2 -> "4×", -2 -> "1/4×"."""
    return f"{2**octave}×" if octave >= 0 else f"1/{2**-octave}×"


def method_words(maps: Mapping[str, Tensor], words: Sequence[str], scale: str) -> go.Figure:
    """A row a method, a column a word; each value is over the mean of its row, on a log2 scale that reaches as far as
    the largest of them, in the colours of attention: grey for the mean, amber for the most.

    maps: title -> (W,), over even. scale: what the colour bar is called.
    """
    reach = octaves(maps.values())
    ticks = sorted({-reach, 0, reach})
    over = np.stack([one.float().cpu().numpy() for one in maps.values()])
    names, columns = [plain(name) for name in maps], [plain(word) for word in words]
    figure = go.Figure(
        go.Heatmap(
            z=np.log2(np.maximum(over, 1e-9)).clip(-reach, reach),
            zmin=-reach,
            zmax=reach,
            xgap=1,
            ygap=2,
            text=[
                [f"{name}<br>{word}: {value:.2f}×" for word, value in zip(columns, row, strict=True)]
                for name, row in zip(names, over, strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
            colorscale=[[place / FULL, f"rgb{colour}"] for place, colour in RAMP if place <= FULL],
            colorbar={
                "tickvals": ticks,
                "ticktext": [times(octave) for octave in ticks],
                "thickness": 10,
                "outlinewidth": 0,
                "title_text": plain(scale),
                "title_side": "right",
            },
        )
    )
    flat = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(tickvals=list(range(len(columns))), ticktext=columns, side="top", tickangle=-45, **flat)
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, autorange="reversed", **flat)
    return house(figure, 110 + 34 * len(names))


def curves(
    fractions: Sequence[float],
    series: Mapping[str, Sequence[float]],
    random: tuple[Sequence[float], Sequence[float]],
    x_title: str,
    y_title: str,
    random_name: str,
    chosen: str,
) -> go.Figure:
    """Of each method what is still measured (`y_title`); random: lower and upper edge of what random orders give.

    The chosen method is drawn in the accent, the others thin and grey.
    """
    figure, x = go.Figure(), list(fractions)
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*random[1], *reversed(random[0])],
        fill="toself",
        fillcolor=FAINT,
        mode="lines",
        line={"width": 0},
        name=plain(random_name),
        hoverinfo="skip",
    )
    for name, values in sorted(series.items(), key=lambda item: item[0] == chosen):
        own = name == chosen
        figure.add_scatter(
            x=x,
            y=list(values),
            mode="lines+markers" if own else "lines",
            name=plain(name),
            showlegend=own,
            line={"color": TEAL if own else GREY, "width": 3 if own else 1},
            opacity=1 if own else 0.6,
            hovertemplate=f"{plain(name)}<br>%{{x:.0%}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title=plain(x_title), tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title=plain(y_title), rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    return house(figure, 280)


def agreement(matrix: Tensor, names: Sequence[str]) -> go.Figure:
    """Rank correlations (M, M), written in the cells; teal below 0, amber above."""
    names, values = [plain(name) for name in names], matrix.tolist()
    figure = go.Figure(
        go.Heatmap(
            z=values,
            zmin=-1,
            zmax=1,
            colorscale=TWO_SIDED,
            xgap=1,
            ygap=1,
            showscale=False,
            text=[[f"{value:.2f}" for value in row] for row in values],
            texttemplate="%{text}",
            hovertemplate="%{y} · %{x}: %{z:.3f}<extra></extra>",
            x=names,
            y=names,
        )
    )
    figure.update_xaxes(showgrid=False, fixedrange=True, tickangle=-45)
    figure.update_yaxes(showgrid=False, fixedrange=True, autorange="reversed")
    return house(figure, 120 + 34 * len(names))


def before_after(
    labels: Sequence[str], before: Sequence[float], after: Sequence[float], names: Sequence[str]
) -> go.Figure:
    """Two bars a class: with everything on, and with heads switched off; one where only one name is given."""
    figure = go.Figure()
    for name, values, colour in zip(names, (before, after), (GREY, AMBER), strict=False):
        figure.add_bar(
            y=[plain(label) for label in labels],
            x=list(values),
            name=plain(name),
            orientation="h",
            marker_color=colour,
            text=[f"{value:.1%}" for value in values],
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, barmode="group")
    return house(figure, 90 + 46 * len(labels))


def switches(values: Tensor, off: Sequence[tuple[int, int]], title: str, words: Mapping[str, str]) -> go.Figure:
    """One number a head, (L, H), a row a layer: teal below 0, amber above, grey while all are NaN, not yet measured; a
    cross on each head that is off.

    Markers lie on the cells, as Streamlit reports no click or lasso on a heatmap; customdata is (layer, head) from 0.
    words: "layer", "head", and "cell" for hovering: "layer {layer}, head {head}: {value}".
    """
    layers, heads = values.shape
    cells = [(layer, head) for layer in range(layers) for head in range(heads)]
    end = max(1e-4, float(values.nan_to_num().abs().max()))
    known = not values.isnan().any()
    figure = go.Figure(
        go.Heatmap(
            z=values.nan_to_num().tolist(),
            x0=1,
            y0=1,
            xgap=1,
            ygap=1,
            hoverinfo="skip",
            zmin=-end,
            zmax=end,
            colorscale=TWO_SIDED if known else [[0, FAINT], [1, FAINT]],
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5, "tickformat": ".2~g"}
            | ({} if known else {"tickvals": []}),
        )
    )
    said = [
        words["cell"].format(layer=layer + 1, head=head + 1, value=_signed(float(values[layer, head])))
        for layer, head in cells
    ]
    solid = {"marker": {"opacity": 1}}
    figure.add_scatter(
        x=[head + 1 for _, head in cells],
        y=[layer + 1 for layer, _ in cells],
        mode="markers",
        customdata=cells,
        text=[plain(text) for text in said],
        hovertemplate="%{text}<extra></extra>",
        selected=solid,
        unselected=solid,
        marker={
            "size": 13,
            "symbol": "x-thin",
            "opacity": 1,
            "line": {"width": 3, "color": [OFF if cell in set(off) else CLEAR for cell in cells]},
        },
    )
    whole = {"showgrid": False, "zeroline": False, "fixedrange": True, "tick0": 1}
    figure.update_xaxes(title=plain(words["head"]), range=[0.5, heads + 0.5], dtick=max(1, heads // 6), **whole)
    figure.update_yaxes(title=plain(words["layer"]), range=[layers + 0.5, 0.5], dtick=max(1, layers // 6), **whole)
    figure.update_layout(hovermode="closest", hoverdistance=-1, showlegend=False, dragmode=False)
    house(figure, 150 + 16 * layers)
    return figure.update_layout(title={"text": plain(title), "font_size": 14, "x": 0, "y": 0.98}, margin_t=34)


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else signed(value, 4)


def pruning(series: Mapping[str, Sequence[tuple[int, float]]], x_title: str, y_title: str) -> go.Figure:
    """Quality against the number of heads that are off; the first series in the accent, the others grey."""
    figure = go.Figure()
    for number, (name, points) in enumerate(series.items()):
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            mode="lines+markers",
            name=plain(name),
            line={"color": GREY if number else TEAL, "width": 1.5 if number else 3},
            hovertemplate=f"{plain(name)}<br>%{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title=plain(x_title), rangemode="tozero")
    figure.update_yaxes(title=plain(y_title), rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    return house(figure, 280)
