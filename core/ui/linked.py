"""The linked view as a Streamlit component: one mount, all of whose movement stays in the browser."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

import streamlit as st
from PIL import Image

from core import store, wording
from core.attention.axes import PatchAxis, TokenAxis
from core.attention.trace import AttentionTrace, Traces
from core.ui import background, choices, view
from core.ui.language import language, say
from core.ui.sentences import target_name
from core.views.linked import page, payload, state
from core.views.linked.cards import UNSURE, Card, CardAxis, Lead, Named, card_of, reading_card
from core.views.linked.numbers import as_file, numbers
from core.views.linked.scores import fits_budget


@dataclass(frozen=True)
class Beside:
    """What may stand beside the cards as A. cards: in place of each, None where A has the same. always: it is there
    without being pinned. told, swapped: are called with what is chosen in the view, and with what it is once A and B
    change places."""

    cards: tuple[Card | None, ...] = ()
    always: bool = False
    told: Callable[[str], None] | None = None
    swapped: Callable[[str], None] | None = None


def show(found: Sequence[Card | None], name: str, beside: Beside | None = None) -> bytes:
    """Draw the cards that there are under one bar, with a download of the same view as one HTML file. Returns what the
    browser gets; nothing where there is no card.

    What the person locks or chooses comes back when it rests: `chosen` has it, and the link carries it. beside: without
    it nothing can be pinned.
    """
    cards = tuple(card for card in found if card)
    if not cards:
        return b""
    packed, data = _packed(cards, beside)
    start, spoken = view.text(), language()  # the view reads the link when it is mounted
    gone, several = say("view_page.gone"), len(cards) > 1
    told, swapped = (beside.told, beside.swapped) if beside else (None, None)
    view.mount(data, name, told, swapped)
    below = st.container(horizontal=True)
    below.download_button(
        say("view_page.save"),
        lambda: _saved(packed, start, spoken, gone),
        file_name="sidelight.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        help=say("view_page.save_help"),
    )
    below.download_button(
        say("view_page.numbers"),
        lambda: _numbers(packed, start, gone, several),
        file_name="sidelight.zip" if several else "sidelight.csv",
        icon=":material/table:",
        on_click="ignore",
        help=say("view_page.numbers_help"),
    )
    return data


def chosen() -> state.Chosen:
    """What is locked and chosen in the view, from this page, the one before or the link."""
    return state.read(view.text())


def scrub(depth: float) -> None:
    """Move every view's film. depth: 0 first layer, 1 last."""
    choices.write("view", state.moved(view.text(), depth, {}), "")


def pinned() -> state.Chosen | None:
    """What A shows; None where nothing is pinned."""
    return state.pinned(view.text())


def unpin() -> None:
    choices.write("view", state.unpinned(view.text()), "")


def _packed(cards: tuple[Card, ...], beside: Beside | None) -> tuple[Hashable, bytes]:
    """Its key in the store, and what the browser gets: packed once, not at each rerun, as what is locked comes back
    often. The traces are named by what they are in memory, so they are kept with it."""
    words, old = wording.starting_with("view.", language()), beside.cards if beside else ()
    how = beside is not None and beside.always, beside is not None
    made_of = tuple(
        card and (card.title, card.note, card.doubts, *map(id, card.also), *map(_made_of, (*card.axes, *card.leads)))
        for card in (*cards, *old)
    )
    key = "packed", made_of, how, language()
    made = background.awaited(key, say("work.view"), lambda _: (payload.pack(cards, words, old, *how), cards, old), ())
    return key, made[0]


def _kept(packed: Hashable) -> tuple[bytes, tuple[Card, ...], tuple[Card | None, ...]] | None:
    """What the browser got and what it was made of. A button holds the key alone: it may be pressed hours later, or
    never, and what it held the store could not let go."""
    store.begin()
    try:
        return store.store().find(packed)
    finally:
        store.begin()


def _saved(packed: Hashable, start: str, spoken: str, gone: str) -> bytes:
    kept = _kept(packed)
    return (page.standalone(kept[0], "Sidelight", start, spoken) if kept else f"<p>{escape(gone)}</p>").encode()


def _numbers(packed: Hashable, start: str, gone: str, several: bool) -> bytes:
    if kept := _kept(packed):
        return numbers(kept[1], state.read(start))
    return as_file({"sidelight.csv": gone} | ({"sidelight.txt": gone} if several else {}))


def _made_of(one: CardAxis | Lead) -> tuple[object, ...]:
    held = (Image.Image, AttentionTrace)
    return tuple(id(value) if isinstance(value, held) else value for value in vars(one).values())


def card(
    traces: Traces,
    title: str,
    photo: Image.Image | None = None,
    written: TokenAxis | None = None,
    named: Sequence[Named] = (),
    marked: Sequence[int] = (),
    sure: Sequence[float] = (),
    unsure: float = UNSURE,
) -> Card | None:
    """The card of a result (`card_of`), or None (said on the page) where none of its attention was captured.

    Of a trace that is beyond the byte budget one layer is sent, the one that is chosen in the view.
    """
    if not traces:
        st.info(say("view_page.not_captured"))
        return None
    _tell(traces.values())
    own = card_of(traces, title, photo, written, named, marked, sure, unsure)
    return _noted(own, tuple(_bounded(lead) for lead in own.leads))


def parts(
    read: tuple[AttentionTrace, AttentionTrace, AttentionTrace],
    also: Sequence[AttentionTrace],
    title: str,
    photo: Image.Image,
    named: Sequence[Named] = (),
    sure: Sequence[float] = (),
    sinks: Sequence[tuple[int, ...]] = ((), ()),
) -> Card:
    """The card of words whose one attention reads a photo, a prompt and themselves (`reading_card`). Where a part is
    beyond the byte budget, all of them are sent one layer at a time: a row of one needs the rows of the others."""
    _tell(read[:1])  # they are parts of the same calls
    own = reading_card(*read, also, photo, title, sure, named, sinks)
    whole = all(fits_budget(trace) for trace in (*read, *also))
    return _noted(own, own.leads if whole else tuple(at_layer(lead, chosen()) for lead in own.leads))


def _tell(traces: Iterable[AttentionTrace]) -> None:
    """What is to be known of how they were captured."""
    for trace in traces:
        if trace.is_formed:
            st.caption(say("trace.formed", positions=len(trace.query_axis), size=f"{trace.nbytes / 1e6:.1f}"))
        for problem in trace.problems:
            st.warning(say("trace.differs", layer=problem.layer + 1, deviation=f"{problem.deviation:.1%}"))


def _noted(own: Card, leads: tuple[Lead, ...]) -> Card:
    layer = next((lead.layers[0] for lead in leads if lead.layers), None)
    note = "" if layer is None else say("view_page.one_layer", layer=layer + 1)
    return replace(own, leads=leads, note=note)


def _bounded(lead: Lead) -> Lead:
    return at_layer(lead, chosen()) if not fits_budget(lead.trace) else lead


def at_layer(lead: Lead, shown: state.Chosen) -> Lead:
    """With the one layer that is shown."""
    return replace(lead, layers=(shown.layer(lead.trace.layers),))


def photo_title(title: str, axis: PatchAxis) -> str:
    rows, columns = axis.grid
    if not axis.prefix:
        return say("view_page.image_title_bare", title=title, rows=rows, columns=columns)
    first, *rest = axis.prefix
    prefix = " + ".join((first, *rest)) if len(rest) < 4 else f"{first} + {rest[0]} … {rest[-1]}"
    return say("view_page.image_title", title=title, rows=rows, columns=columns, prefix=prefix)


def sentence_title(target: str | None, name: str = "") -> str:
    """target: the language that is written, where a model was told. name: of the model, where it is told."""
    direction = say("view_page.sentence_title", target=target_name(target)) if target else ""
    return " · ".join(text for text in (name, direction) if text)
