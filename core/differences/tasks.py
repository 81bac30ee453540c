"""Tasks beside classification and translation: which patch of one picture is which patch of another, by the features
alone; what a classifier's head reads; and what a model is asked to sum up."""

from dataclasses import dataclass

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from core.models.translation import Translator
from core.models.vision import VisionModel, VisionResult


def similarities(first: Tensor, second: Tensor) -> Tensor:
    """Cosine similarity of every patch of one picture with every patch of another: (r c, r2 c2).

    first, second: features (rows, columns, D). Amir et al. 2021, Deep ViT Features as Dense Visual Descriptors.
    """
    return F.normalize(first.flatten(0, 1).float(), dim=-1) @ F.normalize(second.flatten(0, 1).float(), dim=-1).T


def most_telling(found: Tensor) -> int:
    """The patch that stands out most: whose best match is the most above its mean similarity. found: `similarities`."""
    return int((found.max(1).values - found.mean(1)).argmax())


def mirrored(image: Image.Image) -> Image.Image:
    return ImageOps.mirror(image)


def mirror_score(found: Tensor, grid: tuple[int, int]) -> float:
    """Share of the patches whose best match in the mirrored picture lies at most one patch from where mirroring puts
    it. found: `similarities` (N, N) of a picture and its mirror image."""
    rows, columns = grid
    best = found.argmax(1)
    own = torch.arange(rows * columns, device=found.device)
    across = (best % columns - (columns - 1 - own % columns)).abs()
    down = (best // columns - own // columns).abs()
    return float(((across <= 1) & (down <= 1)).float().mean())


def mirror_chance(grid: tuple[int, int]) -> float:
    """What `mirror_score` would be if every best match were drawn at random."""
    rows, columns = grid
    reach = torch.tensor([min(r + 1, rows - 1) - max(r - 1, 0) + 1 for r in range(rows)]).float().mean()
    wide = torch.tensor([min(c + 1, columns - 1) - max(c - 1, 0) + 1 for c in range(columns)]).float().mean()
    return float(reach * wide / (rows * columns))


@dataclass(frozen=True)
class HeadReads:
    """Of `positions` output vectors a classifier's head reads `read`. With all others set to zero, no probability
    changes by more than `deviation`."""

    read: int
    positions: int
    deviation: float


def head_reads(model: VisionModel, result: VisionResult) -> HeadReads:
    """Of a model with classes, on its own run."""
    with torch.inference_mode():
        tokens = model.tokens(model.pixels(result.fitted.pixels))  # (1, N, D)
        read = model.reads(tokens.shape[1]).to(tokens) > 0  # (N,)
        whole, alone = (model.chances(model.logits(one)) for one in (tokens, tokens * read[:, None]))
    return HeadReads(int(read.sum()), len(read), float((whole - alone).abs().max()))


def summary_prompt(model: Translator, text: str) -> str:
    """What a sequence-to-sequence model is given to sum up a text: T5 was taught its tasks by a first word."""
    return f"summarize: {text}" if "t5" in model.module.config.model_type else text
