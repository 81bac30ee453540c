"""A mask over a photo, whose outside is darkened and whose edge is drawn; or a colour for each class."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from core.attention.axes import PatchAxis

EDGE = (15, 143, 134)  # the accent of the pages
DIM = 0.28  # brightness of the background
# Okabe and Ito 2008: told apart with every kind of colour vision.
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))


def mask_image(mask: Tensor, axis: PatchAxis) -> Image.Image:
    """The mask (rows, columns) at the size of the photo, white inside. What the model did not see is outside."""
    left, top, right, bottom = (round(edge) for edge in axis.image_box)
    small = Image.fromarray(mask.cpu().numpy().astype(np.uint8) * 255)
    whole = Image.new("L", axis.image_size)
    whole.paste(small.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.NEAREST), (left, top))
    return whole


def masked_photo(photo: Image.Image, mask: Tensor, axis: PatchAxis, longest: int = 900) -> Image.Image:
    whole = mask_image(mask, axis)
    photo = photo.copy()
    photo.thumbnail((longest, longest))
    whole = whole.resize(photo.size, Image.Resampling.NEAREST)
    dark = photo.point(lambda value: value * DIM)
    shown = Image.composite(photo, dark, whole)
    ring = ImageChops.subtract(whole.filter(ImageFilter.MaxFilter(5)), whole)
    shown.paste(EDGE, mask=ring)
    return shown


def coloured_photo(photo: Image.Image, classes: Tensor, shown: Sequence[int], longest: int = 900) -> Image.Image:
    """The photo in grey under the colours of the classes that are shown, in the order of COLOURS. classes: (H, W)."""
    photo = photo.copy()
    photo.thumbnail((longest, longest))
    grey = photo.convert("L").convert("RGB")
    paint, over = grey.copy(), Image.new("L", grey.size)
    for colour, index in zip(COLOURS, shown, strict=False):
        mask = Image.fromarray((classes == index).cpu().numpy().astype(np.uint8) * 140)
        mask = mask.resize(grey.size, Image.Resampling.NEAREST)
        paint.paste(colour, mask=mask.point(lambda value: 255 * (value > 0)))
        over = ImageChops.lighter(over, mask)
    return Image.composite(paint, grey, over)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
