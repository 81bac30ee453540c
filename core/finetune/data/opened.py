"""A person's files as pictures, whatever stands beside them: each is read once, cut to a square and compared."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import SidelightError
from core.finetune.data import layouts
from core.finetune.data.archives import File, shown
from core.finetune.data.formats import SIZE
from core.models.deep import was_brightened
from core.models.images import fit_image, open_image

SIDE = 224  # px that are kept of a picture; fewer if all are smaller
BEGINNING = 1 << 16  # bytes of each end of a file of settings that are looked at
PIXELS = 4_000_000_000  # decoded in all, so that small files of huge pictures do not keep the machine busy for an hour


@dataclass(frozen=True)
class Found:
    """A picture as it was read. pixels: (s, s, 3) uint8, s at most SIDE."""

    path: layouts.Path
    pixels: np.ndarray

    @property
    def name(self) -> str:
        return shown("/".join(self.path))


@dataclass(frozen=True)
class Read:
    """brightened: whose values were stretched. failed: path -> why it is no picture. texts: what may say something of
    the pictures."""

    found: list[Found]
    brightened: set[layouts.Path]
    failed: dict[layouts.Path, SidelightError]
    texts: dict[layouts.Path, bytes]


def read(files: Iterable[File], texts: tuple[str, ...], whole: tuple[str, ...]) -> Read:
    """Every file once: a picture, or why it is none. texts: how the names end of what may say something of the
    pictures; whole: of which it is read to its end."""
    every, decoded = Read([], set(), {}, {}), 0
    for parts, content in files:
        path = tuple(normalize("NFC", part) for part in parts)
        try:
            if isinstance(content, SidelightError):
                raise content
            image = _opened(content)
        except SidelightError as error:
            every.failed[path] = error
            if isinstance(content, bytes) and path[-1].lower().endswith(texts):
                is_whole = path[-1].lower().endswith(whole)
                every.texts[path] = content[: SIZE + 1] if is_whole else content[:BEGINNING] + content[-BEGINNING:]
            continue
        decoded += image.width * image.height
        if decoded > PIXELS:
            raise SidelightError("data.too_many_pixels", limit=PIXELS // 10**6)
        every.found.append(Found(path, _square(image)))
        if was_brightened(image):
            every.brightened.add(path)
    every.found.sort(key=lambda item: item.name)
    return every


def _opened(content: bytes) -> Image.Image:
    try:
        return open_image(content, least=2 * SIDE)
    except RuntimeError as error:  # Pillow's decoders of AVIF and DDS, on damaged files
        raise SidelightError("image.truncated") from error


def _square(image: Image.Image) -> np.ndarray:
    """The largest centred square, made smaller but never larger: (s, s, 3)."""
    return np.asarray(fit_image(image, "crop", min(SIDE, *image.size), 1).pixels)


def same(found: Iterable[Found]) -> list[list[Found]]:
    """All at one size, those that are the same picture together."""
    every = list(found)
    side = max((len(item.pixels) for item in every), default=0)
    groups: dict[bytes, list[Found]] = {}
    for item in every:
        pixels = item.pixels
        if len(pixels) < side:
            pixels = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
        groups.setdefault(hashlib.sha256(pixels.tobytes()).digest(), []).append(replace(item, pixels=pixels))
    return list(groups.values())


def stacked(items: Sequence[Found]) -> Tensor:
    """(N, 3, s, s) uint8."""
    return torch.from_numpy(np.stack([item.pixels for item in items])).permute(0, 3, 1, 2).contiguous()
