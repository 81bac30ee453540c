"""From the bytes that a person gives to the pixels that a model takes, keeping track of where they came from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pi_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import SidelightError
from core.models import deep

if TYPE_CHECKING:  # it brings PyTorch, and a photo is shown before that is here
    from core.attention.axes import Box

pi_heif.register_heif_opener()  # photos of phones

MAX_PIXELS = 50_000_000  # refused before decoding above this
MAX_ASPECT = 100  # longest over shortest side
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF")  # others of Pillow's start other programs
SUFFIXES = ("png", "jpg", "jpeg", "jpe", "jfif", "webp", "avif", "heic", "heif", "bmp", "tif", "tiff", "gif")
Fit = Literal["crop", "letterbox", "stretch", "native"]
PADDING = (124, 116, 104)  # the mean of ImageNet: near zero after normalisation


@dataclass(frozen=True)
class FittedImage:
    """pixels: what the model sees. grid: (rows, columns) of patches. image_box: see PatchAxis."""

    pixels: Image.Image
    grid: tuple[int, int]
    image_box: Box


def open_image(data: bytes, frame: int = 0, least: int | None = None) -> Image.Image:
    """A frame as upright RGB; transparency lies on white, deep pixels are rescaled to 8 bits (`deep.py`). least: px; a
    JPEG of which no more is wanted is decoded smaller, its sides at least that, at a fraction of the time.

    Raises SidelightError `image.empty`, `image.unreadable`, `image.truncated`, `image.too_large`, `image.too_thin`.
    """
    if not data:
        raise SidelightError("image.empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:  # Pillow's own limit, far above ours
        raise SidelightError("image.too_large", limit=MAX_PIXELS // 10**6) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, RuntimeError) as error:
        raise SidelightError("image.unreadable") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise SidelightError("image.too_large", limit=MAX_PIXELS // 10**6)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise SidelightError("image.too_thin", width=width, height=height, limit=MAX_ASPECT)
    try:
        image.seek(frame)
        if least:
            image.draft(None, (least, least))
        raw = deep.rawmode(image)
        image.load()
        if image.mode.startswith("I") or image.mode == "F":
            found = deep.eight_bit_grey(image)
        elif raw in deep.OTHER and not frame:  # the file is read anew, from its first frame
            found = deep.eight_bit_colour(data, image, FORMATS)
        else:
            found = image
        brightened = found is not image and deep.was_brightened(found)
        upright = _to_rgb(_turned(found, image))
        upright.info[deep.BRIGHTENED] = brightened
        return upright
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, MemoryError, RuntimeError) as error:
        # Pillow's decoders raise any of these on a damaged file.
        raise SidelightError("image.truncated") from error


def frames(data: bytes) -> int:
    """How many a file has that `open_image` takes; the second picture that phones put into a JPEG is none."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _turned(image: Image.Image, given: Image.Image) -> Image.Image:
    """Upright, as the file `given` says."""
    if image is not given:
        image.info["exif"] = given.getexif().tobytes()
    return ImageOps.exif_transpose(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def fit_image(image: Image.Image, fit: Fit, size: int, patch: int) -> FittedImage:
    """Bring an upright RGB image to the model's size: `size` px a side, a multiple of `patch`.

    crop: the largest centred square. letterbox: the whole image, padded to a square. stretch: all of it, squeezed.
    native: the whole image at nearly its own shape, about (size / patch)^2 patches; each side is rounded to whole
    patches, so the picture is stretched by less than half a patch a side.
    """
    width, height = image.size
    if fit == "native":
        columns, rows = _native_grid(width, height, size // patch)
    else:
        columns = rows = size // patch
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif fit == "letterbox":
        side = max(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    else:
        box = (0.0, 0.0, float(width), float(height))
    target = (columns * patch, rows * patch)
    if fit == "letterbox":
        pixels = _letterbox(image, target[0])
    else:
        pixels = image.resize(target, Image.Resampling.BICUBIC, box=box)
    return FittedImage(pixels, (rows, columns), box)


def _native_grid(width: int, height: int, side: int) -> tuple[int, int]:
    """(columns, rows) of about side^2 patches with the shape of the image; no side under 1 patch."""
    shape = (width / height) ** 0.5
    columns = min(side * side, max(1, round(side * shape)))
    return columns, min(side * side, max(1, round(side / shape)))


def _letterbox(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = Image.new("RGB", (side, side), PADDING)
    pixels.paste(image.resize(inner, Image.Resampling.BICUBIC), ((side - inner[0]) // 2, (side - inner[1]) // 2))
    return pixels
