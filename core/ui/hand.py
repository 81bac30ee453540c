"""By hand in the linked view: weights that a person takes hold of there (`core/views/linked/hand.js`), and the model's
answer before and after. A fragment, so that an edit runs the model again and nothing else of the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
import torch

from core.attention.byhand import Edit, edit_of
from core.attention.subject import Subject
from core.store import store
from core.ui import byhand
from core.ui.component import component
from core.ui.explain import sides
from core.ui.explain.sides import WHOLE, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, language, say

TOP = 3  # classes
ALIKE = 0.99995  # of a cosine, from which four digits would say that nothing has changed

_hand = component("hand")


def offer(cards: Mapping[str, Side | None]) -> None:
    """cards: what a link calls a card of the linked view on this page, and whose answer it is."""
    for side in cards.values():
        if side is not None:
            byhand.settle(side)
    present = {name: side for name, side in cards.items() if side is not None and side.traces}
    if present:
        st.fragment(_offer)(present)


def _offer(cards: Mapping[str, Side]) -> None:
    key = f"hand_{'_'.join(cards)}"
    told = {name: _told(side) for name, side in cards.items()}
    _hand(data={"cards": told}, key=key, default={"edits": {}}, on_edits_change=lambda: _take(key, cards))


def _take(key: str, cards: Mapping[str, Side]) -> None:
    """What came from the browser may be anything."""
    sent = st.session_state[key].edits
    for name, side in cards.items():
        if isinstance(sent, Mapping) and isinstance(text := sent.get(name), str):
            byhand.write_text(side.kind, text)


def _told(side: Side) -> dict[str, Any]:
    if not byhand.settle(side):
        return {"edits": "", "answer": None}
    edits = byhand.edits_of(side, _subject(side))
    text = ",".join(edit.text for edit in edits)
    return {"edits": text, "answer": _answer(side, text) if edits else None}


def _subject(side: Side) -> Subject:
    """The likeliest class where there are classes: the representation as it was would take another pass."""
    return sides.subject_of(side, side.either(_likeliest, lambda _: WHOLE))


def _likeliest(side: PhotoSide) -> int:
    return int(side.result.probabilities.argmax()) if side.model.classes else WHOLE


def _answer(side: Side, text: str) -> dict[str, Any]:
    """Kept, as a person goes back and forth. text: its edits."""

    def make() -> dict[str, Any]:
        asked = _subject(side)
        edits = [edit for one in text.split(",") if (edit := edit_of(one, asked))]
        return side.either(
            lambda photo: _classes(photo, asked, edits), lambda sentence: _translation(sentence, asked, edits)
        )

    return store().get(("byhand", side.name, side.place, text, language()), make, (side.name,))


def _classes(side: PhotoSide, asked: Subject, edits: Sequence[Edit]) -> dict[str, Any]:
    if not side.model.classes:
        cosine = byhand.cosine(asked, edits)
        digits = 4 if cosine < ALIKE else 6
        return {"said": say("byhand.told_cosine", value=f"{cosine:.{digits}f}")}
    before, now = side.result.probabilities, byhand.class_chances(side, asked, edits)
    shown = torch.maximum(before, now).topk(min(TOP, len(before))).indices.tolist()
    rows = [[class_name(side.model.classes[n]), float(before[n]), float(now[n])] for n in shown]
    names = [class_name(side.model.classes[int(one.argmax())]) for one in (before, now)]
    said = say("byhand.told_same" if names[0] == names[1] else "byhand.told_other", answer=names[0], now=names[1])
    doubt = say("byhand.told_thin", count=len(before)) if side.result.is_thin else ""
    return {"said": f"{said} {doubt}".strip(), "rows": rows}


def _translation(side: SentenceSide, asked: Subject, edits: Sequence[Edit]) -> dict[str, Any]:
    before, now = byhand.parted(side.translation.text, byhand.written_anew(side, asked, edits))
    chances = (byhand.piece_chances(asked, one) for one in ((), edits))
    sure = [float(byhand.sureness(asked, one).log().mean().exp()) for one in chances]
    if any(lacks for _, lacks in (*before, *now)):
        return {"said": "", "before": before, "now": now, "sure": sure}
    return {"said": say("byhand.told_text_same"), "sure": sure}
