"""The screen to begin with: vision against language, a row a difference, each with a number of the run."""

import math
from collections.abc import Callable

import streamlit as st

from core.attention.trace import AttentionTrace
from core.differences import cost, inputs, pipeline
from core.models import foreground
from core.ui.differences import guide
from core.ui.differences.lesson import Lesson
from core.ui.differences.measure import large
from core.ui.language import say

Row = tuple[str, str]  # what is said of vision, and of language
SIDES = {"vision": ":material/image:", "language": ":material/translate:"}
WIDTHS = (1.7, 3, 3)


def show(lesson: Lesson) -> None:
    with st.container(key="overview", gap="xsmall"):
        for column, (side, icon) in zip(st.columns(WIDTHS)[1:], SIDES.items(), strict=True):
            column.markdown(f"{icon} **{say(f'lessons.{side}')}**")
        for name, row in ROWS.items():
            place, *sides = st.columns(WIDTHS, vertical_alignment="center")
            with place:
                guide.go(name, "overview", ":material/arrow_forward:", quiet=True)
            for column, icon, text in zip(sides, SIDES.values(), row(lesson), strict=True):
                column.markdown(f"{icon} {text}")  # on a phone they stand below each other


def _input(lesson: Lesson) -> Row:
    side = lesson.vision_model.patch
    pieces = inputs.embed_sentence(lesson.translator, lesson.sentence, lesson.target)
    return (
        say("overview.input_vision", numbers=3 * side * side),
        say("overview.input_language", vocabulary=f"{pieces.vocabulary:,}"),
    )


def _attention(lesson: Lesson) -> Row:
    vision = list(lesson.vision.traces.values())
    text = list(lesson.translation.traces.values())
    return _heads(vision) if vision else say("overview.attention_none"), _heads(text)


def _heads(traces: list[AttentionTrace]) -> str:
    maps = sum(trace.layers * trace.heads for trace in traces)
    return say("overview.attention", maps=maps)


def _architecture(lesson: Lesson) -> Row:
    modules = lesson.vision_model.module, lesson.translator.module
    vision, text = (large(cost.learnt(module)) for module in modules)
    traces = lesson.translation.traces
    layers = {kind: traces[kind].layers for kind in ("encoder", "decoder")}
    return (
        say("overview.architecture_vision", layers=len(lesson.vision_model.layers), parameters=vision),
        say("overview.architecture_language", parameters=text, **layers),
    )


def _task(lesson: Lesson) -> Row:
    classes = lesson.vision_model.classes
    key, count = ("classes", len(classes)) if classes else ("vector", lesson.vision.features.shape[-1])
    steps = len(lesson.translation.steps)
    return say(f"overview.task_{key}", count=count), say("overview.task_language", steps=steps)


def _loss(lesson: Lesson) -> Row:
    classes = lesson.vision_model.classes
    if classes:
        vision = say("overview.loss_class", even=f"{math.log(len(classes)):.2f}")
    else:
        views = lesson.of_picture("views", lambda: pipeline.view_loss(lesson.vision_model, lesson.vision))
        vision = say("overview.loss_views", loss=f"{views:.3f}")
    return vision, say("overview.loss_language", loss=f"{-lesson.translation.score:.3f}")


def _fields(lesson: Lesson) -> Row:
    score = foreground.feature_score(lesson.vision.features)
    share = float((score > foreground.otsu(score)).float().mean())
    lengths = {"before": len(lesson.sentence), "after": len(lesson.translation.text)}
    return say("overview.fields_vision", share=f"{share:.0%}"), say("overview.fields_language", **lengths)


def _cost(lesson: Lesson) -> Row:
    vision = sum(map(_weights, lesson.vision.traces.values())) or len(lesson.vision.axis) ** 2
    text = sum(map(_weights, lesson.translation.traces.values()))
    return say("overview.cost", weights=large(vision)), say("overview.cost", weights=large(text))


def _weights(trace: AttentionTrace) -> int:
    return trace.layers * trace.heads * len(trace.query_axis) * len(trace.key_axis)


def _limits(lesson: Lesson) -> Row:
    steps = len(lesson.translation.steps)
    return say("overview.limits_vision", positions=len(lesson.vision.axis)), say(
        "overview.limits_language", steps=steps
    )


def _meet(lesson: Lesson) -> Row:
    return say("overview.meet_vision", keys=len(lesson.vision.axis)), say(
        "overview.meet_language", keys=len(lesson.translation.source)
    )


ROWS: dict[str, Callable[[Lesson], Row]] = {
    "input": _input,
    "mathematics": _attention,
    "architecture": _architecture,
    "task": _task,
    "loss": _loss,
    "fields": _fields,
    "cost": _cost,
    "limits": _limits,
    "meet": _meet,
}
