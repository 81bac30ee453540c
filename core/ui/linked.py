"""The linked view as a Streamlit component: one mount, all of whose movement stays in the browser."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from PIL import Image

from core import wording
from core.attention.axes import PatchAxis, TokenAxis
from core.attention.trace import AttentionTrace, Traces
from core.ui import background, choices
from core.ui.inputs import target_name
from core.ui.language import language, say
from core.views.linked import page, payload, state
from core.views.linked.cards import Card, CardAxis, Lead, Named, card_of
from core.views.linked.numbers import numbers
from core.views.linked.scores import fits_budget

_component = st.components.v2.component("sidelight", html=page.MARKUP, css=page.style(), js=page.script())


def show(found: Sequence[Card | None], name: str, tall: int = 448) -> None:
    """Draw the cards that there are under one bar, with a download of the same view as one HTML file.

    What the person locks or chooses comes back when it rests: `chosen` has it, and the link carries it.
    """
    cards = tuple(card for card in found if card)
    if not cards:
        return
    key = f"linked_{name}"
    data, start = _packed(cards, tall), _view_text()  # the view reads the link when it is mounted
    _component(data=data, key=key, default={"view": ""}, on_view_change=lambda: _take(key))
    below = st.container(horizontal=True)
    below.download_button(
        say("view_page.save"),
        lambda: page.standalone(data, "Sidelight", start).encode(),
        file_name="sidelight.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        help=say("view_page.save_help"),
    )
    below.download_button(
        say("view_page.numbers"),
        lambda: numbers(cards, state.read(start)),
        file_name="sidelight.zip" if len(cards) > 1 else "sidelight.csv",
        icon=":material/table:",
        on_click="ignore",
        help=say("view_page.numbers_help"),
    )


def chosen() -> state.Chosen:
    """What is locked and chosen in the view, from this page, the one before or the link."""
    return state.read(_view_text())


def _view_text() -> str:
    return (choices.said("view") or "")[: state.LONGEST]


def _take(key: str) -> None:
    choices.write("view", str(st.session_state[key].view)[: state.LONGEST], "")


def _packed(cards: tuple[Card, ...], tall: int) -> bytes:
    """Packed once, not at each rerun: what is locked comes back often. The traces are named by what they are in memory,
    so they are kept with it."""
    words = wording.starting_with("view.", language())
    made_of = tuple((card.title, card.note, *map(_made_of, (*card.axes, *card.leads))) for card in cards)
    return background.awaited(
        ("packed", made_of, language(), tall), say("work.view"), lambda _: (payload.pack(cards, words, tall), cards), ()
    )[0]


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
) -> Card | None:
    """The card of a result (`card_of`), or None (said on the page) where none of its attention was captured.

    Of a trace that is beyond the byte budget one layer is sent, the one that is chosen in the view.
    """
    if not traces:
        st.info(say("view_page.not_captured"))
        return None
    for trace in traces.values():
        if trace.is_formed:
            st.caption(say("trace.formed", positions=len(trace.query_axis), size=f"{trace.nbytes / 1e6:.1f}"))
        for problem in trace.problems:
            st.warning(say("trace.differs", layer=problem.layer + 1, deviation=f"{problem.deviation:.1%}"))
    own = card_of(traces, title, photo, written, named, marked)
    leads = tuple(_bounded(lead) for lead in own.leads)
    layer = next((lead.layers[0] for lead in leads if lead.layers), None)
    note = "" if layer is None else say("view_page.one_layer", layer=layer + 1)
    return replace(own, leads=leads, note=note)


def _bounded(lead: Lead) -> Lead:
    if fits_budget(lead.trace):
        return lead
    return replace(lead, layers=(chosen().layer(lead.trace.layers),))


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
