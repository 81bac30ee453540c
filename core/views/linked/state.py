"""What the person chose in the linked view, as the browser tells it: "depth_0.5~method_max~image_57.0.2" (state.js)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

DEPTH = 0.91  # where a view starts, as in state.js
LONGEST = 500  # characters of a state that are read
CARD = re.compile(r"(image|sentence|text|caption)\d*", re.ASCII)  # what a card is called, as in state.js


@dataclass(frozen=True)
class Chosen:
    """depth: 0 first layer, 1 last. at: per card ("image", "sentence", "text", "image2", ...) its locked position, as
    `Card.place` reads it: "57", "s3". heads: per card those that are on; a card that is missing has all.
    """

    depth: float = DEPTH
    at: dict[str, str] = field(default_factory=dict)
    heads: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def layer(self, layers: int) -> int:
        return round(self.depth * (layers - 1))

    def heads_of(self, card: str, count: int) -> list[int]:
        found = [head for head in self.heads.get(card, ()) if head < count]
        return found or list(range(count))


def with_head(text: str, depth: float, cards: Sequence[str], head: int) -> str:
    """The same choice at this depth, with one head on in each of these cards."""
    kept = dict(pair.split("_", 1) for pair in text[:LONGEST].split("~") if "_" in pair)
    kept.pop("depth", None)
    at = {name: kept.pop(name, "").partition(".")[0] for name in cards}
    shown = {"depth": f"{depth:.3f}".rstrip("0").rstrip(".")} | kept | {n: f"{at[n]}.{head}" for n in cards}
    return "~".join(f"{name}_{value}" for name, value in shown.items())


def read(text: str) -> Chosen:
    """Anything may stand in a link: what cannot be read is left out."""
    depth, at, heads = DEPTH, {}, {}
    for pair in text[:LONGEST].split("~"):
        name, _, value = pair.partition("_")
        if name == "depth" and re.fullmatch(r"\d(\.\d{1,6})?", value, re.ASCII):
            depth = min(1.0, float(value))
        elif CARD.fullmatch(name):
            at[name], *chosen = value.split(".")
            heads[name] = tuple(int(head) for head in chosen if re.fullmatch(r"\d{1,3}", head, re.ASCII))
    return Chosen(depth, at, heads)
