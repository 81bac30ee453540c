"""How much of what a caption says of a scene is true."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.scenes.grammar import Fact, Listing, Placed, Related, Single
from core.scenes.layout import LARGE, Layout, facts, place_of, relation


@dataclass(frozen=True)
class Judged:
    """hits: things that are named and there; named, there: how many. is_told: whether all that a caption should say of
    how they lie is said and true; it means something where the things are right."""

    hits: int
    named: int
    there: int
    is_told: bool

    @property
    def is_named_right(self) -> bool:
        return self.hits == self.named == self.there


def judge(said: Sequence[Fact | None], layout: Layout) -> Judged:
    """said: what the caption means (`grammar.meaning`)."""
    named, there = names_of(said), Counter(thing.name for thing in layout.things)
    whole = [type(fact) for fact in said] == [type(fact) for fact in facts(layout)]
    told = whole and all(fact is not None and is_true(fact, layout) for fact in said)
    return Judged((named & there).total(), named.total(), there.total(), told)


def names_of(said: Sequence[Fact | None]) -> Counter[str]:
    """The things that are said to be there."""
    found: Counter[str] = Counter()
    for fact in said:
        if isinstance(fact, Listing):
            found.update(fact.names)
        elif isinstance(fact, Single):
            found[fact.name] += 1
    return found


def is_true(fact: Fact, layout: Layout) -> bool:
    things = layout.things
    match fact:
        case Listing(names):
            return Counter(names) == Counter(thing.name for thing in things)
        case Single(name, is_large, place):
            return any(t.name == name and (t.side >= LARGE) == is_large and place_of(t) == place for t in things)
        case Placed(name, place):
            return any(t.name == name and place_of(t) == place for t in things)
        case Related(first, second, direction, size):
            pairs = [(one, two) for one in things for two in things if one is not two]
            named = [pair for pair in pairs if (pair[0].name, pair[1].name) == (first, second)]
            return any(relation(*pair) == (direction, size) for pair in named)
    return not things  # nothing is there


def f1(judged: Sequence[Judged]) -> float:
    """Of all scenes together: twice the hits over what is named and what is there; 1 where neither is anything."""
    total = sum(one.named + one.there for one in judged)
    return 2 * sum(one.hits for one in judged) / total if total else 1.0


def told(judged: Sequence[Judged]) -> float:
    """The share of the scenes with the right things of which all is told right; nan where there is none."""
    right = [one for one in judged if one.is_named_right]
    return sum(one.is_told for one in right) / len(right) if right else float("nan")
