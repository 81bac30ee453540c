"""The five differences between vision and language Transformers, each shown on the loaded models."""

import streamlit as st

from core.ui import inputs, keep, work
from core.ui.entry import enter
from core.ui.language import say
from core.ui.lessons import quiz
from core.ui.lessons.lesson import prepare
from core.ui.lessons.sections import SECTIONS

enter("pages/differences.py")
st.title(say("differences.title"))
st.caption(say("differences.lead"))

with st.popover(say("compare.models"), icon=":material/tune:"):
    vision_name = inputs.choose_model("vision", "vision_model", say("compare.vision_model"))
    translation_name = inputs.choose_model("translation", "translation_model", say("compare.translation_model"))
vision = work.vision_or_bundled(vision_name)
translation = work.translator_or_bundled(translation_name)

left, right = st.columns([2, 3])
with left:
    photo = inputs.choose_photo()
with right:
    sentence = inputs.choose_sentence(translation[1].targets)

first = next(iter(SECTIONS))
if (kept := keep.restore_parameter("section")) in SECTIONS:
    st.session_state.section = kept  # the link names it, whatever the language
section = (
    st.segmented_control(
        say("differences.sections"), list(SECTIONS), format_func=lambda name: say(f"differences.{name}"),
        key="section", default=None if "section" in st.session_state else first, required=True,
        label_visibility="collapsed",
        on_change=lambda: keep.set_parameter("section", st.session_state.section),
    )
    or first
)  # fmt: skip
tally = st.empty()
if lesson := prepare(vision, photo, translation, sentence):
    SECTIONS[section](lesson)
with tally:
    quiz.show_progress()
