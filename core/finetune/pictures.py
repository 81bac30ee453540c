"""Labelled pictures: read from an archive or a folder of class folders, split, and varied as photos would show them."""

import hashlib
import io
import math
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Pictures:
    """images: (N, 3, S, S) uint8. labels: (N,). classes: their names. digest: SHA-256 over files and names."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, chosen: Tensor) -> "Pictures":
        return Pictures(self.images[chosen], self.labels[chosen], self.classes, self.digest)

    def joined(self, other: "Pictures") -> "Pictures":
        images, labels = torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels])
        return Pictures(images, labels, self.classes, "")

    def by_class(self) -> dict[str, list[int]]:
        """The numbers of each class's pictures."""
        return {name: (self.labels == at).nonzero()[:, 0].tolist() for at, name in enumerate(self.classes)}

    def split(self, held_out: int, seed: int) -> tuple["Pictures", "Pictures"]:
        """(training part, held-out part); each class gives its share of the `held_out` pictures."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        by_class = [order[self.labels[order] == label] for label in range(len(self.classes))]
        each = held_out // len(self.classes)
        return self.part(torch.cat([o[each:] for o in by_class])), self.part(torch.cat([o[:each] for o in by_class]))


def as_image(pixels: Tensor) -> Image.Image:
    """pixels: (3, height, width) uint8."""
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def read_pictures(path: Path, side: int = 32) -> Pictures:
    """Every picture of a folder or a .tar.gz whose parent folder is its class, as `side` x `side` pixels."""
    found, digest = [], hashlib.sha256()
    for name, data in sorted(_files(path)):
        digest.update(name.encode() + data)
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        found.append((PurePosixPath(name).parent.name, np.asarray(image)))
    classes = tuple(sorted({label for label, _ in found}))
    images = torch.from_numpy(np.stack([image for _, image in found])).permute(0, 3, 1, 2).contiguous()
    labels = torch.tensor([classes.index(label) for label, _ in found])
    return Pictures(images, labels, classes, digest.hexdigest())


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in path.rglob("*"):
            if file.suffix.lower() in SUFFIXES:
                yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                content = archive.extractfile(member)
                assert content is not None, "a file has content"
                yield member.name, content.read()


def enlarge(images: Tensor, side: int) -> Tensor:
    """uint8 pictures as the model takes them before normalising: (B, 3, side, side) in 0..1, bicubic."""
    return functional.interpolate(images.float() / 255, (side, side), mode="bicubic", antialias=True).clamp(0, 1)


def vary(images: Tensor, side: int, strength: float = 1.0) -> Tensor:
    """The same, each picture seen anew: nearer or farther (its surroundings mirrored), shifted, turned a little,
    flipped, in other light; a few without colour. A thumbnail fills its frame, a photo does not: hence many scales.
    strength: 0 flips only; few steps on few pictures learn more from little variation."""
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high)

    scale = torch.exp(strength * uniform(math.log(0.55), math.log(1.7)))
    angle = strength * uniform(-0.25, 0.25)
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    room = (1 - scale).abs() + 0.1 * strength
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [cos * flip, -sin, uniform(-1, 1) * room, sin * flip, cos, uniform(-1, 1) * room]
    grid = functional.affine_grid(torch.stack(rows, 1).view(count, 2, 3), [count, 3, side, side], align_corners=False)
    seen = functional.grid_sample(images.float() / 255, grid, "bicubic", "reflection", align_corners=False).clamp(0, 1)
    return in_other_light(seen, strength)


def in_other_light(seen: Tensor, strength: float = 1.0) -> Tensor:
    """Pictures (N, 3, S, S) in 0..1, brighter or darker, with more or less contrast, a few without colour: where things
    are stays."""
    count = len(seen)
    light, contrast = (1 + strength * torch.empty(count).uniform_(-0.3, 0.3)[:, None, None, None] for _ in range(2))
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - mean) * contrast + mean) * light
    grey = (torch.rand(count) < 0.05 * strength)[:, None, None, None]
    return torch.where(grey, seen.mean(1, keepdim=True).expand_as(seen), seen).clamp(0, 1)
