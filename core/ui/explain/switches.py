"""Which heads are off: chosen by name or in a grid that shows what each is worth, and told by the link."""

from functools import partial

import streamlit as st
import torch
from torch import Tensor

from core.attention.ablation import Head, all_heads
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.ui import choices
from core.ui.clickable import clickable
from core.ui.explain import sides
from core.ui.language import say
from core.views import explain as figures

TOOLS = {"displaylogo": False, "modeBarButtons": [["select2d", "lasso2d"]]}


def choose(of: str, asked: Subject, key: str) -> list[Head]:
    """By name. of: what the link calls them by (`sides.head_text`)."""
    names = {head: _head_name(head) for head in all_heads(asked)}
    texts = {sides.head_text(of, head): head for head in names}
    st.session_state[key] = choices.read_several(f"{of}_off", texts, [])
    return st.multiselect(
        say("ablation.off"),
        list(names),
        format_func=names.__getitem__,
        key=key,
        placeholder=say("ablation.none"),
        help=say("ablation.off_help"),
        on_change=_tell,
        args=(key, of),
    )


def _head_name(head: Head) -> str:
    kind, layer, number = head
    return say("ablation.head", kind=say(f"ablation.{kind}"), layer=layer + 1, head=number + 1)


def grids(of: str, asked: Subject, worth: dict[Kind, Tensor] | None, key: str, off: list[Head]) -> None:
    """In cells and layers, with what each head is worth where that is known."""
    cell = say("ablation.cell", layer="{layer}", head="{head}", value="{value}")  # the figure fills it
    words = {"layer": say("ablation.layer"), "head": say("ablation.head_axis"), "cell": cell}
    for kind, trace in asked.traces.items():
        values = torch.full((trace.layers, trace.heads), torch.nan) if worth is None else worth[kind]
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
