"""Architecture, a part of it: the four squares of learning without labels, hidden or next, in pictures and in text."""

import math

import streamlit as st
from PIL import Image

from core.differences import squares
from core.differences.squares import Square
from core.errors import SidelightError
from core.ui import work
from core.ui.differences import hub_words
from core.ui.differences.lesson import Lesson, model_title, note
from core.ui.differences.measure import table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import language, say

SHOWN = 224  # px


def show(lesson: Lesson) -> None:
    st.header(say("squares.title"))
    st.markdown(say("squares.lead"))
    work.vision_model(squares.BACKBONE)  # with progress, before anything is asked
    if lesson.vision_name != squares.BACKBONE:
        st.caption(say("squares.borrowed", name=model_title(squares.BACKBONE)))

    def found() -> dict[str, Square]:
        backbone = work.vision_model(squares.BACKBONE)  # by name: a page that stands open keeps no model
        return lesson.of_picture("squares", lambda: squares.squares(backbone, lesson.image))

    def check(choice: str) -> Verdict:
        hidden, following = (found()[way].error for way in squares.WAYS)
        ratio = following / hidden
        actual = "hidden" if ratio > 1.2 else "next" if ratio < 1 / 1.2 else "same"
        return Verdict(choice == actual, say("squares.told", hidden=f"{hidden:.4f}", next=f"{following:.4f}"))

    options = {name: say(f"squares.{name}") for name in ("hidden", "next", "same")}
    if not ask_option(lesson, "arch_squares", say("squares.ask"), options, check):
        return
    for place, way in zip(st.columns(2, gap="large"), squares.WAYS, strict=True):
        with place:
            _picture(way, found()[way])
    twins = _of_twins(lesson)
    if twins is None:
        return
    rows = [
        [f"**{say('lessons.vision')}**", *(_errors(found()[way]) for way in squares.WAYS)],
        [
            f"**{say('lessons.language')}**",
            *twins,
        ],
    ]
    table(["", say("squares.hidden_title"), say("squares.next_title")], rows, texts=3)
    better = all(one.error < one.nearest for one in found().values())
    note(say("squares.note_better" if better else "squares.note_worse"))
    st.caption(say("squares.how", each=squares.EACH, side=squares.SIDE))


def _of_twins(lesson: Lesson) -> list[str] | None:
    """What a piece of the sentence costs those that were trained in each way; why not, where they cannot read it. None
    while they do."""
    try:
        found = hub_words.guesses(lesson.sentence)
    except SidelightError as error:
        return [error.sentence(language())] * 2
    if found is None:
        return None
    even = f"{math.log(hub_words.vocabulary_size()):.2f}"
    ways = zip(squares.WAYS, found, strict=True)
    return [say(f"squares.text_{way}", loss=f"{one.nats:.2f}", even=even) for way, one in ways]


def _picture(way: str, one: Square) -> None:
    st.markdown(f"**{say(f'squares.{way}_title')}**")
    for picture, name in ((one.seen, "seen"), (one.restored, "restored")):
        large = picture.resize((SHOWN, SHOWN), Image.Resampling.NEAREST)
        st.image(large, say(f"squares.{name}_{way}"), width=SHOWN, alt=say(f"squares.{name}_{way}"))


def _errors(one: Square) -> str:
    values = {"error": f"{one.error:.4f}", "near": f"{one.nearest:.4f}", "mean": f"{one.mean:.4f}"}
    return say("squares.errors", count=one.predicted, **values)
