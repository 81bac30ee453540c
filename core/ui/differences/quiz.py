"""Predict, then reveal: a question is answered first, then the run answers it, with its numbers.

The first answer counts. Another photo, sentence or model asks again; how many were answered and right is kept, over a
reload too (`remembered.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.models.vision import VisionResult
from core.ui import choices
from core.ui.differences import gather, worksheet
from core.ui.differences.lesson import Lesson, joined, piece_name
from core.ui.differences.pick import patch_chart
from core.ui.differences.remembered import Answer, answers
from core.ui.language import say
from core.views.charts import AMBER, TEAL
from core.views.differences.figures import VIOLET

SHOWN = "shown"  # as the link says it


@dataclass(frozen=True)
class Verdict:
    """text: what the run says, with its numbers, in Markdown. patches: those that are the answer, to be marked. yours:
    what it says of the choice, left out where there was none."""

    right: bool
    text: str
    patches: tuple[int, ...] = ()
    yours: str = ""


def ask_option(
    lesson: Lesson, key: str, question: str, options: Mapping[str, str], check: Callable[[str], Verdict]
) -> bool:
    """One of a few options, label by name. Returns whether it was answered (or given up): the time to show more."""
    return _ask_pills(lesson, key, question, list(options), options.__getitem__, check, named=True)


def ask_word(lesson: Lesson, key: str, question: str, words: Sequence[str], check: Callable[[int], Verdict]) -> bool:
    """A word or piece, by its index: as typed or written, not as Markdown."""
    return _ask_pills(lesson, key, question, list(range(len(words))), lambda i: piece_name(words[i]), check)


def ask_patch(
    lesson: Lesson,
    key: str,
    question: str,
    check: Callable[[int], Verdict],
    asked: Sequence[int] = (),
    picture: VisionResult | None = None,
) -> bool:
    """A patch, from 0 row by row, by a click in the picture (the lesson's own, or another). asked: patches that the
    question is about, in teal."""
    rows, columns = (picture or lesson.vision).axis.grid
    with st.container(border=True):
        given = _given(lesson, key)
        _pose(question, given)
        worksheet.note(lesson, key, question, (), picture is None, asked)
        chosen = _chosen(given, range(rows * columns))
        verdict = None if chosen is None else check(chosen)
        marks = dict.fromkeys(check(0).patches, AMBER) if given else {}
        marks |= dict.fromkeys(asked, TEAL)
        if chosen is not None:
            marks[chosen] = VIOLET
        take = None if given else (lambda patch: _record(lesson, key, patch, check(patch).right))
        patch_chart(picture or lesson.vision, f"quiz_{key}_{lesson.run}_{bool(given)}", marks, take)
        if given:
            st.caption(say("quiz.colours" if verdict else "quiz.colours_shown"))
        shown = (picture or lesson.vision).fitted.pixels
        answer = (verdict or check(0)).text if given else None
        gather.predictions(f"{key}_{lesson.run}", question, (), (shown, (rows, columns), asked), answer)
        _reveal(lesson, key, given, chosen, verdict, check, 0)
    return given is not None


def progress() -> tuple[int, int]:
    """(questions answered, answered right) in this session."""
    given = [answer for answer in answers().values() if answer.choice is not None]
    return len(given), sum(answer.right for answer in given)


def choose_all() -> None:
    """Whether every answer is shown without asking, for who explains; the link carries it as `answers`."""
    st.toggle(
        say("quiz.all"),
        help=say("quiz.all_help"),
        **choices.widget("answers", "answers_shown", (False, True), False, lambda on: SHOWN if on else "hidden"),
    )


def show_progress() -> None:
    answered, right = progress()
    if answered:
        st.caption(say("quiz.progress", answered=answered, right=right))
    elif not st.session_state.get("answers_shown"):
        st.caption(say("quiz.none"))


def _ask_pills(
    lesson: Lesson,
    key: str,
    question: str,
    options: list[Any],
    label: Callable[[Any], str],
    check: Callable[[Any], Verdict],
    named: bool = False,
) -> bool:
    """named: whether what is right is named before the run's numbers; where those name it, once is enough."""
    with st.container(border=True):
        given = _given(lesson, key)
        _pose(question, given)
        widget = f"quiz_{key}_{lesson.run}"
        labels = [label(option) for option in options]
        worksheet.note(lesson, key, question, labels)

        def take() -> None:
            choice = st.session_state[widget]
            if choice is not None:
                _record(lesson, key, choice, check(choice).right)

        if given is None:
            st.pills(question, options, format_func=label, key=widget, label_visibility="collapsed", on_change=take)
        chosen = _chosen(given, options)
        verdict = None if chosen is None else check(chosen)
        right = [label(option) for option in options if check(option).right] if given and named else []
        answer = joined(_named(right), (verdict or check(options[0])).text) if given else None
        gather.predictions(f"{key}_{lesson.run}", question, labels, None, answer)
        if chosen is not None:
            st.markdown(say("quiz.chosen", choice=label(chosen)))
        _reveal(lesson, key, given, None if chosen is None else label(chosen), verdict, check, options[0], right)
    return given is not None


def _pose(question: str, given: Answer | None) -> None:
    """The question; where the answer is shown without one, nobody is asked to predict."""
    st.markdown(f"**{say('quiz.question' if given and given.choice is None else 'quiz.predict')}** {question}")


def _reveal(
    lesson: Lesson,
    key: str,
    given: Answer | None,
    chosen: str | int | None,
    verdict: Verdict | None,
    check: Callable,
    some: Any,
    right: Sequence[str] = (),
) -> None:
    """The run's answer, or a way to see it without answering, which does not count. right: the options that are."""
    named = _named(right)
    if given is None:
        st.button(
            say("quiz.skip"),
            key=f"skip_{key}_{lesson.run}",
            type="tertiary",
            on_click=_record,
            args=(lesson, key, None, False),
        )
        return
    text = (verdict or check(some)).text
    worksheet.answered(key, chosen, joined(named, text))
    if verdict is None:
        st.info(joined(text, named), icon=":material/visibility:")
    elif verdict.right:
        st.success(f"**{say('quiz.right')}** {joined(text, verdict.yours)}", icon=":material/check_circle:")
    else:
        st.warning(f"**{say('quiz.wrong')}** {joined(named, text, verdict.yours)}", icon=":material/change_circle:")


def _named(right: Sequence[str]) -> str:
    return say("quiz.answer", answer=say("list.comma").join(right)) if right else ""


def _given(lesson: Lesson, key: str) -> Answer | None:
    answer = answers().get(key)
    if answer and answer.run == lesson.run:
        return answer
    return Answer(lesson.run, None, False) if st.session_state.get("answers_shown") else None


def _chosen(given: Answer | None, options: Sequence[Any]) -> Any:
    """Of the options the one that was chosen; None where none was, or it is not offered any more."""
    return next((option for option in options if given and str(option) == given.choice), None)


def _record(lesson: Lesson, key: str, choice: Any, right: bool) -> None:
    answers()[key] = Answer(lesson.run, None if choice is None else str(choice), right)
