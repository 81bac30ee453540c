"""Plotly figures of the Differences page: a picture cut into patches, strips and maps of numbers, growth.

Words come from outside."""

import base64
import hashlib
import io
from collections.abc import Hashable, Mapping, Sequence
from threading import Lock

import numpy as np
import plotly.graph_objects as go
from cachetools import LRUCache, cached
from PIL import Image, ImageColor
from torch import Tensor

from core.views.charts import AMBER, CLEAR, TEAL, TWO_SIDED, house, plain

PATCH_PX = 28  # of a drawn patch, in the picture that is sent
GAP = 3  # px between patches
VIOLET = "#7c6fdc"  # what the person chose; teal is what is asked about, amber the answer

Points = Sequence[tuple[float, float]]


def cut_up(pixels: Image.Image, grid: tuple[int, int], patch_px: int = PATCH_PX, gap: int = GAP) -> Image.Image:
    """The picture with clear gaps between its patches: RGBA."""
    rows, columns = grid
    step = patch_px + gap
    small = np.asarray(pixels.resize((columns * patch_px, rows * patch_px), Image.Resampling.BICUBIC))
    whole = np.zeros((rows * step - gap, columns * step - gap, 4), np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = row * patch_px, column * patch_px
            place = whole[row * step : row * step + patch_px, column * step : column * step + patch_px]
            place[..., :3] = small[top : top + patch_px, left : left + patch_px]
            place[..., 3] = 255
    return Image.fromarray(whole)


def data_uri(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def _picture_key(pixels: Image.Image, *cut: Hashable) -> tuple:
    return hashlib.blake2b(pixels.tobytes(), digest_size=16).digest(), pixels.size, cut


# Encoding takes 20 ms; a section shows the same picture twice, and again whenever something is chosen in it.
@cached(LRUCache(24), key=_picture_key, lock=Lock())
def _cut_up_uri(pixels: Image.Image, grid: tuple[int, int], patch_px: int, gap: int) -> str:
    return data_uri(cut_up(pixels, grid, patch_px, gap))


def patch_picture(
    pixels: Image.Image,
    grid: tuple[int, int],
    at: str,
    marks: Mapping[int, str] = {},
    height: int = 360,
    values: Sequence[float] | None = None,
    gap: int = GAP,
) -> go.Figure:
    """The picture cut into its patches, each of which can be clicked (customdata: its number, row by row from 0).

    at: what hovering says, with {row} and {column}. marks: the colour of a frame, by patch.
    values: a number a patch, said on hovering. gap: px between patches.
    """
    rows, columns = grid
    cut = _cut_up_uri(pixels, grid, min(PATCH_PX, max(8, 640 // max(grid))), gap)
    figure = go.Figure()
    figure.add_layout_image(
        source=cut,
        x=-0.5,
        y=-0.5,
        sizex=columns,
        sizey=rows,
        xref="x",
        yref="y",
        xanchor="left",
        yanchor="top",
        sizing="stretch",
        layer="below",
    )
    places = [divmod(patch, columns) for patch in range(rows * columns)]
    said = [plain(at.format(row=row + 1, column=column + 1)) for row, column in places]
    if values is not None:
        said = [f"{text}: {value:.3f}" for text, value in zip(said, values, strict=True)]
    figure.add_scatter(
        x=[column for _, column in places],
        y=[row for row, _ in places],
        mode="markers",
        customdata=list(range(len(places))),
        text=said,
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 12, "opacity": 0, "symbol": "square"},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )
    for patch, colour in marks.items():
        _frame(figure, divmod(patch, columns), colour)
    return _square(figure, grid, height)


def _frame(figure: go.Figure, cell: tuple[int, int], colour: str) -> None:
    row, column = cell
    for line in ({"color": "white", "width": 6}, {"color": colour, "width": 3}):  # seen on any picture
        figure.add_shape(type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line=line)


def _square(figure: go.Figure, grid: tuple[int, int], height: int) -> go.Figure:
    """Axes of a patch grid: equal, hidden, not to be dragged."""
    rows, columns = grid
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[-0.55, columns - 0.45], constrain="domain", **hidden)
    figure.update_yaxes(range=[rows - 0.45, -0.55], scaleanchor="x", constrain="domain", **hidden)
    figure.update_layout(hovermode="closest", hoverdistance=-1, showlegend=False, dragmode=False)
    return house(figure, height).update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})


def grid_map(
    values: Tensor, at: str, marked: int | None = None, height: int = 300, diverging: bool = True, colour: str = TEAL
) -> go.Figure:
    """A number a patch, (rows, columns): cosines from -1 to 1, or from 0 to the largest."""
    rows, columns = values.shape
    said = [[plain(at.format(row=r + 1, column=c + 1)) for c in range(columns)] for r in range(rows)]
    scale = {"zmin": -1, "zmax": 1, "colorscale": TWO_SIDED} if diverging else {"zmin": 0, "colorscale": "cividis"}
    figure = go.Figure(
        go.Heatmap(
            z=values.tolist(),
            text=said,
            hovertemplate="%{text}: %{z:.3f}<extra></extra>",
            xgap=1,
            ygap=1,
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
            **scale,
        )
    )
    if marked is not None:
        _frame(figure, divmod(marked, columns), colour)
    return _square(figure, (rows, columns), height)


def strips(values: Tensor, labels: Sequence[str], height: int = 0, scale: str | list = TWO_SIDED) -> go.Figure:
    """A row of colours for each vector (N, D), zero clear; the scale ends at the largest magnitude."""
    end = float(values.abs().max().clamp_min(1e-9))
    count = len(labels)
    figure = go.Figure(
        go.Heatmap(
            z=values.tolist(),
            y=list(range(count)),
            zmin=-end,
            zmax=end,
            colorscale=scale,
            ygap=2,
            hovertemplate="%{x}: %{z:.3f}<extra></extra>",
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 3},
        )
    )
    figure.update_xaxes(showgrid=False, zeroline=False, fixedrange=True)
    figure.update_yaxes(
        tickvals=list(range(count)),
        ticktext=[plain(label) for label in labels],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_layout(dragmode=False)
    return house(figure, height or 60 + 26 * count)


def matrix(
    values: Tensor,
    rows: Sequence[str],
    columns: Sequence[str],
    low: float,
    high: float,
    height: int = 320,
    titles: tuple[str, str] = ("", ""),
    scale: str | list = "",
) -> go.Figure:
    """A map (N, M) with named rows and columns; NaN stays clear. Repeated names keep apart by position."""
    figure = go.Figure(
        go.Heatmap(
            z=values.tolist(),
            zmin=low,
            zmax=high,
            colorscale=scale or (TWO_SIDED if low < 0 else "cividis"),
            customdata=[[f"{plain(r)} → {plain(c)}" for c in columns] for r in rows],
            hovertemplate="%{customdata}: %{z:.3f}<extra></extra>",
            xgap=1,
            ygap=1,
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 3},
        )
    )
    quiet = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=[plain(c) for c in columns],
        title=titles[1],
        tickangle=-60,
        **quiet,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[plain(r) for r in rows],
        title=titles[0],
        autorange="reversed",
        **quiet,
    )
    figure.update_layout(dragmode=False)
    return house(figure, height)


def growth(series: Mapping[str, Points], x_title: str, y_title: str, here: Points, height: int = 260) -> go.Figure:
    """Measured points, joined, one line a name; here: where this run stands, as larger amber points."""
    figure = go.Figure()
    for (name, points), colour in zip(series.items(), (TEAL, VIOLET, "#d0487f"), strict=False):
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=plain(name),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            hovertemplate="%{x:,}: %{y:,}<extra></extra>",
        )
    figure.add_scatter(
        x=[x for x, _ in here],
        y=[y for _, y in here],
        mode="markers",
        showlegend=False,
        marker={"size": 13, "color": AMBER},
        hovertemplate="%{x:,}: %{y:,}<extra></extra>",
    )
    figure.update_xaxes(title=plain(x_title), rangemode="tozero", fixedrange=True)
    figure.update_yaxes(title=plain(y_title), rangemode="tozero", fixedrange=True)
    figure.update_layout(dragmode=False, showlegend=len(series) > 1, paper_bgcolor=CLEAR)
    return house(figure, height)


def channel(values: Tensor, colour: str) -> go.Figure:
    """One colour channel of a patch, (p, p) from 0 to 255, each number written in its cell."""
    side = values.shape[0]
    figure = go.Figure(
        go.Heatmap(
            z=values.tolist(),
            zmin=0,
            zmax=255,
            colorscale=[[0, "#101216"], [1, colour]],
            showscale=False,
            texttemplate="%{z}" if side <= 16 else None,
            textfont={"size": 9},
            hovertemplate="%{z}<extra></extra>",
        )
    )
    return _square(figure, (side, side), 300)


def piece_bars(pieces: Sequence[str], shares: Sequence[float], title: str, height: int = 240) -> go.Figure:
    """A share from 0 to 1 for each piece; positions keep repeated pieces apart."""
    figure = go.Figure(go.Bar(x=list(range(len(pieces))), y=list(shares), marker_color=TEAL))
    figure.update_traces(hovertemplate="%{y:.1%}<extra></extra>")
    names = [plain(piece) for piece in pieces]
    figure.update_xaxes(tickmode="array", tickvals=list(range(len(pieces))), ticktext=names, fixedrange=True)
    figure.update_yaxes(title=plain(title), range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_layout(dragmode=False)
    return house(figure, height)


def change_bars(
    pieces: Sequence[str], values: Sequence[float], changed: int, title: str, height: int = 240
) -> go.Figure:
    """A number of 0 or more for each piece, the one that was changed in amber."""
    colours = [AMBER if index == changed else TEAL for index in range(len(pieces))]
    figure = go.Figure(go.Bar(x=list(range(len(pieces))), y=list(values), marker_color=colours))
    figure.update_traces(hovertemplate="%{y:.2%}<extra></extra>")
    names = [plain(piece) for piece in pieces]
    figure.update_xaxes(tickmode="array", tickvals=list(range(len(pieces))), ticktext=names, fixedrange=True)
    figure.update_yaxes(title=plain(title), tickformat=".1~%", rangemode="tozero", fixedrange=True)
    figure.update_layout(dragmode=False)
    return house(figure, height)


def heat_image(values: Tensor, width: int = 480, height: int = 130) -> Image.Image:
    """A tensor (N, D) as a small picture, a row a vector, clear at zero; its scale ends at the 99th percentile of the
    magnitude."""
    values = values.float()
    end = float(values.abs().flatten().kthvalue(max(1, int(0.99 * values.numel()))).values) or 1.0
    scaled = (values / end).clamp(-1, 1).numpy()[..., None]  # (N, D, 1)
    below, above = (np.array(ImageColor.getrgb(colour)) for colour in (TEAL, AMBER))
    colours = np.concatenate([np.where(scaled < 0, below, above), 255 * np.abs(scaled)], -1)
    return Image.fromarray(colours.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
