"""A mask over a photo: what is outside is darkened, the edge is drawn."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from core.attention.axes import PatchAxis

EDGE = (15, 143, 134)  # the accent of the pages
DIM = 0.28  # brightness of the background


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


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
