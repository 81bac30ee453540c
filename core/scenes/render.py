"""The pixels of a scene."""

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageFilter

from core import samples
from core.finetune.pictures import Pictures
from core.models.images import open_image
from core.scenes.layout import SIDE, Ground, Layout, oval

BLUR = 12  # px, of a photo that shows nothing any more
SHARP = "sharp-"  # begins the name of a ground that is a piece of a photo as it is


def render(layout: Layout, pictures: Pictures) -> Image.Image:
    """(SIDE, SIDE), RGB. pictures: those that the things' numbers count."""
    image = ground(layout.ground)
    for thing in layout.things:
        pixels = pictures.images[thing.picture].permute(1, 2, 0).numpy()
        cut = Image.fromarray(pixels).resize((thing.side, thing.side), Image.Resampling.BICUBIC)
        image.paste(cut, (thing.left, thing.top), oval(thing.side))
    return image


def ground(asked: Ground) -> Image.Image:
    draw = np.random.default_rng(asked.seed)
    if asked.kind in PATTERNS:
        return PATTERNS[asked.kind](draw)
    name = asked.kind.removeprefix(SHARP)
    sharp = asked.kind != name
    photo = _photo(name)
    side = int(draw.integers(SIDE * 2 // 3, min(photo.size) + 1)) if sharp else min(photo.size)
    left, top = (int(draw.integers(0, length - side + 1)) for length in photo.size)
    image = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if draw.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image if sharp else image.filter(ImageFilter.GaussianBlur(BLUR))


def grounds(held_out: bool, sharp: bool = False) -> tuple[str, ...]:
    """The kinds that training sees, or those that it does not. sharp: pieces of photos as they are, on which nothing
    is laid."""
    photos = sorted(samples.by_name())
    seen = [name for name in photos if (name in HELD_OUT_PHOTOS) == held_out]
    if sharp:
        return tuple(SHARP + name for name in seen)
    return (*(name for name in PATTERNS if (name in HELD_OUT_PATTERNS) == held_out), *seen)


@cache
def _photo(name: str) -> Image.Image:
    photo = open_image(samples.by_name()[name].path.read_bytes())
    scale = max(1.0, 448 / min(photo.size))
    return photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BICUBIC)


def _two_colours(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return draw.uniform(20, 235, 3), draw.uniform(20, 235, 3)


def _mixed(draw: np.random.Generator, share: np.ndarray) -> Image.Image:
    """share (SIDE, SIDE), 0 to 1: of the second of two colours."""
    one, two = _two_colours(draw)
    return Image.fromarray((one + (two - one) * share[..., None]).clip(0, 255).astype(np.uint8))


def _along(draw: np.random.Generator) -> np.ndarray:
    """How far each pixel is in a random direction: (SIDE, SIDE), 0 to 1."""
    angle = draw.uniform(0, 2 * np.pi)
    down, across = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1) - 0.5
    found = across * np.cos(angle) + down * np.sin(angle)
    return (found - found.min()) / np.ptp(found)


def _gradient(draw: np.random.Generator) -> Image.Image:
    return _mixed(draw, _along(draw))


def _clouds(draw: np.random.Generator) -> Image.Image:
    noise = Image.fromarray(draw.uniform(0, 255, (SIDE, SIDE)).astype(np.uint8))
    soft = np.asarray(noise.filter(ImageFilter.GaussianBlur(draw.uniform(3, 20))), float)
    return _mixed(draw, (soft - soft.min()) / max(1.0, np.ptp(soft)))


def _stripes(draw: np.random.Generator) -> Image.Image:
    return _mixed(draw, 0.5 + 0.5 * np.sin(2 * np.pi * draw.uniform(3, 14) * _along(draw)))


def _grain(draw: np.random.Generator) -> Image.Image:
    share = 0.5 * _along(draw) + 0.5 * draw.uniform(0, 1, (SIDE, SIDE))
    return _mixed(draw, share)


def _checks(draw: np.random.Generator) -> Image.Image:
    side = int(draw.integers(10, 40))
    down, across = np.mgrid[0:SIDE, 0:SIDE] // side
    return _mixed(draw, (down + across) % 2 * 0.6 + 0.2)


def _rings(draw: np.random.Generator) -> Image.Image:
    down, across = np.mgrid[0:SIDE, 0:SIDE]
    middle = draw.uniform(0, SIDE, 2)
    far = np.hypot(down - middle[0], across - middle[1])
    return _mixed(draw, 0.5 + 0.5 * np.sin(far / draw.uniform(4, 14)))


PATTERNS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "gradient": _gradient,
    "clouds": _clouds,
    "stripes": _stripes,
    "grain": _grain,
    "checks": _checks,
    "rings": _rings,
}
HELD_OUT_PATTERNS = ("checks", "rings")
HELD_OUT_PHOTOS = ("cat", "photographer", "rocket")


def every_ground() -> tuple[str, ...]:
    """All kinds on which things can be laid."""
    return (*grounds(True), *grounds(False))
