"""What the scenes are made of that the captioner learns from, and those that validate."""

from collections.abc import Sequence

import torch

from core.finetune.classify import HELD_OUT
from core.finetune.data.bundled import every_picture
from core.finetune.pictures import Pictures
from core.scenes import Part, grounds
from core.scenes.grammar import NAMES

CLASSIFIER_SEED = 0  # with which the bundled classifier split the pictures
VALIDATION = 10**6  # where the seeds of the scenes begin that validate


def parts(pictures: Pictures) -> tuple[Part, Part]:
    """What training scenes are made of, and those that validate: pictures that the classifier did not learn from and
    that are not bundled, on other grounds."""
    order = torch.arange(len(pictures))
    numbered = Pictures(order, pictures.labels, pictures.classes, pictures.digest)
    train, held_out = numbered.split(HELD_OUT, CLASSIFIER_SEED)
    bundled = {bytes(image.numpy()) for image in every_picture().images}
    rest = [number for number in held_out.images.tolist() if bytes(pictures.images[number].numpy()) not in bundled]
    return _part(train.images.tolist(), pictures, False), _part(rest, pictures, True)


def _part(numbers: Sequence[int], pictures: Pictures, held_out: bool) -> Part:
    by_class: dict[str, list[int]] = {name: [] for name in NAMES}
    for number in numbers:
        by_class[pictures.classes[pictures.labels[number]]].append(number)
    return Part(by_class, grounds(held_out), grounds(held_out, sharp=True))
