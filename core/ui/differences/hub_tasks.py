"""Other tasks, within section 4: a model of the hub by its name, its answer, and its attention in the linked view."""

from collections.abc import Sequence

import streamlit as st

from core.differences.tasks import summary_prompt
from core.errors import SidelightError
from core.models import hub
from core.models.answering import Answer
from core.models.classification import Classification
from core.models.detection import Detection
from core.models.segmentation import Segmentation
from core.models.translation import Translation
from core.ui import choices, inputs, linked, work
from core.ui.copyable import copyable
from core.ui.differences import hub_words
from core.ui.differences.hub_words import typed
from core.ui.differences.lesson import Lesson, joined
from core.ui.explain import maps
from core.ui.explain import text as text_side
from core.ui.language import say, show_error
from core.ui.plain import plain
from core.views.charts import QUIET, probability_bars
from core.views.linked.cards import Named
from core.views.masks import COLOURS, coloured_photo

TASKS = ("detect", "segment", "summary", "answer", "classify", "generate", "fill", "both")
SIDES = (256, 384, 512, 640, 800)  # px of a photo's shortest edge
LEAST = 0.1  # probability of an object that is kept at all
CLASSES = 12  # of a text, that are shown


def show(lesson: Lesson) -> None:
    """The tasks in a row; the chosen one waits for Start, because its model has to be fetched once."""
    st.caption(say("lesson_hub.lead"))
    task = inputs.choose_section("hub_task", TASKS, "lesson_hub")
    name = _choose(task)
    try:
        SHOW[task](lesson, name)
        if hub.came_pickled(name):
            st.caption(say("lesson_hub.was_pickled", name=plain(name)))
    except SidelightError as error:
        show_error(error)


def _choose(task: str) -> str:
    """A model's name; none where nothing is offered, as the twins are two that are here."""
    if not (offered := inputs.offered(task)):
        return ""
    first = next(iter(offered))
    return inputs.choose_named(f"hub_{task}", offered, first, say("lesson_hub.model"), say("lesson_hub.model_help"))


def _detect(lesson: Lesson, name: str) -> None:
    left, right = st.columns(2)
    side = left.select_slider(say("lesson_hub.side"), SIDES, 512, key="hub_side", help=say("lesson_hub.side_help"))
    least = right.slider(say("lesson_hub.least"), LEAST, 0.95, 0.5, 0.05, format="percent", key="hub_least")
    found: Detection | None = work.hub_answer(
        "detect", name, (work.digest(lesson.image), side), lambda model, _: model.detect(lesson.image, side, LEAST)
    )
    if found is None:
        return
    objects = [one for one in found.objects if one.probability >= least]
    st.markdown(say("lesson_hub.objects", count=len(objects), least=f"{least:.0%}", all=len(found.objects)))
    told = ("by_token" if found.axis.suffix else "by_decoder") if objects else "no_objects"
    st.caption(say(f"lesson_hub.{told}"))
    first = found.axis.patches.stop if found.axis.suffix else 0
    asked = bool(found.axis.suffix or "cross" in found.traces)
    named = [
        Named(first + one.query if asked else None, f"{one.label} {one.probability:.0%}", one.box) for one in objects
    ]
    _picture(lesson, name, found, named)


def _segment(lesson: Lesson, name: str) -> None:
    found: Segmentation | None = work.hub_answer(
        "segment", name, (work.digest(lesson.image),), lambda model, _: model.segment(lesson.image)
    )
    if found is None:
        return
    shown = list(found.shares)[: len(COLOURS)]
    left, right = st.columns(2, gap="large")
    left.image(coloured_photo(lesson.image, found.classes, shown), width="stretch", alt=lesson.title)
    figure = probability_bars([found.labels[one] for one in shown], [found.shares[one] for one in shown])
    figure.update_traces(marker_color=[f"rgb{colour}" for colour in COLOURS])
    right.plotly_chart(figure, key="hub_shares", config=QUIET)
    if len(found.shares) > len(shown):
        right.caption(say("lesson_hub.more_classes", count=len(found.shares) - len(shown)))
    _picture(lesson, name, found)


def _picture(lesson: Lesson, name: str, found: Detection | Segmentation, named: Sequence[Named] = ()) -> None:
    if "encoder" in found.traces and found.left_out:
        st.caption(say("lesson_hub.left_out", shown=found.traces["encoder"].layers, count=found.left_out))
    card = linked.card(found.traces, linked.photo_title(name, found.axis), lesson.image, named=named)
    linked.show([card], "hub_image")


def _summary(lesson: Lesson, name: str) -> None:
    text = typed("summary")
    found: Translation | None = work.hub_answer(
        "summary", name, (text,), lambda model, on_step: model.translate(summary_prompt(model, text), on_step=on_step)
    )
    if found is not None:
        copyable(found.text, "hub_summary_written")
        linked.show([linked.card(found.traces, name, written=found.target)], "hub_sentence")


def _answer(lesson: Lesson, name: str) -> None:
    question, context = typed("question", 68), typed("context")
    found: Answer | None = work.hub_answer(
        "answer", name, (question, context), lambda model, _: model.answer(question, context)
    )
    if found is None:
        return
    names = [one.text or say("lesson_hub.no_answer") for one in found.spans]
    figure = probability_bars(names, [one.probability for one in found.spans])
    st.plotly_chart(figure, key="hub_spans", config=QUIET)
    st.caption(say("lesson_hub.spans"))
    best = found.spans[0]
    linked.show([linked.card(found.traces, name, marked=range(best.first, best.last + 1))], "hub_text")


def _classify(lesson: Lesson, name: str) -> None:
    text = typed("review")
    found: Classification | None = work.hub_answer("classify", name, (text,), lambda model, _: model.classify(text))
    if found is None:
        return
    best = found.probabilities.argsort(descending=True)[:CLASSES].tolist()
    figure = probability_bars([found.classes[one] for one in best], [float(found.probabilities[one]) for one in best])
    st.plotly_chart(figure, key="hub_classes", config=QUIET)
    told = [say(f"lesson_hub.classes_{'one' if found.exclusive else 'each'}", count=len(found.classes))]
    if len(found.classes) > CLASSES:
        told.append(say("lesson_hub.more_labels", shown=CLASSES, count=len(found.classes)))
    if all(label == f"LABEL_{number}" for number, label in enumerate(found.classes)):
        told.append(say("lesson_hub.classes_unnamed"))
    st.caption(joined(*told))
    linked.show([linked.card(found.traces, name)], "hub_text")
    if st.toggle(
        say("text_side.why"), **choices.widget("why", "hub_why", (False, True), False, lambda on: str(int(on)))
    ):
        side = text_side.side("classify", name, text)
        if side is not None:
            maps.show_one(side)


SHOW = {
    "detect": _detect,
    "segment": _segment,
    "summary": _summary,
    "answer": _answer,
    "classify": _classify,
    "generate": hub_words.generate,
    "fill": hub_words.fill,
    "both": hub_words.both,
}
