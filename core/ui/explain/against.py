"""A second answer, so that what is told is what speaks for the one rather than the other: a class, or a piece that
might stand in the place of the one that was written."""

from dataclasses import dataclass

import streamlit as st
import torch

from core.store import store
from core.ui import choices
from core.ui.explain import sides
from core.ui.explain.sides import WHOLE, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say
from core.ui.plain import piece_text

NEAR = 10  # pieces that are offered, the likeliest first
NONE = -1


@dataclass(frozen=True)
class Rival:
    """number: of the class or the piece. instead_of: what the answer that is asked about is called."""

    number: int
    name: str
    instead_of: str


def choose(side: Side, target: int) -> Rival | None:
    """None where no other answer was chosen, or where what is asked about is no single answer."""
    if target == WHOLE:
        return None
    offered, own = side.either(lambda photo: _classes(photo, target), lambda sentence: _pieces(sentence, target))
    names = {NONE: say("authors.alone")} | offered
    number = st.selectbox(
        say("authors.against"),
        list(names),
        format_func=names.__getitem__,
        help=say("authors.against_help"),
        **choices.widget(
            f"{side.kind}_against",
            f"authors_against_{side.name}_{target}",
            names,
            NONE,
            lambda n: "" if n == NONE else str(n),
        ),
    )
    return None if number == NONE else Rival(number, names[number], own)


def _classes(side: PhotoSide, target: int) -> tuple[dict[int, str], str]:
    """All others, the likeliest first."""
    names = [class_name(name) for name in side.model.classes]
    order = side.result.probabilities.argsort(descending=True).tolist()
    return {number: names[number] for number in order if number != target}, names[target]


def _pieces(side: SentenceSide, target: int) -> tuple[dict[int, str], str]:
    written = side.translation.ids[target + 1]

    def make() -> list[int]:
        asked = sides.subject_of(side, target)
        with torch.inference_mode():
            logits = asked.copies(1)[0, 0]
        return [number for number in logits.topk(NEAR + 1).indices.tolist() if number != written][:NEAR]

    near = store().get(("rivals", side.name, side.place, target), make, (side.name,))
    pieces = [piece_text(piece) for piece in side.model.pieces(torch.tensor([*near, written]))]
    return dict(zip(near, pieces, strict=False)), pieces[-1]
