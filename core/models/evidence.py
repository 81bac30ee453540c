"""Whether a classifier finds evidence for any of its classes in a picture, or only must name one of them.

The evidence is the logarithm of the sum of the exponentiated logits: Liu et al. 2020 ("Energy-based Out-of-distribution
Detection", equation 4) with T = 1 and without its minus. A share of the probability cannot tell: it sums to 1 whatever
is in the picture. How much is usual is measured on pictures of the classes that the model did not learn from; a model
without such a measure says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from core.models.images import fit_image

if TYPE_CHECKING:
    from core.models.vision import VisionModel

KEPT = 0.95  # share of pictures of the classes that are said to have evidence
FEWEST = 100  # held-out pictures: of fewer, the 5% that stay below are no measure


@dataclass(frozen=True)
class Enough:
    """least: evidence below it is thin. side: px of the pictures that it was measured on; kept: their share above."""

    least: float
    side: int
    kept: float


def evidence(logits: Tensor) -> Tensor:
    """Raw logits (..., classes) -> (...), in nats."""
    return logits.float().logsumexp(-1)


def measured(logits: Tensor, side: int) -> Enough | None:
    """From the logits (N, classes) of held-out pictures at `side` px; None where they are too few, or not finite."""
    found = evidence(logits)
    if len(found) < FEWEST or not bool(found.isfinite().all()):
        return None
    least = float(found.double().quantile(1 - KEPT))
    return Enough(least, side, float((found >= least).double().mean()))


def is_thin(model: VisionModel, seen: Image.Image) -> bool:
    """Whether what the model was shown gives it less evidence than is usual; False where nothing was measured. It is
    looked at once more at the size of the measure, because evidence depends on the size."""
    if model.enough is None:
        return False
    with torch.inference_mode():
        logits = model.forward(model.pixels(fit_image(seen, "crop", model.enough.side, model.patch).pixels))
    return float(evidence(logits)[0]) < model.enough.least


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927), which stays within 0 and 1 where there are few."""
    share, spread = hits / count, z * z / count
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)
