"""The tuned lens that stands beside a bundled model (`core.finetune.tuned_lens` makes it), and what it was measured to
be worth."""

import json
from dataclasses import dataclass

from safetensors.torch import load_file

from core.attention.tuned import Tuned
from core.models import catalogue

WEIGHTS, RECORD = "lens.safetensors", "lens.json"


@dataclass(frozen=True)
class Gain:
    """Mean KL(last || layer) in nats on what was held out, the embedding first, without the last layer. count: of
    pictures or pieces."""

    plain: tuple[float, ...]
    tuned: tuple[float, ...]
    count: int

    @property
    def mean(self) -> tuple[float, float]:
        """Over the layers: plain, tuned."""
        return sum(self.plain) / len(self.plain), sum(self.tuned) / len(self.tuned)


def tuned_lens(name: str) -> tuple[Tuned, Gain] | None:
    """Of the model of that key; None where it has none, or one that was fitted to other weights."""
    card = catalogue.card(name)
    if card is None or not (card.folder / WEIGHTS).exists():
        return None
    record = json.loads((card.folder / RECORD).read_text("utf-8"))
    if record["model"] != card.sha256:
        return None
    parts = {key: value.float() for key, value in load_file(card.folder / WEIGHTS).items()}
    gain = Gain(tuple(record["plain"]), tuple(record["tuned"]), record["count"])
    return Tuned(parts["down"], parts["up"], parts["bias"]), gain
