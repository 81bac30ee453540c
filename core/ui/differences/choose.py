"""The model chooser: what fits a task, the data, the machine and the licence."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.differences import chooser
from core.ui import choices, visitor
from core.ui.differences.lesson import Lesson, model_title, note
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
    found = [one for one in chooser.fitting(**answers) if visitor.sees_model(one.name)]
    if not found:
        st.info(say("choose.nothing"))
        return
    now = {lesson.vision_name, lesson.translation_name}
    table(
        [say("choose.model"), say("choose.size"), say("choose.ready"), say("choose.licence"), say("choose.figure")],
        [
            [
                f"**{plain(model_title(one.name) if one.here else one.title)}**"
                + (f" · {say('choose.now')}" if one.name in now else "")
                + _hub(one),
                large(one.parameters),
                say("choose.yes" if one.ready else "choose.after"),
                plain(_told(one.licence).replace(", ", say("list.comma"))),
                _figure(one),
            ]
            for one in found
        ],
        texts=5,
    )
    if answers["data"] != "none" and answers["task"] not in chooser.LEARNT_HERE:
        note(say("choose.elsewhere"))
    else:
        note(say(f"choose.method_{chooser.METHODS[answers['data']]}"))
    if answers["data"] != "none" and answers["task"] in chooser.LEARNT_HERE:
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
        return (
            say("choose.by", figure=_told(one.figure), source=say("choose.measured"))
            if one.figure
            else say("choose.see_card")
        )
    return say("choose.by", figure=one.figure, source=f"[{say('choose.source')}]({one.source})")


def _told(text: str) -> str:
    """In the person's language, where it is a key of the wording."""
    return say(text) if text.startswith("choose.") else text
