"""Whose arithmetic is shown: a layer, a head and one query of either side, each in the link."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import streamlit as st

from core.attention.arithmetic import Arithmetic, arithmetic
from core.attention.trace import Kind
from core.ui import choices, patches
from core.ui.clickable import clickable
from core.ui.differences.lesson import piece_name
from core.ui.explain.heads import choose_kind
from core.ui.explain.sides import PhotoSide, SentenceSide, Side, head_text
from core.ui.language import say
from core.ui.plain import piece_text
from core.views import arithmetic as written
from core.views.charts import AMBER, TEAL
from core.views.differences.figures import patch_picture

MARKED = 3  # keys that are framed in the picture


@dataclass(frozen=True, eq=False)
class Shown:
    """One side's chosen query. place: its kind of attention, layer, head and position. labels: what each key is called;
    query: what asks."""

    side: Side
    place: tuple[Kind, int, int, int]
    found: Arithmetic
    labels: list[str]
    query: str
    keys: list[int]
    away: float  # largest difference between the steps' weights and the trace's row


def _place(side: Side, layers: int, heads: int, kind: str) -> tuple[int, int]:
    """Layer and head, at first those that are open in the section on heads."""
    first = (layers - 1, 0)
    offered = {head_text(side.kind, (kind, *place)): place for place in product(range(layers), range(heads))}
    start = offered.get(choices.remembered(f"{side.kind}_open"), first)
    key = f"{side.kind}_{kind}"
    with st.container(horizontal=True):
        layer = _numbered("layer", f"{side.kind}_layer", f"arith_layer_{key}", layers, first[0], start[0])
        head = _numbered("head", f"{side.kind}_head", f"arith_head_{key}", heads, first[1], start[1])
        return layer, head


def _numbered(what: str, name: str, key: str, count: int, default: int, start: int) -> int:
    """start: where it stands at first here; a link that says nothing means `default`."""
    if key not in st.session_state and choices.said(name) is None:
        choices.write(name, choices.from_one(start), choices.from_one(default))
    return st.selectbox(
        say(f"arith.{what}"),
        range(count),
        format_func=choices.from_one,
        **choices.widget(name, key, range(count), default, choices.from_one),
    )


def _shown(side: Side, kind: Kind, place: tuple[int, int], position: int, labels: list[str], query: str) -> Shown:
    trace = side.traces[kind]
    found = arithmetic(trace, *place, position)
    away = float((found.weights - trace.row(*place, position).cpu()).abs().max())
    return Shown(side, (kind, *place, position), found, labels, query, written.shown_keys(found), away)


def choose_in_photo(side: PhotoSide) -> Shown:
    """A patch by a click or from the keyboard, or a token before the patches."""
    st.markdown(f"## {say('arith.show_photo')}")
    trace, axis = side.result.traces["encoder"], side.result.axis
    place = _place(side, trace.layers, trace.heads, "encoder")
    rows, columns = axis.grid
    asks = [*axis.prefix, "patch"]
    who = st.pills(
        say("arith.query"),
        asks,
        format_func=lambda name: say("arith.a_patch") if name == "patch" else name,
        required=True,
        **choices.widget("asks", "arith_asks", asks, "patch"),
    )
    holder = st.container()
    chosen, take = patches.linked("patch", axis.grid)
    if who == "patch":
        patches.row_and_column(chosen, axis.grid, "arith", take)
    patch = chosen if who == "patch" else None
    position = axis.prefix.index(who) if patch is None else len(axis.prefix) + patch
    at = say("lessons.patch_at", row="{row}", column="{column}")  # filled below and by the figure
    labels = [*axis.prefix, *(at.format(row=n // columns + 1, column=n % columns + 1) for n in range(rows * columns))]
    shown = _shown(side, "encoder", place, position, labels, labels[position])
    with holder:
        _picture(side, shown, patch, at, take)
    return shown


def _picture(side: PhotoSide, shown: Shown, patch: int | None, at: str, take_patch: Callable[[int], None]) -> None:
    """The query framed in teal, the patches with the largest weights in amber; a click chooses another query."""
    first = len(side.result.axis.prefix)
    strongest = [key - first for key in shown.found.strongest[: MARKED + first].tolist() if key >= first]
    marks = dict.fromkeys(strongest[:MARKED], AMBER) | ({} if patch is None else {patch: TEAL})
    figure = patch_picture(
        side.result.fitted.pixels, side.result.axis.grid, at, marks, values=shown.found.weights[first:].tolist()
    )

    def take(marks: list[int]) -> None:
        take_patch(int(marks[0]))
        choices.write("asks", "patch", "patch")

    clickable(figure, "arith_picture", take)
    st.caption(say("arith.picture_help"))


def choose_in_sentence(side: SentenceSide) -> Shown:
    """A piece as a pill; in the decoder a row is called by what it writes."""
    st.markdown(f"## {say('arith.show_sentence')}")
    kind = choose_kind("arith_kind")
    trace, translation = side.traces[kind], side.translation
    place = _place(side, trace.layers, trace.heads, kind)
    asks = (translation.source if kind == "encoder" else translation.target).pieces
    key = f"arith_piece_{kind}"
    position = st.pills(
        say("arith.query_encoder" if kind == "encoder" else "arith.query_written"),
        range(len(asks)),
        format_func=lambda n: piece_name(asks[n]),
        required=True,
        **choices.widget("word", key, range(len(asks)), min(1, len(asks) - 1), choices.from_one),
    )
    if kind != "encoder":
        st.caption(say("arith.just_read", piece=piece_name(translation.decoder_input.pieces[position])))
    labels = [f"{n + 1} · {piece_text(piece)}" for n, piece in enumerate(trace.key_axis.labels)]
    return _shown(side, kind, place, position, labels, asks[position] or "␣")
