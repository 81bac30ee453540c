"""Scenes at random, each the same for its seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from core.scenes.grammar import NAMES
from core.scenes.layout import SIDE, Ground, Layout, Thing, is_clear_place, is_clear_relation

# Never together in a training scene: each class is in one pair.
HELD_OUT_PAIRS = frozenset(
    frozenset(pair)
    for pair in (("airplane", "dog"), ("automobile", "frog"), ("bird", "ship"), ("cat", "truck"), ("deer", "horse"))
)
SMALL_SIDES, LARGE_SIDES = (56, 70), (98, 112)  # px, both ends included
OVERLAP = 0.2  # of the smaller box, at most
COUNTS = (0.06, 0.24, 0.42, 0.28)  # how often a scene has none, one, two, three things


@dataclass(frozen=True)
class Part:
    """What scenes are made of. pictures: the numbers of those of each class. grounds: kinds of `render.grounds`; sharp:
    those of two in three scenes without a thing."""

    pictures: Mapping[str, Sequence[int]]
    grounds: Sequence[str]
    sharp: Sequence[str] = ()


def is_held_out(names: Sequence[str]) -> bool:
    """Whether two of the classes are a pair that no training scene has."""
    return any(frozenset(pair) in HELD_OUT_PAIRS for pair in combinations(names, 2))


def draw_layout(part: Part, seed: int, count: int | None = None, held_out: bool | None = False) -> Layout:
    """count: of things, drawn where it is None. held_out: whether its classes have a pair of HELD_OUT_PAIRS; None where
    that does not matter. Nobody would argue about where its things lie to each other."""
    draw = random.Random(seed)
    if count is None:
        count = draw.choices(range(len(COUNTS)), COUNTS)[0]
    names = _names(draw, count)
    while held_out is not None and is_held_out(names) != held_out:
        names = _names(draw, count)
    things = None
    while things is None:
        things = _laid(draw, names, part)
    kinds = part.sharp if not things and part.sharp and draw.random() < 2 / 3 else part.grounds
    return Layout(things, Ground(draw.choice(kinds), draw.randrange(10**6)))


def _names(draw: random.Random, count: int) -> list[str]:
    """Different classes mostly; of two or three things sometimes two, rarely all of one class."""
    kinds = min(count, draw.choices((1, 2, 3), (0.15, 0.3, 0.55) if count == 3 else (0.15, 0.85, 0))[0])
    names = draw.sample(NAMES, kinds)
    while len(names) < count:
        names.append(names[0])
    draw.shuffle(names)
    return names


def _laid(draw: random.Random, names: Sequence[str], part: Part, tries: int = 60) -> tuple[Thing, ...] | None:
    sides = [draw.randint(*draw.choice((SMALL_SIDES, LARGE_SIDES))) for _ in names]
    pictures = [draw.choice(part.pictures[name]) for name in names]
    for _ in range(tries):
        things = tuple(
            Thing(name, picture, draw.randint(0, SIDE - side), draw.randint(0, SIDE - side), side)
            for name, picture, side in zip(names, pictures, sides, strict=True)
        )
        pairs = list(combinations(things, 2))
        needs_place = [thing for thing in things if len(things) == 1 or names.count(thing.name) < len(names) == 3]
        if all(map(is_clear_place, needs_place)) and all(is_clear_relation(*p) and _apart(*p) for p in pairs):
            return things
    return None


def _apart(one: Thing, two: Thing) -> bool:
    across = min(one.box[2], two.box[2]) - max(one.left, two.left)
    down = min(one.box[3], two.box[3]) - max(one.top, two.top)
    return across <= 0 or down <= 0 or across * down <= OVERLAP * min(one.side, two.side) ** 2
