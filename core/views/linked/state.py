"""What the person chose in the linked view, as the browser tells it: "depth_0.5~method_max~image_57.0.2" (state.js)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEPTH = 0.91  # where a view starts, as in state.js
LONGEST = 2000  # characters of a state that are read
HAND = "-hand"  # follows a card's name where its edits are said
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


def moved(text: str, depth: float | None, at: Mapping[str, str]) -> str:
    """The same choice at this depth (None: as it is), with these cards at other positions ("": where they start) and
    all of their heads."""
    kept = dict(pair.split("_", 1) for pair in text[:LONGEST].split("~") if "_" in pair) | dict(at)
    if depth is not None:
        kept["depth"] = "" if depth == DEPTH else f"{depth:g}"
    return "~".join(f"{name}_{value}" for name, value in kept.items() if value)


def pinned(text: str) -> Chosen | None:
    """What A shows ("pin_held!depth_0.2!image_57"); None where nothing is pinned."""
    for pair in text[:LONGEST].split("~"):
        if found := re.fullmatch(r"pin_(held|with)((?:!.*)?)", pair):
            return read(found[2].replace("!", "~")) if found[1] == "held" else read(text)
    return None


def by_hand(text: str) -> tuple[str, dict[str, str]]:
    """The rest of a text, and what was changed by hand in it, by card ("image-hand_encoder-a-a-41-1-20")."""
    pairs = text[:LONGEST].split("~")
    found = {
        name.removesuffix(HAND): value
        for name, _, value in (pair.partition("_") for pair in pairs)
        if name.endswith(HAND)
    }
    return "~".join(pair for pair in pairs if not pair.partition("_")[0].endswith(HAND)), found


def unpinned(text: str) -> str:
    return "~".join(pair for pair in text.split("~") if not pair.startswith("pin_"))


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
