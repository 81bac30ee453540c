"""The five differences between vision and language Transformers, each shown on the loaded models."""

import streamlit as st

from core.ui import inputs, readable
from core.ui.columns import beside
from core.ui.differences import quiz
from core.ui.differences.lesson import prepare
from core.ui.differences.sections import SECTIONS
from core.ui.entry import enter
from core.ui.language import say

enter()
st.title(say("differences.title"))
st.caption(say("differences.lead"))

vision, translation = inputs.choose_models()

left, right = beside("inputs", (2, 3))
with left:
    photo = inputs.choose_photo()
with right:
    sentence = inputs.choose_sentence(translation[1].targets, translation[1].sources)
    readable.tell(translation[1], *sentence)

section = inputs.choose_section("section", list(SECTIONS), "differences")
left, right = st.columns([2, 1])
tally = left.empty()
with right:
    quiz.choose_all()
if lesson := prepare(vision, photo, translation, sentence):
    with st.container(key="section_body"):
        SECTIONS[section](lesson)
with tally:
    quiz.show_progress()
