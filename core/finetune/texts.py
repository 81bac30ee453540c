"""Labelled texts, and texts as another person might have typed them."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MARKS = re.compile(r"[^\w\s'’-]+")  # all but letters, digits and what stands within words
END = ".!?。！？…"


@dataclass(frozen=True)
class Texts:
    """labels: (N,). classes: their names."""

    texts: tuple[str, ...]
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, chosen: Tensor) -> "Texts":
        return Texts(tuple(self.texts[n] for n in chosen.tolist()), self.labels[chosen], self.classes)

    def joined(self, other: "Texts") -> "Texts":
        return Texts(self.texts + other.texts, torch.cat([self.labels, other.labels]), self.classes)


def unmarked(line: str) -> str:
    return " ".join(MARKS.sub(" ", line).split())


def asks(line: str) -> bool | None:
    """None where only a part of it is a question."""
    return False if "?" not in line else True if line.endswith("?") and not re.search(r"[.!?].+", line[:-1]) else None


def vary(text: str, draw: random.Random) -> str:
    """In small or capital letters, without the mark at its end, without one of its words: each by itself, and
    rarely, so that most stay as they are. Random deletion is of Wei and Zou 2019 ("EDA", section 2)."""
    words = text.split()
    if len(words) > 4 and draw.random() < 0.15:
        del words[draw.randrange(len(words))]
    text = " ".join(words)
    if draw.random() < 0.1:
        text = text.rstrip(END).rstrip() or text
    form = draw.random()
    return text.lower() if form < 0.1 else text.upper() if form < 0.13 else text


def varied(texts: Sequence[str], seed: int) -> list[str]:
    draw = random.Random(seed)
    return [vary(text, draw) for text in texts]
