"""What a person changed by hand, and what the model answers with it: one list of edits a side in the link, whether they
were made in the linked view (`core.ui.hand`) or under *What if?* (`core.ui.explain.byhand`)."""

import difflib
import re
from collections.abc import Hashable, Sequence

import streamlit as st
import torch
from torch import Tensor

from core.attention.byhand import ByHand, Edit, edit_of
from core.attention.subject import Subject
from core.ui import choices
from core.ui.explain.sides import PhotoSide, SentenceSide, Side
from core.ui.language import say

MOST = 40  # edits that are read of a link
KEPT = 20  # inputs whose edits a session remembers


def settle(side: Side) -> str:
    """The edits of the link. They belong to what they were made on: another photo, sentence or model begins with its
    own, which is said, and the earlier ones are there again when it is."""
    name, now = f"{side.kind}_shut", (side.kind, side.name, side.place)
    kept: dict[Hashable, str] = st.session_state.setdefault("edits", {})
    then, before = st.session_state.setdefault("edited", {}).get(side.kind, (now, ""))
    if then != now and (choices.said(name) or "") == before:  # else the link says what belongs to the new one
        write_text(side.kind, kept.get(now, ""))
        if before:
            st.toast(say("byhand.aside", count=len(before.split(","))), icon=":material/undo:", duration="long")
    text = choices.said(name) or ""
    kept.pop(now, None)
    kept[now] = text
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
    st.session_state.edited[side.kind] = (now, text)
    return text


def edits_of(side: Side, asked: Subject) -> list[Edit]:
    """Those of the link, without what is none of this input's."""
    name = f"{side.kind}_shut"
    found = dict.fromkeys(edit_of(text, asked) for text in settle(side).split(",")[:MOST])
    edits = [edit for edit in found if edit]
    write(side.kind, edits)
    choices.said(name)
    return edits


def write(of: str, edits: Sequence[Edit]) -> None:
    write_text(of, ",".join(edit.text for edit in edits))


def take(of: str, text: str) -> None:
    """These edits, for an input that is chosen with them."""
    st.session_state.setdefault("edited", {}).pop(of, None)
    write_text(of, text)


def write_text(of: str, text: str) -> None:
    choices.write(f"{of}_shut", text, "")


def name_of(side: Side, asked: Subject, edit: Edit) -> str:
    trace = asked.traces[edit.kind]
    queries, keys = side.place_names(trace.query_axis), side.place_names(trace.key_axis)
    return say(
        "byhand.edit",
        kind=say(f"ablation.{edit.kind}"),
        layer=say("byhand.all") if edit.layer is None else edit.layer + 1,
        head=say("byhand.all") if edit.head is None else edit.head + 1,
        query=say("byhand.all") if edit.queries is None else say("byhand.and").join(queries[n] for n in edit.queries),
        keys=say("byhand.and").join(keys[n] for n in edit.keys),
        share=f"{100 * edit.share:.3g}",
    )


def class_chances(side: PhotoSide, asked: Subject, edits: Sequence[Edit]) -> Tensor:
    """The probability of each class: (classes,)."""
    with ByHand(asked, edits):
        return side.model.probabilities(side.result.fitted)


def cosine(asked: Subject, edits: Sequence[Edit]) -> float:
    """Of the representation with what it was."""
    with ByHand(asked, edits):
        return float(asked.scores(torch.ones(1, len(asked.axis), dtype=torch.bool), asked.fills[0])[0])


def piece_chances(asked: Subject, edits: Sequence[Edit]) -> Tensor:
    """Of each piece after the same words as before: (n, vocabulary)."""
    with torch.inference_mode(), ByHand(asked, edits):
        return asked.copies(1)[0].float().softmax(-1).cpu()


def sureness(asked: Subject, chances: Tensor) -> Tensor:
    """What those chances give to each piece that was written: (n,)."""
    assert asked.asked is not None
    return chances.gather(-1, asked.asked.cpu()[:, None])[:, 0]


def written_anew(side: SentenceSide, asked: Subject, edits: Sequence[Edit]) -> str:
    beams, limit, _ = side.search
    with ByHand(asked, edits):
        source, _ = side.model.source_pieces(side.text, side.language)
        return side.model.text(side.model.search(source, beams, limit, target=side.language)[0])


def parted(before: str, now: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Both texts in parts, each with whether the other text lacks it."""
    old, new = (re.findall(r"\w+|\s+|[^\w\s]", text) for text in (before, now))
    sides: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = ([], [])
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for side, words in ((sides[0], old[a:b]), (sides[1], new[c:d])):
            if text := "".join(words):
                side.append((text, what != "equal" and bool(text.strip())))
    return sides
