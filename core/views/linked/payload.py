"""Cards as bytes for the browser: a header in JSON, then arrays. Layout: `unpack` in bytes.js."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from PIL import Image

from core.views.linked.arrays import Arrays
from core.views.linked.cards import Card, CardAxis, Grid, Pooled, Row, names_of
from core.views.linked.scores import trace_header

PHOTO_SIDE = 1024  # longest side of the photo as sent, px


def pack(
    cards: Sequence[Card],
    words: dict[str, str],
    pinned: Sequence[Card | None] = (),
    before: bool = False,
    pins: bool = True,
) -> bytes:
    """The view of these cards. `words`: wording for it. pinned: what A shows in place of each card, None where it has
    the same. before: A always stands there, as before and after training. pins: whether a person may pin."""
    arrays, names = Arrays(), names_of(cards)
    heads = [_card(card, name, arrays) for card, name in zip(cards, names, strict=True)]
    old = [card and _card(card, name, arrays) for card, name in zip(pinned, names, strict=True)] if pinned else None
    return arrays.behind({"cards": heads, "pinned": old, "before": before, "pins": pins, "words": words})


def _card(card: Card, name: str, arrays: Arrays) -> dict[str, Any]:
    own = {"name": name, "kind": card.kind, "title": card.title, "note": card.note, "begins": card.begins}
    axes = [_axis(axis, arrays) | {"key": axis.key} for axis in card.axes]
    leads = [
        {
            "name": card.stack(lead),
            "queries": lead.queries,
            "keys": lead.keys,
            "written": lead.written,
            "behind": lead.behind,
            "sinks": lead.sinks,
            "trace": trace_header(lead.trace, arrays, lead.layers),
        }
        for lead in card.leads
    ]
    layers = card.leads[0].layers
    also = [trace_header(trace, arrays, layers) for trace in card.also]
    doubts = [asdict(one) for one in card.doubts]
    return own | {"axes": axes, "leads": leads, "also": also, "doubts": doubts}


def _axis(one: CardAxis, arrays: Arrays) -> dict[str, Any]:
    if isinstance(one, Row):
        axis = one.axis
        kinds = [axis.kind_of(i) if mark else "" for i, mark in enumerate(axis.special)]
        tokens = {"pieces": axis.pieces, "words": axis.words, "special": axis.special, "direction": axis.direction}
        return {"shape": "row", "marked": one.marked, "kinds": kinds, "sure": one.sure, "unsure": one.unsure} | tokens
    if isinstance(one, Pooled):
        return {"shape": "pooled", "named": ()} | asdict(one.axis)
    named = [asdict(each) for each in one.named]
    if not isinstance(one, Grid):
        return {"shape": "objects", "count": one.count, "named": named}
    jpeg = _jpeg(one.photo)
    return {"shape": "grid", "named": named, "start": one.start, "photo": arrays.add(jpeg, len(jpeg))} | asdict(
        one.axis
    )


def _jpeg(photo: Image.Image) -> bytes:
    small, file = photo.copy(), io.BytesIO()
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    small.convert("RGB").save(file, "JPEG", quality=88)
    return file.getvalue()
