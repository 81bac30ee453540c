"""What training did to attention: the linked view with A before and B after, and grids of how far each head moved."""

from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from torch import Tensor

from core.attention.drift import head_drift
from core.attention.trace import AttentionTrace
from core.ui import background, choices, linked
from core.ui.clickable import clickable
from core.ui.language import say
from core.views.finetune import drift_grid
from core.views.linked import state
from core.views.linked.cards import Card

MEASURES = ("js", "entropy", "distance")


def view(before: Card | None, after: Card | None) -> None:
    """A mounted view keeps what is chosen in it; to open a head from outside, another is mounted (`_open`)."""
    if before and after:
        mounts = st.session_state.get("after_mounts", 0)
        linked.show([after], f"after_{mounts}", linked.Beside((before,), always=True))


def moved(
    base: str, tuned: str, what: str, how: Hashable, before: AttentionTrace, after: AttentionTrace
) -> dict[str, Tensor]:
    """The drift of each head on one input; the first four name it."""
    key = "moved", base, tuned, what, how
    return background.awaited(key, say("after.measuring"), lambda _: head_drift(before, after), (base, tuned))


def heading(task: str) -> None:
    st.header(say("after.drift"))
    st.caption(say(f"after.drift_{task}"))


def grids(folder: Path, card: str, what: str, moved: dict[str, Tensor]) -> None:
    """How far each head moved, by each measure; a click opens that head in the view."""
    cell = say("after.grid_cell", layer="{layer}", head="{head}", value="{value}")  # the figure fills it
    words = {"layer": say("after.grid_layer"), "head": say("after.grid_head"), "cell": cell}
    layers, heads = moved["js"].shape
    for place, name in zip(st.columns(3), MEASURES, strict=True):
        key = f"drift_{name}_{what}_{folder.name}"
        figure = drift_grid(moved[name], say(f"after.drift_{name}"), diverging=name != "js", words=words)
        with place:
            clickable(figure, key, partial(_open_marked, layers, card))
    layer, head = divmod(int(moved["js"].argmax()), heads)
    if float(moved["js"].max()) < 5e-4:
        st.info(say("after.drift_none"))
        return
    st.button(
        say("after.drift_most", layer=layer + 1, head=head + 1, value=f"{float(moved['js'][layer, head]):.2f}"),
        icon=":material/visibility:",
        on_click=_open,
        args=(layer, head, layers, card),
    )


def _open_marked(layers: int, card: str, marks: list[Any]) -> None:
    layer, head = marks[0]
    _open(layer, head, layers, card)


def _open(layer: int, head: int, layers: int, card: str) -> None:
    """Show one head, before and after: what else is chosen there stays."""
    depth = layer / max(1, layers - 1)
    choices.write("view", state.with_head(choices.remembered("view"), depth, (card,), head))
    st.session_state.after_mounts = st.session_state.get("after_mounts", 0) + 1
