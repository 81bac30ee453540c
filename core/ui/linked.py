"""The linked view as a Streamlit component: one mount, all of whose movement stays in the browser."""

import io
import zipfile
from collections.abc import Sequence

import streamlit as st
from PIL import Image

from core import wording
from core.attention.axes import PatchAxis
from core.attention.trace import AttentionTrace, Traces
from core.models.detection import Detection
from core.models.segmentation import Segmentation
from core.models.translation import Translation
from core.models.vision import VisionResult
from core.ui import background, keep
from core.ui.inputs import target_name
from core.ui.language import language, say
from core.views.linked import page, payload, state
from core.views.tables import map_table, row_table

_component = st.components.v2.component("sidelight", html=page.MARKUP, css=page.style(), js=page.script())


def show(parts: list[payload.Part], name: str, tall: int = 448) -> None:
    """Draw the cards under one bar, with a download of the same view as one HTML file.

    What the person locks or chooses comes back when it rests: `chosen` has it, and the link carries it.
    """
    key = f"linked_{name}"
    data, start = _packed(parts, tall), _view_text()  # the view reads the link when it is mounted
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
        lambda: _numbers(parts, state.read(start)),
        file_name="sidelight.zip" if len(parts) > 1 else "sidelight.csv",
        icon=":material/table:",
        on_click="ignore",
        help=say("view_page.numbers_help"),
    )


def chosen() -> state.Chosen:
    """What is locked and chosen in the view, from this page, the one before or the link."""
    return state.read(_view_text())


def _numbers(parts: list[payload.Part], choice: state.Chosen) -> bytes:
    """The weights of the chosen layer and heads: one CSV, or a ZIP of one for each card."""
    tables: dict[str, str] = {}
    for part in parts:
        count = 1 + sum(name.startswith(part.type) for name in tables)
        name = f"{part.type}{count}" if count > 1 else part.type  # as linked.js names them
        tables[f"{name}.csv"] = _table(part, name, choice)
    if len(tables) == 1:
        return next(iter(tables.values())).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, table in tables.items():
            file.writestr(name, table)
    return archive.getvalue()


def _table(part: payload.Part, name: str, choice: state.Chosen) -> str:
    trace, position = part.cross if isinstance(part, payload.SentencePart) else part.trace, 0
    if isinstance(part, payload.ImagePart):
        trace, position = part.asked(choice.position(name, part.positions))
    layer, heads = choice.layer(trace.layers), choice.heads_of(name, trace.heads)
    if isinstance(part, payload.ImagePart):
        return row_table(trace, layer, heads, position)
    return map_table(trace, layer, heads, part.target.labels if isinstance(part, payload.SentencePart) else ())


def _view_text() -> str:
    return keep.restore_parameter("view")[: state.LONGEST]


def _take(key: str) -> None:
    keep.set_parameter("view", str(st.session_state[key].view)[: state.LONGEST])


def _packed(parts: list[payload.Part], tall: int) -> bytes:
    """Packed once, not at each rerun: what is locked comes back often. The traces are named by what they are in memory,
    so they are kept with it."""
    words = wording.starting_with("view.", language())
    made_of = tuple(one if isinstance(one, str | tuple) else id(one) for part in parts for one in vars(part).values())
    return background.awaited(
        ("packed", made_of, language(), tall), say("work.view"), lambda _: (payload.pack(parts, words, tall), parts), ()
    )[0]


def image_part(
    result: VisionResult | Detection | Segmentation,
    title: str,
    image: Image.Image,
    named: Sequence[payload.Named] = (),
) -> payload.ImagePart | None:
    """The image card, or None (said on the page) where the model's attention was not captured."""
    if not result.traces:
        st.info(say("view_page.not_captured"))
        return None
    trace, cross = result.traces["encoder"], result.traces.get("cross")
    layers, note = _sent_layers(trace)
    for one in result.traces.values():
        _tell_problems(one)
    subtitle = _image_title(title, result.axis)
    return payload.ImagePart(image, trace, subtitle, note, layers, tuple(named), cross)


def _image_title(title: str, axis: PatchAxis) -> str:
    rows, columns = axis.grid
    if not axis.prefix:
        return say("view_page.image_title_bare", title=title, rows=rows, columns=columns)
    first, *rest = axis.prefix
    prefix = " + ".join((first, *rest)) if len(rest) < 4 else f"{first} + {rest[0]} … {rest[-1]}"
    return say("view_page.image_title", title=title, rows=rows, columns=columns, prefix=prefix)


def sentence_part(translation: Translation, target: str | None, name: str = "") -> payload.SentencePart:
    for trace in translation.traces.values():
        _tell_problems(trace)
    direction = say("view_page.sentence_title", target=target_name(target)) if target else ""
    title = " · ".join(text for text in (name, direction) if text)
    axes, traces = (translation.source, translation.target), translation.traces
    return payload.SentencePart(*axes, traces["encoder"], traces["decoder"], traces["cross"], title)


def text_part(traces: Traces, title: str, marked: Sequence[int]) -> payload.TextPart:
    """traces: the one of a text that attends to itself. marked: the positions that answer, or that the model wrote."""
    (trace,) = traces.values()
    _tell_problems(trace)
    layers, note = _sent_layers(trace)
    return payload.TextPart(trace, title, note, tuple(marked), layers)


def _sent_layers(trace: AttentionTrace) -> tuple[tuple[int, ...] | None, str]:
    """The layers that the view gets, None for all, and the sentence that says so."""
    if payload.fits_budget(trace):
        return None, ""
    layer = chosen().layer(trace.layers)
    return (layer,), say("view_page.one_layer", layer=layer + 1)


def _tell_problems(trace: AttentionTrace) -> None:
    if trace.is_formed:
        st.caption(say("trace.formed", positions=len(trace.query_axis), size=f"{trace.nbytes / 1e6:.1f}"))
    for problem in trace.problems:
        st.warning(say("trace.differs", layer=problem.layer + 1, deviation=f"{problem.deviation:.1%}"))
