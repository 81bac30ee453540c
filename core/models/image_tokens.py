"""Where a model's image tokens lie on the photo, found by its own processor and by no table of models.

The processor is given a picture whose colours are its coordinates: red grows from left to right, green from top to
bottom, blue is the same all over. What it makes of that, beside what it makes of black and of white, says of each
number that the model gets from where on the photo it comes, whatever was resized, cut into tiles, cropped or padded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.attention.axes import PatchAxis

Prepare = Callable[[Image.Image], Mapping[str, Any]]
SAME = 0.02  # of the range of a colour: how far the blue that is the same all over may be off
STRAIGHT = 0.3  # of a cell: how far one may lie off its row and column
EDGE = 0.1  # of a cell: a grid that ends so near to the photo's edge ends there


class NotPlaced(ValueError):
    """The image tokens are not the cells of grids on the photo, row by row."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Image tokens that lie on one grid. order: (rows x columns,), which of the image tokens, counted as they stand in
    the text, is each patch of the axis."""

    axis: PatchAxis
    order: Tensor


@dataclass(frozen=True)
class _Lattice:
    """Where the cells of one picture that the model gets lie on the photo, px."""

    left: float
    width: float
    top: float
    height: float


def place(prepare: Prepare, size: tuple[int, int], tokens: int, merge: int = 1) -> tuple[Placed, ...]:
    """The grids that the image tokens of a text form, the finest first: one, or tiles and the whole photo small.

    prepare: what the processor makes of a picture of this size, (width, height). tokens: how many image tokens there
    are. merge: where patches are told one by one, how many a side make one token. Raises NotPlaced.
    """
    cells = _cells(prepare, size, tokens, merge)  # (tiles, 3, rows, columns)
    shape = cells.shape[-2:]
    if len(cells) * shape[0] * shape[1] != tokens:
        raise NotPlaced(f"{tokens} image tokens, but {len(cells)} x {tuple(shape)} cells")
    if not bool((cells[:, 2].nan_to_num(0.5) - 0.5).abs().max() <= SAME):
        raise NotPlaced("colours are not where they are expected")
    found = [_lattice(one, size) for one in cells]
    kinds: dict[tuple[float, float], list[int]] = {}
    for tile, lattice in enumerate(found):
        same = (key for key in kinds if abs(key[0] / lattice.width - 1) + abs(key[1] / lattice.height - 1) < EDGE)
        kinds.setdefault(next(same, (lattice.width, lattice.height)), []).append(tile)
    grids = [_joined(tiles, found, (shape[0], shape[1]), size) for tiles in kinds.values()]
    return tuple(sorted(grids, key=lambda one: -len(one.order)))


def _cells(prepare: Prepare, size: tuple[int, int], tokens: int, merge: int) -> Tensor:
    """Of each token from which share of the photo's width and height it comes, and 0.5: (tiles, 3, rows, columns); NaN
    where some of it is no photo."""
    black, white, ramp = (prepare(picture) for picture in _pictures(size))
    low, high, own = (one["pixel_values"].float().cpu() for one in (black, white, ramp))
    if not low.shape == high.shape == own.shape:
        raise NotPlaced("what the model gets depends on what is on the photo")
    span = high - low
    share = (own - low) / span.masked_fill(span.abs() < 1e-6, torch.nan)  # padding is black and white alike
    if share.dim() > 2:
        return _cut(share.flatten(0, -4), tokens).mean((-3, -1))  # (tiles, 3, rows, columns)
    frames, rows, columns = (int(n) for n in ramp["image_grid_thw"][0])
    if frames != 1 or len(ramp["image_grid_thw"]) != 1 or merge**2 * tokens != rows * columns:
        raise NotPlaced(f"{tokens} image tokens of {frames} x {rows} x {columns} patches")
    patches = share.unflatten(0, (tokens, merge**2)).unflatten(-1, (3, -1))  # (tokens, patches, 3, numbers)
    return patches.mean((1, 3)).T.reshape(1, 3, rows // merge, columns // merge)


def _pictures(size: tuple[int, int]) -> tuple[Image.Image, Image.Image, Image.Image]:
    width, height = size
    ramp = np.full((height, width, 3), 127.5)
    ramp[..., 0], ramp[..., 1] = np.linspace(0, 255, width), np.linspace(0, 255, height)[:, None]
    return Image.new("RGB", size), Image.new("RGB", size, "white"), Image.fromarray(ramp.round().astype(np.uint8))


def numbers_of(pixels: Tensor, tokens: int, merge: int = 1) -> Tensor:
    """Of what the model gets of a picture, the numbers behind each image token: (tokens, D). Raises NotPlaced."""
    if pixels.dim() == 2:
        return pixels.unflatten(0, (tokens, merge**2)).flatten(1)
    return _cut(pixels.flatten(0, -4), tokens).permute(0, 2, 4, 1, 3, 5).reshape(tokens, -1)


def _cut(share: Tensor, tokens: int) -> Tensor:
    """(tiles, 3, H, W), each cut into as many square cells as it has tokens: (tiles, 3, rows, side, columns, side).
    What is over at its end is left out."""
    tiles, _, height, width = share.shape
    rows = round((tokens / tiles * height / width) ** 0.5)
    columns = tokens // tiles // max(1, rows)
    if not rows or not columns or tiles * rows * columns != tokens or height // rows != width // columns:
        raise NotPlaced(f"{tokens} image tokens of {tiles} pictures of {height} x {width} px")
    side = height // rows
    return share[..., : rows * side, : columns * side].unflatten(-1, (columns, side)).unflatten(-3, (rows, side))


def _lattice(cell: Tensor, size: tuple[int, int]) -> _Lattice:
    """cell: (3, rows, columns)."""
    (left, width), (top, height) = (_line(cell[0].T, size[0]), _line(cell[1], size[1]))
    return _Lattice(left, width, top, height)


def _line(shares: Tensor, length: int) -> tuple[float, float]:
    """Where the first cell begins and how long each is, px. shares: (cells along this side, cells across it)."""
    at = shares * (length - 1) + 0.5  # px of each cell's centre
    along = at.nanmean(1)
    known = along.isfinite()
    index = torch.arange(len(along)).float()[known]
    if not len(index):
        raise NotPlaced("nothing of the photo is on a picture that the model gets")
    if len(index) == 1:
        return 0.0, length / len(along)
    centred = index - index.mean()
    step = float((centred * along[known]).sum() / (centred**2).sum())
    start = float(along[known].mean() - step * index.mean())
    off = (at - start - step * torch.arange(len(along))[:, None]).abs().nan_to_num(0)
    if step <= 0 or float(off.max()) > STRAIGHT * step + length / 255:
        raise NotPlaced("cells do not follow each other row by row")
    return start - step / 2, step


def _joined(tiles: Sequence[int], found: Sequence[_Lattice], shape: tuple[int, int], size: tuple[int, int]) -> Placed:
    """Tiles that abut, as one grid. tiles: their numbers. shape: rows and columns of each."""
    first = found[tiles[0]]
    wide, high = first.width * shape[1], first.height * shape[0]
    left, top = min(found[tile].left for tile in tiles), min(found[tile].top for tile in tiles)
    at = {(round((found[n].top - top) / high), round((found[n].left - left) / wide)): n for n in tiles}
    down, across = max(row for row, _ in at) + 1, max(column for _, column in at) + 1
    if len(at) != len(tiles) or len(at) != down * across:
        raise NotPlaced("tiles lie over each other, or some are missing")
    one = torch.arange(shape[0] * shape[1]).reshape(shape)
    rows = [torch.cat([one + at[row, column] * one.numel() for column in range(across)], 1) for row in range(down)]
    edges = (left, top, left + wide * across, top + high * down)
    steps = (first.width, first.height) * 2
    whole = (0.0, 0.0, float(size[0]), float(size[1]))
    box = tuple(
        end if abs(edge - end) < EDGE * step else edge for edge, end, step in zip(edges, whole, steps, strict=True)
    )
    axis = PatchAxis((down * shape[0], across * shape[1]), (), box, size)  # type: ignore[arg-type]
    return Placed(axis, torch.cat(rows).flatten())
