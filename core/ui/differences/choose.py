"""The model chooser: what fits a task, the data, the machine and the licence."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.differences import chooser
from core.ui import choices
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import large, table
from core.ui.language import say
from core.ui.plain import plain


def show(lesson: Lesson) -> None:
    note(say("choose.lead"))
    places = st.columns(4)
    questions = (
        ("task", chooser.TASKS),
        ("data", chooser.DATA),
        ("compute", tuple(chooser.COMPUTE)),
        ("licence", chooser.LICENCES),
    )
    answers = {name: _ask(place, name, options) for place, (name, options) in zip(places, questions, strict=True)}
    found = chooser.fitting(**answers)
    if not found:
        st.info(say("choose.nothing"))
        return
    now = {lesson.vision_name, lesson.translation_name}
    table(
        [say("choose.model"), say("choose.size"), say("choose.ready"), say("choose.licence"), say("choose.figure")],
        [
            [
                f"**{plain(one.title)}**" + (f" · {say('choose.now')}" if one.name in now else "") + _hub(one),
                large(one.parameters),
                say("choose.yes" if one.ready else "choose.after"),
                plain(one.licence),
                _figure(one),
            ]
            for one in found
        ],
        texts=5,
    )
    note(say(f"choose.method_{chooser.METHODS[answers['data']]}"))
    if answers["data"] != "none":
        st.page_link("pages/finetune.py", label=say("page.finetune"), icon=":material/model_training:")
    st.caption(say("choose.rule"))


def _ask(place: DeltaGenerator, name: str, options: Sequence[str]) -> str:
    return place.selectbox(
        say(f"choose.{name}"),
        options,
        format_func=lambda option: say(f"choose.{name}_{option}"),
        **choices.widget(name, f"choose_{name}", options, options[0]),
    )


def _hub(one: chooser.Candidate) -> str:
    return "" if one.here else f" `{one.name}`"


def _figure(one: chooser.Candidate) -> str:
    if one.here:
        return f"{one.figure} ({say('choose.measured')})" if one.figure else say("choose.see_card")
    return f"{one.figure} ([{say('choose.source')}]({one.source}))"
