"""Which attention of a picture is drawn: all of it, or of a model with several grids that of the chosen stage."""

from collections.abc import Sequence
from typing import cast

import streamlit as st

from core.attention.axes import PatchAxis
from core.attention.trace import AttentionTrace, Traces
from core.models.vision import VisionResult
from core.ui import choices
from core.ui.language import say


def choose(result: VisionResult) -> Traces:
    """The traces to draw; empty where none was captured. The link says which stage."""
    stages = result.stages
    if not stages:
        return result.traces
    usual = _usual(stages)
    names = _names(stages)
    chosen = st.segmented_control(
        say("stages.choose"),
        range(len(stages)),
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
        **choices.widget("stage", f"stage_{len(stages)}", range(len(stages)), usual, choices.from_one),
    )
    trace = stages[chosen]
    rows, columns = trace.key_axis.grid
    told = say("stages.pooled", rows=rows, columns=columns) if trace.kind == "cross" else say("stages.windows")
    more = say("stages.left_out", count=result.left_out) if result.left_out else ""
    st.caption(f"{told} {more}".strip(), help=say("stages.help"))
    return {trace.kind: trace}


def named(result: VisionResult, text: str) -> Traces:
    """The traces of the stage that the link calls so, as `choose` gives them."""
    if not result.stages:
        return result.traces
    texts = [choices.from_one(number) for number in range(len(result.stages))]
    trace = result.stages[texts.index(text) if text in texts else _usual(result.stages)]
    return {trace.kind: trace}


def axis_of(result: VisionResult, traces: Traces) -> PatchAxis:
    """Where what is drawn asks from."""
    return cast(PatchAxis, next((trace.query_axis for trace in traces.values()), result.axis))


def _usual(stages: Sequence[AttentionTrace]) -> int:
    return max(range(len(stages)), key=lambda number: stages[number].layers)


def _names(stages: Sequence[AttentionTrace]) -> list[str]:
    sizes = ("×".join(map(str, stage.query_axis.grid)) for stage in stages)
    return [say("stages.name", number=number, size=size) for number, size in enumerate(sizes, 1)]
