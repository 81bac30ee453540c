"""A map as light on a photo: night below an even share, full colour from 8 times, a glow above; one scale for all
methods, as in the linked view (linked/light.js)."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor
from torch import Tensor

LOW, HIGH = -3, 6  # log2 of 1/8 and of 64 times even, as in linked/colour.js
TICKS = ["⅛×", "1×", "8×", "64×"]
SCALE = {  # of a colour bar
    "tickvals": [-3, 0, 3, 6],
    "ticktext": TICKS,
    "thickness": 10,
    "outlinewidth": 0,
}
RAMP: tuple[tuple[float, tuple[int, int, int]], ...] = (  # "light" of linked/colour.js: place from 0 to 1, colour
    (0, (8, 10, 14)),
    (1 / 3, (62, 64, 72)),
    (2 / 3, (255, 180, 61)),
    (1, (255, 240, 210)),
)
COLOURS = [[place, f"rgb{colour}"] for place, colour in RAMP]  # as plotly takes it
FULL = 2 / 3  # of the way from 1/8 to 64 lies 8: here a patch has all its colour
NIGHT, GLOW = (8, 9, 14), (255, 199, 106)
DARKEST, STRONGEST = 0.86, 0.35  # opacity of night, and of the glow at 64 times


def times_even(weights: Tensor) -> Tensor:
    """Any map that is not negative, over its mean: 1 where all count the same. A map of zeros is even."""
    weights = weights.float().clamp_min(0)
    mean = weights.mean()
    return weights / mean if float(mean) > 0 else weights + 1


def by_share(shares: Tensor) -> Tensor:
    """Shares from 0, night, to 1, full daylight, as `lit_photo` takes them."""
    return 8 ** (2 * shares.float() - 1)


def tinted_photo(photo: Image.Image, hues: Sequence[Sequence[str]], shares: Tensor, longest: int = 448) -> Image.Image:
    """The photo in grey under a colour a patch, the fuller the larger its share. hues: "#rrggbb" or "rgb(r, g, b)" in
    rows and columns."""
    scale = longest / max(photo.size)
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    grey = photo.convert("L").convert("RGBA").resize(size)
    colours = np.array([[ImageColor.getrgb(hue.replace(" ", ""))[:3] for hue in row] for row in hues], float)
    alpha = 210 * shares.cpu().numpy()[..., None]
    tint = Image.fromarray(np.concatenate([colours, alpha], -1).round().astype(np.uint8), "RGBA")
    return Image.alpha_composite(grey, tint.resize(size, Image.Resampling.NEAREST)).convert("RGB")


def overlay(times: np.ndarray) -> Image.Image:
    """Night over what has less than 8 times an even share, a glow over what has more; a pixel a patch, RGBA.

    times: (rows, columns), 1 is even.
    """
    t = ((np.log2(np.maximum(times, 1e-9)) - LOW) / (HIGH - LOW)).clip(0, 1)[..., None]
    day = (t / FULL).clip(0, 1)
    dark = DARKEST * (1 - day * day * (3 - 2 * day))  # the same curve as `daylight`
    warm = STRONGEST * ((t - FULL) / (1 - FULL)).clip(0, 1)
    night, glow = (np.broadcast_to(np.array(colour, float), (*times.shape, 3)) for colour in (NIGHT, GLOW))
    shade, light = np.concatenate([night, 255 * dark], -1), np.concatenate([glow, 255 * warm], -1)
    return Image.fromarray(np.where(t < FULL, shade, light).round().astype(np.uint8), "RGBA")


def lit_photo(photo: Image.Image, times: Tensor, longest: int = 448) -> Image.Image:
    """The photo, as the model sees it, under the light of a map (rows, columns)."""
    shown = photo.convert("RGBA")
    scale = longest / max(shown.size)
    shown = shown.resize((max(1, round(shown.width * scale)), max(1, round(shown.height * scale))))
    light = overlay(times.cpu().numpy()).resize(shown.size, Image.Resampling.BICUBIC)
    return Image.alpha_composite(shown, light).convert("RGB")
