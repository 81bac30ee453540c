"""What a convolution knows before it learns anything, and a Vision Transformer does not: that a thing which moves stays
the same thing. The camera is moved by whole patches; what each place gives is compared with what it gave before.
"""

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity

from core.models.vision import VisionModel
from core.models.vision.model import without_positions

MOST = 4  # patches to the right


@dataclass(frozen=True)
class Moved:
    """At each of `moves`, in patches, the mean cosine of what the same pieces of the photo give, over those that are
    seen each time. convolution: the patches' embeddings. attention: the features after all layers; bare: likewise
    without positions, None for a model from which they cannot be taken."""

    moves: tuple[int, ...]
    convolution: tuple[float, ...]
    attention: tuple[float, ...]
    bare: tuple[float, ...] | None


def most(model: VisionModel, side: int) -> int:
    """How far a window of `side` px moves, in patches: some are seen each time."""
    return min(MOST, side // model.patch - 1)


def moved(model: VisionModel, photo: Image.Image, side: int) -> Moved:
    """photo: its middle square is shown to the model through a window of `side` px that moves."""
    moves = tuple(range(most(model, side) + 1))
    room = max(moves) * model.patch
    short = min(photo.size)
    left, top = (photo.width - short) // 2, (photo.height - short) // 2
    whole = photo.crop((left, top, left + short, top + short)).resize(
        (side + room, side + room), Image.Resampling.BICUBIC
    )
    windows = [whole.crop((move * model.patch, 0, move * model.patch + side, side)) for move in moves]
    bare = without_positions(model)
    with torch.inference_mode():
        pixels = [model.pixels(window) for window in windows]
        convolution = [model.embed(one)[0] for one in pixels]
        attention = [_features(model, one) for one in pixels]
        without = [_features(bare, one) for one in pixels] if bare else None
    columns = side // model.patch
    return Moved(
        moves, _alike(convolution, columns), _alike(attention, columns), _alike(without, columns) if without else None
    )


def _features(model: VisionModel, pixels: Tensor) -> Tensor:
    return model.tokens(pixels)[0, len(model.prefix) :]


def _alike(found: list[Tensor], columns: int) -> tuple[float, ...]:
    """found: (patches, D) of each move, row by row."""
    grids = [one.reshape(-1, columns, one.shape[-1]).float() for one in found]  # (rows, columns, D)
    last = len(grids) - 1
    same = [grid[:, last - move : columns - move] for move, grid in enumerate(grids)]
    return tuple(float(cosine_similarity(same[0], one, dim=-1).mean()) for one in same)
