"""Right and wrong lines of code beside each other, each with what became of it when it was run just now."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from torch import Tensor

from core.differences import inputs, snippets
from core.differences.snippets import CODE, Ran
from core.ui.differences.lesson import Lesson
from core.ui.language import say
from core.ui.numbers import power_of_ten
from core.ui.patches import middle
from core.ui.plain import plain

Names = dict[str, Any]


def show(lesson: Lesson, name: str) -> None:
    """name: of one of snippets.CODE."""
    found = NAMES[name](lesson)
    if found is None:
        st.info(say("lesson_input.not_linear"))
        return
    names, own = found
    for column, (kind, lines) in zip(st.columns(2, gap="large"), CODE[name].items(), strict=True):
        with column:
            st.markdown(f"**{say(f'code.{kind}')}**")
            st.code(lines, "python", wrap_lines=True)
            st.caption(_outcome(snippets.run(lines, names), own))
    st.caption(say(f"code.{name}"))


def _outcome(ran: Ran, own: Tensor | None) -> str:
    if ran.error:
        return say("code.raised", error=plain(ran.error))
    if not ran.shape:
        return say("code.imported")
    if own is None or own.shape != ran.output.shape:
        return say("code.shape", shape=ran.shape)
    off = snippets.off(ran.output, own)
    return say("code.off", shape=ran.shape, off=power_of_ten(off, 0) if off < 0.01 else f"{off:.0%}")


def _softmax(lesson: Lesson) -> tuple[Names, Tensor | None]:
    trace = next(iter(lesson.traces.values()))
    return snippets.attention_names(trace.calls[trace.layers // 2], trace.item)


def _classifier(lesson: Lesson) -> tuple[Names, Tensor | None]:
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
    return snippets.translator_names(lesson.translator, source, lesson.translation), None


def _one_hot(lesson: Lesson) -> tuple[Names, Tensor | None] | None:
    patch = middle(lesson.vision.axis.grid)
    names = snippets.patch_names(lesson.vision_model, lesson.vision, patch)
    own = inputs.embed_patch(lesson.vision_model, lesson.vision, patch)
    return (names, own.embedding) if names and own else None


def _missing(lesson: Lesson) -> tuple[Names, Tensor | None]:
    return {}, None


NAMES: dict[str, Callable[[Lesson], tuple[Names, Tensor | None] | None]] = {
    "softmax": _softmax,
    "classifier": _classifier,
    "one_hot": _one_hot,
    "missing": _missing,
}
