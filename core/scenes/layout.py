"""Where things lie in a scene, and what is true of them."""

import random
from dataclasses import dataclass
from functools import cache

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from core.scenes.grammar import Direction, Fact, Listing, Nothing, Placed, Related, Single, Size

SIDE = 224  # px of a scene
LARGE = 84  # px, a thing of this side or more is large
THIRDS = (0.4, 0.6)  # of the side: where the middle of the picture begins and ends
EQUAL = 1.25  # two sides of which one is at most so many times the other are equally large
CLEAR = 1.3  # how many times farther apart in one direction than in the other
APART, MARGIN = 40, 0.03  # px between two centres; share of the side between a centre and the border of a third


@dataclass(frozen=True)
class Thing:
    """A cut-out on the scene. picture: its number among the pictures that it is cut from. left, top, side: px."""

    name: str
    picture: int
    left: int
    top: int
    side: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom"""
        return self.left, self.top, self.left + self.side, self.top + self.side

    @property
    def centre(self) -> tuple[float, float]:
        """From the left and from the top, px."""
        return self.left + self.side / 2, self.top + self.side / 2


@dataclass(frozen=True)
class Ground:
    """What the things lie on. kind: a name of `render.grounds`. seed: which one of that kind."""

    kind: str
    seed: int


@dataclass(frozen=True)
class Layout:
    """What is later in `things` lies over what is earlier."""

    things: tuple[Thing, ...]
    ground: Ground


@cache
def oval(side: int) -> Image.Image:
    """How much of each pixel of a cut-out is seen: mode L, smooth at its edge."""
    fine = Image.new("L", (4 * side, 4 * side))
    ImageDraw.Draw(fine).ellipse((0, 0, 4 * side - 1, 4 * side - 1), fill=255)
    return fine.resize((side, side), Image.Resampling.BOX)


def seen(layout: Layout, number: int) -> Tensor:
    """Where a thing is seen, what lies over it taken away: (SIDE, SIDE) bool."""
    found = Image.new("L", (SIDE, SIDE))
    for at, thing in enumerate(layout.things[number:]):
        mask = oval(thing.side)
        found.paste(255 if at == 0 else 0, thing.box, mask)
    return torch.frombuffer(bytearray(found.tobytes()), dtype=torch.uint8).reshape(SIDE, SIDE) > 127


def place_of(thing: Thing) -> tuple[int, int]:
    """Row and column of the third of the picture where its centre is."""
    across, down = (sum(c / SIDE >= border for border in THIRDS) for c in thing.centre)
    return down, across


def relation(one: Thing, two: Thing) -> tuple[Direction, Size]:
    """How `one` stands to `two`, in the direction in which they are farther apart."""
    (x1, y1), (x2, y2) = one.centre, two.centre
    across: Direction = "left" if x1 < x2 else "right"
    down: Direction = "above" if y1 < y2 else "below"
    size: Size = "larger" if one.side > EQUAL * two.side else "smaller" if two.side > EQUAL * one.side else "equal"
    return across if abs(x1 - x2) >= abs(y1 - y2) else down, size


def is_clear_place(thing: Thing) -> bool:
    """Whether nobody would argue about `place_of`."""
    return all(abs(c / SIDE - border) >= MARGIN for c in thing.centre for border in THIRDS)


def is_clear_relation(one: Thing, two: Thing) -> bool:
    """Whether nobody would argue about the direction of `relation`."""
    (x1, y1), (x2, y2) = one.centre, two.centre
    near, far = sorted((abs(x1 - x2), abs(y1 - y2)))
    return far >= APART and far >= CLEAR * near


def facts(layout: Layout, draw: random.Random | None = None) -> tuple[Fact, ...]:
    """What a caption says of a scene. The order in which things are named is drawn; without `draw` it is their own.

    Of two things how they stand to each other, of three each to the next; of two of a class and a third where that is.
    """
    things = list(layout.things)
    if draw:
        draw.shuffle(things)
    names = [thing.name for thing in things]
    things.sort(key=lambda thing: names.index(thing.name))  # those of one class beside each other
    ordered = tuple(thing.name for thing in things)
    if not things:
        return (Nothing(),)
    if len(things) == 1:
        return (Single(ordered[0], things[0].side >= LARGE, place_of(things[0])),)
    if len(things) == 3 and len(set(ordered)) == 1:
        return (Listing(ordered),)
    if len(things) == 3 and len(set(ordered)) == 2:
        lone = next(thing for thing in things if ordered.count(thing.name) == 1)
        return Listing(ordered), Placed(lone.name, place_of(lone))
    pairs = zip(things, things[1:], strict=False)
    return Listing(ordered), *(Related(one.name, two.name, *relation(one, two)) for one, two in pairs)
