"""What the person chose in the linked view, as the browser tells it: "depth_0.5~method_max~image_57.0.2" (state.js)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

DEPTH = 0.91  # where a view starts, as in state.js
LONGEST = 500  # characters of a state that are read


@dataclass(frozen=True)
class Chosen:
    """depth: 0 first layer, 1 last. at: per part ("image", "sentence", "text", "image2", ...) its locked position, a
    number for an image or a text, "s3" or "t0" for a sentence. heads: per part those that are on; a part that is
    missing has all.
    """

    depth: float = DEPTH
    at: dict[str, str] = field(default_factory=dict)
    heads: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def layer(self, layers: int) -> int:
        return round(self.depth * (layers - 1))

    def heads_of(self, part: str, count: int) -> list[int]:
        found = [head for head in self.heads.get(part, ()) if head < count]
        return found or list(range(count))

    def position(self, part: str, count: int) -> int:
        """Of an image: the locked position, the first where none is locked."""
        text = self.at.get(part, "")
        return int(text) if text.isascii() and text.isdigit() and int(text) < count else 0


def with_head(text: str, depth: float, parts: Sequence[str], head: int) -> str:
    """The same choice at this depth, with one head on in each of these parts."""
    kept = dict(pair.split("_", 1) for pair in text[:LONGEST].split("~") if "_" in pair)
    kept.pop("depth", None)
    at = {name: kept.pop(name, "").partition(".")[0] for name in parts}
    shown = {"depth": f"{depth:.3f}".rstrip("0").rstrip(".")} | kept | {n: f"{at[n]}.{head}" for n in parts}
    return "~".join(f"{name}_{value}" for name, value in shown.items())


def read(text: str) -> Chosen:
    """Anything may stand in a link: what cannot be read is left out."""
    depth, at, heads = DEPTH, {}, {}
    for pair in text[:LONGEST].split("~"):
        name, _, value = pair.partition("_")
        if name == "depth" and re.fullmatch(r"\d(\.\d{1,6})?", value, re.ASCII):
            depth = min(1.0, float(value))
        elif re.fullmatch(r"(image|sentence|text)\d*", name, re.ASCII):
            at[name], *chosen = value.split(".")
            heads[name] = tuple(int(head) for head in chosen if re.fullmatch(r"\d{1,3}", head, re.ASCII))
    return Chosen(depth, at, heads)
