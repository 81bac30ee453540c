"""Heads switched off, one by one or in sets: what the answer is without them, and what each is worth."""

import html
from functools import partial

import streamlit as st
import torch
from torch import Tensor

from core.attention.ablation import Head, all_heads, without
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.ui import choices
from core.ui.byhand import parted
from core.ui.clickable import clickable
from core.ui.explain import sides
from core.ui.explain.pruning import prune
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say
from core.ui.plain import plain
from core.views import explain as figures
from core.views.charts import QUIET

TOP = 5  # classes
TOOLS = {"displaylogo": False, "modeBarButtons": [["select2d", "lasso2d"]]}


def show(pair: Pair) -> None:
    st.caption(say("ablation.lead"))
    pair.each("ablation", st.fragment(_side))


def _side(side: Side) -> None:
    """One side is a fragment: a head that is switched off redraws nothing else."""
    target = side.choose_target()
    asked = sides.subject_of(side, target)
    key = f"off_{side.kind}_{side.name}"
    names = {head: _head_name(head) for head in all_heads(asked)}
    texts = {sides.head_text(side.kind, head): head for head in names}
    st.session_state[key] = choices.read_several(f"{side.kind}_off", texts, [])
    off: list[Head] = st.multiselect(
        say("ablation.off"),
        list(names),
        format_func=names.__getitem__,
        key=key,
        placeholder=say("ablation.none"),
        help=say("ablation.off_help"),
        on_change=_tell,
        args=(key, side.kind),
    )
    with without(asked, off):
        side.either(lambda photo: _photo(photo, asked, off), lambda sentence: _sentence(sentence, asked, off))
    grids = sides.worth(side, target, say("ablation.measuring", count=len(names)))
    _grids(side.kind, asked, grids, key, off)
    if grids is not None:
        st.caption(say(f"ablation.grid_{side.kind}"))
        prune(side, target, grids)


def _head_name(head: Head) -> str:
    kind, layer, number = head
    return say("ablation.head", kind=say(f"ablation.{kind}"), layer=layer + 1, head=number + 1)


def _kept(asked: Subject) -> float:
    """How sure the model is of the target, as it is now."""
    return float(asked.scores(torch.ones(1, len(asked.axis), dtype=torch.bool), asked.fills[0])[0])


def _photo(side: PhotoSide, asked: Subject, off: list[Head]) -> None:
    """Run under the tape that switches heads off: the classes, or how much of the representation is left."""
    if not side.model.classes:
        kept = _kept(asked)
        st.metric(say("ablation.cosine"), f"{kept:.3f}", f"{kept - 1:+.3f}" if off else None)
        return
    now = side.model.probabilities(side.result.fitted)
    before = side.result.probabilities
    shown = torch.maximum(before, now).topk(min(TOP, len(before))).indices.tolist()
    labels = [class_name(side.model.classes[number]) for number in shown]
    values = [[float(one[number]) for number in shown] for one in (before, now)]
    names = (say("ablation.all_on"), say("ablation.some_off", count=len(off)))[: 1 + bool(off)]
    figure = figures.before_after(labels, values[0], values[1], names)
    st.plotly_chart(figure, key="ablation_classes", config=QUIET)
    first, now_first = (class_name(side.model.classes[int(one.argmax())]) for one in (before, now))
    if first != now_first:
        st.warning(say("ablation.class_changed", before=plain(first), after=plain(now_first)))


def _sentence(side: SentenceSide, asked: Subject, off: list[Head]) -> None:
    """Run under the tape that switches heads off: the translation, and how likely the original one still is."""
    before = now = side.translation.text
    if off:
        source, _ = side.model.source_pieces(side.text, side.language)
        now = side.model.text(side.model.search(source)[0])
    names = (say("ablation.all_on"), say("ablation.some_off", count=len(off)))
    for name, text in list(zip(names, marked(before, now), strict=True))[: 1 + bool(off)]:
        st.html(f"<p style='margin:0;opacity:.75'>{html.escape(name)}</p><p>{text}</p>")
    state = "differs" if before != now else "same" if off else "as_it_is"
    st.caption(say(f"ablation.{state}", share=f"{_kept(asked):.1%}"))


def marked(before: str, now: str) -> tuple[str, str]:
    """Both texts as HTML: words that went are struck through, words that came are underlined."""
    old, new = (
        "".join(f"<{tag}>{html.escape(text)}</{tag}>" if lacks else html.escape(text) for text, lacks in parts)
        for tag, parts in zip(("del", "ins"), parted(before, now), strict=True)
    )
    return old, new


def _grids(of: str, asked: Subject, grids: dict[Kind, Tensor] | None, key: str, off: list[Head]) -> None:
    cell = say("ablation.cell", layer="{layer}", head="{head}", value="{value}")  # the figure fills it
    words = {"layer": say("ablation.layer"), "head": say("ablation.head_axis"), "cell": cell}
    for kind, trace in asked.traces.items():
        values = torch.full((trace.layers, trace.heads), torch.nan) if grids is None else grids[kind]
        own = [(layer, head) for one, layer, head in off if one == kind]
        title = say("ablation.grid", kind=say(f"ablation.{kind}"))
        chart = (
            f"{key}_{kind}_{st.session_state.get(f'{key}_turn', 0)}"  # a new one each time: no selection is left over
        )
        clickable(
            figures.switches(values, own, title, words),
            chart,
            partial(_toggle, key, of, kind),
            selection_mode=("points", "box", "lasso"),
            config=TOOLS,
        )
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        layer = left.selectbox(
            say("ablation.layer"), range(trace.layers), format_func=lambda n: str(n + 1), key=f"{key}_{kind}_layer"
        )
        right.button(
            say("ablation.toggle_layer"),
            key=f"{key}_{kind}_toggle",
            width="stretch",
            on_click=_set,
            args=(key, of, [(kind, layer, head) for head in range(trace.heads)]),
        )


def _toggle(key: str, of: str, kind: Kind, cells: list[list[int]]) -> None:
    _set(key, of, [(kind, layer, head) for layer, head in cells])


def _set(key: str, of: str, heads: list[Head]) -> None:
    """One head changes its state; of several, all are off afterwards, or on where all were off."""
    off = list(st.session_state.get(key, ()))
    if all(head in off for head in heads):
        off = [head for head in off if head not in heads]
    else:
        off += [head for head in heads if head not in off]
    st.session_state[key] = off
    st.session_state[f"{key}_turn"] = st.session_state.get(f"{key}_turn", 0) + 1
    _tell(key, of)


def _tell(key: str, of: str) -> None:
    choices.write(f"{of}_off", ",".join(sides.head_text(of, head) for head in st.session_state[key]), "")
