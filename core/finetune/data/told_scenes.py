"""A bundled set of pictures with captions: scenes of the bundled pictures, told in a way that the bundled captioner was
not taught: what is there, from left to right, and nothing else.

The captioner's own telling names things in any order and says how they lie; both are sentences of one grammar, so what
a model writes of these scenes can be understood (`grammar.meaning`)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from core.errors import SidelightError
from core.finetune.captioned import Captioned
from core.finetune.data.bundled import every_picture
from core.finetune.data.caption_data import CaptionData
from core.finetune.data.enough import few_captions
from core.finetune.data.report import Report
from core.scenes import LANGUAGES, Language, Layout, Part, caption, draw_layout, grounds, render
from core.scenes.grammar import Listing

LEAST, MOST, HELD_OUT = 20, 200, 60  # scenes: to train on at least, at most; to validate
TRAINING = 100  # bundled pictures of a class that training scenes are made of; the others validate
APART = 24  # px between the middles of two things, across: nobody would argue which is further left
SEEDS = 10**6  # so far apart are the scenes of two seeds
COUNTS = (2, 3)  # things on a scene


def bundled_scenes(language: Language, count: int, seed: int = 0) -> CaptionData:
    """`count` scenes to train on, and the same 60 others, of other pictures and on other grounds, to validate whatever
    `count` is. Raises SidelightError `data.language`, `data.scenes_limit`."""
    if language not in LANGUAGES:
        raise SidelightError("data.language", language=language, known=", ".join(LANGUAGES))
    if not LEAST <= count <= MOST:
        raise SidelightError("data.scenes_limit", count=count, least=LEAST, limit=MOST)
    parts = [slice(TRAINING), slice(TRAINING, None)]
    numbers = every_picture().by_class()
    train, held_out = (
        _captioned(
            _layouts(Part({name: found[part] for name, found in numbers.items()}, grounds(new)), first, wanted),
            language,
        )
        for part, new, first, wanted in (
            (parts[0], False, 2 * seed * SEEDS, count),
            (parts[1], True, (2 * seed + 1) * SEEDS, HELD_OUT),
        )
    )
    return CaptionData.of(train, held_out, language, Report({}, warnings=few_captions(count, HELD_OUT)))


def from_left(layout: Layout, language: Language) -> str:
    """What is there, from left to right; things of one class together, where the first of them is."""
    names = [thing.name for thing in _across(layout)]
    return caption((Listing(tuple(sorted(names, key=names.index))),), language)


def _across(layout: Layout) -> list:
    return sorted(layout.things, key=lambda thing: thing.centre[0])


def _layouts(part: Part, first: int, wanted: int) -> list[Layout]:
    """Scenes whose order from left to right is clear."""
    found: list[Layout] = []
    for number in range(first, first + SEEDS):
        layout = draw_layout(part, number, COUNTS[number % len(COUNTS)], held_out=None)
        if all(two.centre[0] - one.centre[0] >= APART for one, two in pairwise(_across(layout))):
            found.append(layout)
        if len(found) == wanted:
            break
    return found


def _captioned(layouts: Sequence[Layout], language: Language) -> Captioned:
    pixels = np.stack([np.asarray(render(layout, every_picture())) for layout in layouts])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    return Captioned(images, tuple((from_left(layout, language),) for layout in layouts))
