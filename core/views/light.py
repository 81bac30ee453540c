"""A map as light on a photo: what lies below even is darkened, what lies above is lit; one scale for all methods."""

import numpy as np
from PIL import Image
from torch import Tensor

LOW, HIGH = -3, 6  # log2 of 1/8 and of 64 times even, as in linked/colour.js
SCALE = {  # of a colour bar
    "tickvals": [-3, 0, 3, 6],
    "ticktext": ["⅛×", "1×", "8×", "64×"],
    "thickness": 10,
    "outlinewidth": 0,
}
OPACITY = 0.85  # as the linked view has it at first


def times_even(weights: Tensor) -> Tensor:
    """Any map that is not negative, over its mean: 1 where all count the same. A map of zeros is even."""
    weights = weights.float().clamp_min(0)
    mean = weights.mean()
    return weights / mean if float(mean) > 0 else weights + 1


def overlay(times: np.ndarray) -> Image.Image:
    """The overlay of linked/colour.js (`overlayAt`), a pixel a patch. times: (rows, columns), 1 is even."""
    t = ((np.log2(np.maximum(times, 1e-9)) - LOW) / (HIGH - LOW)).clip(0, 1)[..., None]
    dark, lit = 0.35 + 0.6 * (1 - t * 3), np.minimum(0.75, 0.05 + (t - 1 / 3) * 1.2)
    shade = np.concatenate([np.broadcast_to([6, 8, 12], (*times.shape, 3)), 255 * OPACITY * dark], -1)
    light = np.concatenate([np.broadcast_to([255, 176, 40], (*times.shape, 3)), 255 * OPACITY * lit], -1)
    return Image.fromarray(np.where(t < 1 / 3, shade, light).round().astype(np.uint8), "RGBA")


def lit_photo(photo: Image.Image, times: Tensor, longest: int = 448) -> Image.Image:
    """The photo, as the model sees it, under the light of a map (rows, columns)."""
    shown = photo.convert("RGBA")
    scale = longest / max(shown.size)
    shown = shown.resize((max(1, round(shown.width * scale)), max(1, round(shown.height * scale))))
    light = overlay(times.cpu().numpy()).resize(shown.size, Image.Resampling.NEAREST)
    return Image.alpha_composite(shown, light).convert("RGB")
