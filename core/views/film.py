"""What a model looked at while it learned: films of a probe as plotly figures, played and scrubbed in the browser.

Plotly's sliders and buttons take the pointer and touch, not the keyboard.
"""

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from torch import Tensor

from core.views.charts import CLEAR, TEAL, house, plain
from core.views.light import HIGH, LOW, SCALE, overlay

SIDE = 224  # px, of the photo
PACE = 350  # ms a frame
LIGHT = [  # the ramp "light" of linked/colour.js
    [0, "rgb(8,10,14)"], [1 / 3, "rgb(71,85,105)"], [5 / 9, "rgb(180,83,9)"], [7 / 9, "rgb(245,158,11)"],
    [1, "rgb(255,243,209)"],
]  # fmt: skip


def film_photo(
    photo: Image.Image, frames: Sequence[tuple[int, Tensor]], grid: tuple[int, int], words: Mapping[str, str]
) -> go.Figure:
    """What CLS looks at, step by step, as light on the photo: weight times number of patches, log2 from 1/8 to 64.

    photo: as the model sees it. frames: (step, weights of the patches, grid or flat). words: "step", "play", "pause",
    "scale". The last frame is shown at first. Raises ValueError without a frame, or where one does not fit the grid.
    """
    rows, columns = grid
    if any(weights.numel() != rows * columns for _, weights in frames):
        raise ValueError("a frame does not fit the grid")
    shown = [(step, (weights.float().cpu().numpy() * rows * columns).reshape(grid)) for step, weights in frames]
    traces = [
        [{"type": "image", "source": _data(overlay(times), "PNG")}, {"type": "heatmap", **_numbers(times)}]
        for _, times in shown
    ]
    figure = _film([step for step, _ in shown], traces, words)
    # The image draws, the clear heatmap answers the pointer and carries the scale.
    figure.update_traces(hoverinfo="skip", selector={"type": "image"})
    figure.update_traces(
        opacity=0,
        hovertemplate="%{customdata:.2f}×<extra></extra>",
        coloraxis="coloraxis",
        selector={"type": "heatmap"},
    )
    place = {"x": -0.5, "y": -0.5, "sizex": columns, "sizey": rows, "xref": "x", "yref": "y", "layer": "below"}
    figure.add_layout_image(source=_data(photo.convert("RGB").resize((SIDE, SIDE)), "JPEG"), sizing="stretch", **place)
    figure.update_xaxes(visible=False, range=[-0.5, columns - 0.5], constrain="domain", fixedrange=True)
    figure.update_yaxes(visible=False, range=[rows - 0.5, -0.5], scaleanchor="x", constrain="domain", fixedrange=True)
    scale = {"orientation": "h", "y": 1, "yanchor": "bottom", "len": 0.6, "title_side": "top", "ypad": 4, **SCALE}
    return _with_scale(figure, LIGHT, scale, words["scale"], SIDE + 230)


def film_sentence(
    frames: Sequence[tuple[int, Tensor]], source: Sequence[str], target: Sequence[str], words: Mapping[str, str]
) -> go.Figure:
    """Cross-attention step by step: rows are target pieces, columns source pieces, weight times number of those.

    frames: (step, (Nq, Nk)). words as for `film_photo`. Raises ValueError without a frame, or where one does not fit.
    """
    size = (len(target), len(source))
    if any(tuple(weights.shape) != size for _, weights in frames):
        raise ValueError("a frame does not fit the pieces")
    traces = [[{"type": "heatmap", **_numbers(weights.float().cpu().numpy() * size[1])}] for _, weights in frames]
    figure = _film([step for step, _ in frames], traces, words)
    pairs = [[f"{plain(written)} ← {plain(read)}" for read in source] for written in target]
    hover = "%{text}<br>%{customdata:.2f}×<extra></extra>"
    figure.update_traces(text=pairs, hovertemplate=hover, xgap=1, ygap=1, coloraxis="coloraxis")
    for axis, pieces in ((figure.layout.xaxis, source), (figure.layout.yaxis, target)):
        axis.update(tickvals=list(range(len(pieces))), ticktext=[plain(piece) for piece in pieces])
        axis.update(showgrid=False, zeroline=False, fixedrange=True)
    figure.update_xaxes(side="top", tickangle=-45)
    figure.update_yaxes(autorange="reversed")
    return _with_scale(
        figure, "cividis", {"title_side": "right", **SCALE}, words["scale"], max(240, 225 + 18 * size[0])
    )


def _numbers(times: np.ndarray) -> dict[str, list]:
    """times: attention against uniform. z: its place on the scale; customdata: itself."""
    z = np.log2(np.maximum(times, 1e-9)).clip(LOW, HIGH)
    return {"z": z.round(3).tolist(), "customdata": [[float(f"{x:.4g}") for x in row] for row in times]}


def _data(image: Image.Image, kind: str) -> str:
    stream = io.BytesIO()
    image.save(stream, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def _film(steps: Sequence[int], traces: Sequence[list[dict]], words: Mapping[str, str]) -> go.Figure:
    """A figure of the last frame, with a slider and buttons if there are several. traces: of each, the same kinds."""
    if not steps:
        raise ValueError("a film needs a frame")
    names = [str(step) for step in steps]
    frames = [{"name": name, "data": data} for name, data in zip(names, traces, strict=True)]
    figure = go.Figure({"data": traces[-1], "frames": frames})
    if len(steps) == 1:
        return figure
    now = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    play = {"frame": {"duration": PACE, "redraw": True}, "transition": {"duration": 0}, "fromcurrent": True}
    button = {"method": "animate"}
    figure.update_layout(
        updatemenus=[
            {
                "type": "buttons", "direction": "left", "showactive": False,
                "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 98},
                # Plotly lights a button up under the pointer, on dark pages too: a colour that is read on both.
                "bgcolor": CLEAR, "bordercolor": TEAL, "font": {"color": TEAL},
                "buttons": [
                    {"label": plain(words["play"]), "args": [None, play], **button},
                    {"label": plain(words["pause"]), "args": [[None], now], **button},
                ],
            }
        ],
        sliders=[
            {
                "active": len(names) - 1, "x": 0, "len": 1, "y": 0, "yanchor": "top", "pad": {"t": 14, "b": 4},
                "bgcolor": TEAL, "activebgcolor": TEAL, "borderwidth": 0, "minorticklen": 0,
                "currentvalue": {"prefix": f"{plain(words['step'])} "},
                "steps": [{"label": name, "args": [[name], now], **button} for name in names],
            }
        ],
    )  # fmt: skip
    return figure


def _with_scale(figure: go.Figure, ramp: list | str, bar: dict, title: str, height: int) -> go.Figure:
    axis = {"colorscale": ramp, "cmin": LOW, "cmax": HIGH, "colorbar": {**bar, "title_text": plain(title)}}
    return house(figure, height).update_layout(coloraxis=axis)
