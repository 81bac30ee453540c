"""Scenes in which the place of each object is known: cut-outs of bundled pictures on blurred bundled photos."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from core import samples
from core.finetune.data import bundled_classes, bundled_pictures
from core.models.images import open_image

SIDE, OBJECT, BLUR = 224, 98, 12  # px: the scene, an object in it, the standard deviation of the ground's blur


@dataclass(frozen=True)
class Scene:
    """masks: where each object is, (SIDE, SIDE) bool, by the name of its class."""

    image: Image.Image
    masks: dict[str, Tensor]


def scenes(count: int, objects: int, seed: int = 0) -> Iterator[Scene]:
    """`objects` (1 or 2) oval cut-outs, 98 px across, of held-out pictures of different classes, somewhere on a sample
    photo that is too blurred to show an object of its own. Two objects stand in two halves of the scene."""
    draw = random.Random(seed)
    grounds = [_ground(photo.path.read_bytes()) for photo in samples.photos()]
    held_out = bundled_pictures(bundled_classes(), each=2).held_out
    for _ in range(count):
        image, masks = draw.choice(grounds).copy(), {}
        upright, halves = draw.random() < 0.5, [0, 1]
        draw.shuffle(halves)
        for half, name in zip(halves, draw.sample(held_out.classes, objects), strict=False):
            numbers = (held_out.labels == held_out.classes.index(name)).nonzero()[:, 0].tolist()
            pixels = held_out.images[draw.choice(numbers)].permute(1, 2, 0).numpy()
            cut = Image.fromarray(pixels).resize((OBJECT, OBJECT), Image.Resampling.BICUBIC)
            free = draw.randint(0, SIDE - OBJECT)
            along = draw.randint(0, SIDE - OBJECT)
            if objects == 2:
                along = half * SIDE // 2 + draw.randint(0, SIDE // 2 - OBJECT)
            left, top = (free, along) if upright else (along, free)
            mask = Image.new("L", (SIDE, SIDE))
            ImageDraw.Draw(mask).ellipse((left, top, left + OBJECT - 1, top + OBJECT - 1), fill=255)
            image.paste(cut, (left, top), mask.crop((left, top, left + OBJECT, top + OBJECT)))
            masks[name] = torch.frombuffer(bytearray(mask.tobytes()), dtype=torch.uint8).reshape(SIDE, SIDE) > 0
        yield Scene(image, masks)


def _ground(data: bytes) -> Image.Image:
    photo = open_image(data)
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return square.filter(ImageFilter.GaussianBlur(BLUR))
