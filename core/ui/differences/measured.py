"""The part of Loss on what a loss has and a measure lacks: both while what is right is pushed up, for the class and for
the sequence."""

from collections.abc import Callable

import streamlit as st
import torch
from torch import Tensor

from core.differences import loss, measures, texts
from core.differences.measures import Sweep
from core.ui.differences import scores
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import class_name, say
from core.ui.plain import plain
from core.views.charts import QUIET
from core.views.differences.charts import above_each_other
from core.wording import minus


def show(lesson: Lesson, classes: Callable[[Lesson], tuple[Tensor, tuple[str, ...]]]) -> None:
    """classes: the logits of the photo and what its classes are called."""
    st.markdown(say("measured.lead"))
    reference = scores.reference(lesson)
    text = _sequence(lesson, reference)

    def check(choice: str) -> Verdict:
        moved = (abs(text.loss_slope) > 0, text.measure_slope != 0)
        actual = {(True, False): "loss", (False, True): "measure", (True, True): "both"}.get(moved, "neither")
        values = {"loss": minus(f"{text.loss_slope:.3f}"), "bleu": minus(f"{text.measure_slope:g}")}
        return Verdict(choice == actual, say("measured.answer", **values))

    options = {name: say(f"measured.{name}") for name in ("loss", "measure", "both", "neither")}
    key = f"measured_{scores.short(reference)}"
    if not ask_option(lesson, key, say("measured.ask", nudge="1/64"), options, check):
        return
    note(say("measured.why"))
    st.latex(r"\frac{\partial \mathcal{L}}{\partial \delta} = -\frac{1}{n}\sum_{t=1}^{n}\bigl(1 - p_t(y_t)\bigr)")
    st.caption(say("measured.symbols"))
    logits, names = classes(lesson)
    order = logits.argsort(descending=True).tolist()
    supposed = order[min(1, len(order) - 1)]
    seen = measures.sweep(logits[None], torch.tensor([supposed]), lambda choice: float(choice[0] == supposed))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{say('lessons.vision')}**")
        _drawn(seen, say("measured.accuracy"), "measured_class")
        note(say("measured.class_note", label=plain(class_name(names[supposed])), **_slopes(seen)))
    with right:
        st.markdown(f"**{say('lessons.language')}**")
        _drawn(text, "BLEU", "measured_sequence")
        note(say("measured.sequence_note", flips=text.flips, steps=len(measures.PUSHES) - 1, **_slopes(text)))
    note(say("measured.note"))


def _sequence(lesson: Lesson, reference: str) -> Sweep:
    translator = lesson.translator
    output = loss.reference_ids(translator, reference, lesson.target)
    source, _ = translator.source_pieces(lesson.sentence, lesson.target)

    def judge(chosen: Tensor) -> float:
        return texts.bleu(translator.text(chosen), reference, lesson.target == "cmn_Hans").score

    def sweep() -> Sweep:
        logits = loss.sequence_logits(translator, source, output)
        return measures.sweep(logits.cpu(), output[0, 1:].cpu(), judge)

    return lesson.of_sentence(("measured", reference), sweep)


def _slopes(found: Sweep) -> dict[str, str]:
    return {"slope": minus(f"{found.loss_slope:.3f}"), "other": minus(f"{found.measure_slope:g}")}


def _drawn(found: Sweep, measure: str, key: str) -> None:
    names = (say("measured.cross_entropy"), measure)
    figure = above_each_other(measures.PUSHES, (found.loss, found.measure), names, say("measured.push"))
    st.plotly_chart(figure, key=key, config=QUIET)
