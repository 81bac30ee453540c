"""Figures of what comes over from one run into another, and of what an edit changes. Words come from outside."""

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go
from torch import Tensor

from core.views.charts import OTHER_SIDED, house, plain, signed

TABLE = """<style>
.byhand { overflow-x: auto; }
.byhand table { border-collapse: separate; border-spacing: 2px; font-size: 0.9rem; }
.byhand th { font-weight: 500; opacity: 0.7; white-space: nowrap; padding: 0 6px; }
.byhand th[scope=row] { text-align: end; }
.byhand td { text-align: center; white-space: nowrap; padding: 4px 8px; border-radius: 4px; }
</style>"""


def position_grid(
    values: Tensor, names: Sequence[str], title: str, words: Mapping[str, str], reach: float
) -> go.Figure:
    """(L, groups), a row a layer, the first on top; NaN is not known yet.

    words: "layer" and "position" name the axes, "cell" is said on hovering: "after layer {layer}, {name}: {value}".
    """
    layers, count = values.shape
    said = [
        [
            plain(words["cell"].format(layer=layer + 1, name=name, value=signed(float(values[layer, n]), 3)))
            for n, name in enumerate(names)
        ]
        for layer in range(layers)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=values.tolist(),
            y0=1,
            xgap=1,
            ygap=1,
            text=said,
            hovertemplate="%{text}<extra></extra>",
            hoverongaps=False,
            zmin=-reach,
            zmax=reach,
            colorscale=OTHER_SIDED,
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
        )
    )
    flat = {"showgrid": False, "zeroline": False, "fixedrange": True}
    ticks = {
        "tickvals": list(range(count)),
        "ticktext": [plain(name) for name in names],
        "tickangle": -45,
        "tickfont_size": 10,
    }
    figure.update_xaxes(title=plain(words["position"]), **ticks, **flat)
    figure.update_yaxes(title=plain(words["layer"]), range=[layers + 0.5, 0.5], dtick=max(1, layers // 6), **flat)
    figure.update_yaxes(tick0=1)
    house(figure, 170 + 16 * layers)
    return figure.update_layout(title={"text": plain(title), "font_size": 14, "x": 0, "y": 0.98}, margin_t=34)


def pieces_before_after(
    words: Sequence[str],
    before: Sequence[float],
    after: Sequence[float],
    would: Sequence[str],
    rows: Sequence[str],
) -> str:
    """A table in HTML: a column a written piece; its probability before and after, and what would be written now, bold
    where that is another. rows: what the three are called."""
    head = "".join(f"<th scope='col'>{escape(word)}</th>" for word in words)
    lines = [
        "".join(f"<td style='background:rgba(15,143,134,{0.6 * one:.2f})'>{one:.0%}</td>" for one in chances)
        for chances in (before, after)
    ]
    lines.append(
        "".join(
            f"<td>{escape(now) if now == word else f'<b>{escape(now)}</b>'}</td>"
            for word, now in zip(words, would, strict=True)
        )
    )
    body = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>{line}</tr>" for name, line in zip(rows, lines, strict=True)
    )
    return f"{TABLE}<div class='byhand' tabindex='0'><table><tr><td></td>{head}</tr>{body}</table></div>"
