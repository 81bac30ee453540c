"""Autoregressive writing, within section 3: each step with what else was likely and what it read."""

import streamlit as st
import torch

from core.ui import choices
from core.ui.differences import quiz
from core.ui.differences.lesson import Lesson, joined, piece_name
from core.ui.differences.quiz import Verdict
from core.ui.language import say
from core.ui.plain import piece_text
from core.views.charts import QUIET, probability_bars
from core.views.differences import figures


def show(lesson: Lesson) -> None:
    st.header(say("lesson_arch.decode"))
    if _ask_read(lesson):
        st.caption(say("lesson_arch.decode_help"))
        _scrub(lesson)


def _reading(lesson: Lesson, step: int) -> list[float]:
    """What a step (from 0) read: a share for each source piece; last layer, mean of its heads."""
    cross = lesson.translation.traces["cross"]
    rows = [cross.row(cross.layers - 1, head, step) for head in range(cross.heads)]
    return torch.stack(rows).mean(0).tolist()


def _ask_read(lesson: Lesson) -> bool:
    """About the step whose reading is the most concentrated, so that there is something to be right about."""
    translation = lesson.translation
    content = [i for i, special in enumerate(translation.target.special) if not special] or [0]
    readings = {step: _reading(lesson, step) for step in content}
    step = max(readings, key=lambda one: max(readings[one]))
    shares = readings[step]
    best, second = sorted(range(len(shares)), key=lambda i: -shares[i])[:2] if len(shares) > 1 else (0, 0)
    pieces = translation.source.pieces
    told = {
        "best": piece_name(pieces[best]),
        "share": f"{shares[best]:.0%}",
        "second": piece_name(pieces[second]),
        "share2": f"{shares[second]:.0%}",
    }

    def check(choice: int) -> Verdict:
        yours = say("lesson_arch.yours_read", value=f"{shares[choice]:.0%}")
        return Verdict(choice == best, say("lesson_arch.tell_read", **told), yours=yours)

    question = say("lesson_arch.ask_read", piece=piece_name(translation.steps[step].piece), step=step + 1)
    return quiz.ask_word(lesson, "arch_read", question, pieces, check)


@st.fragment
def _scrub(lesson: Lesson) -> None:
    translation = lesson.translation
    steps = translation.steps
    count = len(steps)
    number = 1
    if count > 1:
        chosen = choices.widget("step", f"lesson_step_{lesson.run}", range(1, count + 1), min(3, count))
        number = st.slider(say("lesson_arch.step"), 1, count, **chosen)
    step = steps[number - 1]
    pieces = [piece_name(one.piece) for one in steps]
    so_far = " ".join([*pieces[: number - 1], f":primary-background[**{pieces[number - 1]}**]"])
    rest = " ".join(f":gray[{piece}]" for piece in pieces[number:])
    st.markdown(f"{say('lesson_arch.written')} {so_far} {rest}")
    values = {
        "step": number,
        "piece": pieces[number - 1],
        "probability": f"{step.probability:.1%}",
        "entropy": f"{step.entropy:.2f}",
        "choices": f"{2**step.entropy:.1f}",
    }
    text = say("lesson_arch.step_says", **values)
    first = max(chance for _, chance in step.alternatives)
    st.markdown(text if step.probability >= first - 1e-6 else joined(text, say("lesson_arch.not_first")))
    left, right = st.columns(2, gap="large")
    left.markdown(f"**{say('lesson_arch.alternatives')}**")
    names, chances = zip(*step.alternatives, strict=True)
    left.plotly_chart(probability_bars(names, chances), key="lesson_alternatives", config=QUIET)
    right.markdown(f"**{say('lesson_arch.read')}**")
    labels = [piece_text(piece) for piece in translation.source.pieces]
    figure = figures.piece_bars(labels, _reading(lesson, number - 1), say("lesson_arch.share"))
    right.plotly_chart(figure, key="lesson_reading", config=QUIET)
