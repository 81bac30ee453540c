"""Pictures of more than 8 bits a channel, brought to 8 so that something is seen.

Pillow keeps the upper byte of 16-bit colour, which is nearly black for a camera of 12 bits; here the lower byte is read
too, by unpacking the file once more in the other byte order.
"""

import io
from typing import Any

import numpy as np
from PIL import Image

BRIGHTENED = "sidelight.brightened"  # in Image.info: whether values were stretched beyond the range that they came in
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners have
OUTLIERS = 0.1  # % of the pixels at each end that may be left out of the range
CRUSHED = 0.5  # share of the plain range; where all but the outliers lie within less, they are left out
OTHER = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B",
}
WHITE_IS_ZERO, PHOTOMETRIC = 0, 262  # TIFF's value and tag
FULL = 65_535


def was_brightened(image: Image.Image) -> bool:
    """Whether `open_image` had to stretch its values to show something."""
    return image.info.get(BRIGHTENED) is True


def rawmode(image: Image.Image) -> str:
    """How its pixels lie in the file, for an image that is not loaded yet; "" where its plugin does not say."""
    tiles = getattr(image, "tile", [])
    args = tiles[0].args if tiles else ""
    found = args[0] if isinstance(args, tuple) and args else args
    return found if isinstance(found, str) else ""


def eight_bit_colour(data: bytes, image: Image.Image, formats: tuple[str, ...]) -> Image.Image:
    """image: loaded from `data`, the upper byte of each value, its `rawmode` one of OTHER. Scaled by the depth that
    nearly all values need: RGB or RGBA, as `image` is."""
    lower: Any = Image.open(io.BytesIO(data), formats=formats)
    lower.tile = [_swapped(tile) for tile in lower.tile]
    lower.load()
    values = np.asarray(image, np.uint16) * 256 + np.asarray(lower, np.uint16)  # (height, width, channels)
    colours = values[..., :3]
    used = int(np.percentile(colours, 100 - OUTLIERS))
    top = next(2**bits - 1 for bits in DEPTHS if used < 2**bits)
    scaled = (np.minimum(colours, top) * (255 / top) + 0.5).astype(np.uint8)
    alpha = [np.asarray(image)[..., 3:]] if image.mode == "RGBA" else []
    found = Image.fromarray(np.concatenate([scaled, *alpha], axis=-1))
    found.info = {**image.info, BRIGHTENED: used > 0 and top < FULL}
    return found


def _swapped(tile: Any) -> Any:
    """The same piece of the file, its pixels read in the other byte order."""
    args = tile.args
    if isinstance(args, tuple):
        return tile._replace(args=(OTHER[args[0]], *args[1:]))
    return tile._replace(args=OTHER[str(args)])


def eight_bit_grey(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey: the range of the values, black to white; without the outliers where they would
    leave the rest in less than half of it."""
    values = np.asarray(image, dtype=np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = -values
    low, high = values.min(), values.max()
    inner_low, inner_high = np.percentile(values, (OUTLIERS, 100 - OUTLIERS))
    crushed = 0 < inner_high - inner_low < CRUSHED * (high - low)
    if crushed:
        low, high = inner_low, inner_high
    scaled = (np.clip(values, low, high) - low) / max(high - low, 1e-12) * 255
    found = Image.fromarray(scaled.astype(np.uint8))
    dark = image.mode.startswith("I;16") and high - low < CRUSHED * FULL
    found.info[BRIGHTENED] = bool(low < high and (crushed or dark))
    return found
