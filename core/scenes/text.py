"""A scene as a short text, for a link: "coffee.12~dog.1003.20.40.98~ship.77.120.90.70", the ground with its seed, then
each thing with its picture's number, left, top and side."""

import re

from core.scenes.draw import LARGE_SIDES, SMALL_SIDES
from core.scenes.grammar import NAMES
from core.scenes.layout import SIDE, Ground, Layout, Thing
from core.scenes.render import every_ground

MOST = 3  # things
LEAST_SIDE, MOST_SIDE = SMALL_SIDES[0], LARGE_SIDES[1]


def text_of(layout: Layout) -> str:
    things = (f"{one.name}.{one.picture}.{one.left}.{one.top}.{one.side}" for one in layout.things)
    return "~".join((f"{layout.ground.kind}.{layout.ground.seed}", *things))


def read(text: str, pictures: int) -> Layout | None:
    """None where it is no scene: anything may stand in a link. pictures: how many there are."""
    first, *rest = text.split("~")
    kind, _, seed = first.rpartition(".")
    things = [_thing(one, pictures) for one in rest]
    if kind not in every_ground() or not re.fullmatch(r"\d{1,6}", seed, re.ASCII) or None in things:
        return None
    return Layout(tuple(one for one in things if one), Ground(kind, int(seed))) if len(things) <= MOST else None


def _thing(text: str, pictures: int) -> Thing | None:
    name, *rest = text.split(".")
    if name not in NAMES or len(rest) != 4 or not all(re.fullmatch(r"\d{1,5}", one, re.ASCII) for one in rest):
        return None
    picture, left, top, side = map(int, rest)
    fits = LEAST_SIDE <= side <= MOST_SIDE and left + side <= SIDE and top + side <= SIDE and picture < pictures
    return Thing(name, picture, left, top, side) if fits else None
