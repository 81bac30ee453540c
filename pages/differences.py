"""The differences between vision and language Transformers, each shown on the loaded models: a lesson in order."""

import streamlit as st

from core.ui import frame, inputs
from core.ui.differences import gather, guide, quiz, remembered, worksheet
from core.ui.differences.lesson import prepare
from core.ui.differences.sections import MINUTES, SECTIONS
from core.ui.entry import enter

enter()
frame.head("differences")

found = inputs.choose_both(framed=False)  # the lessons are told of a crop
names = list(SECTIONS)
section = guide.choose(names)
left, right = st.columns(2)
tally = left.empty()
with right, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
    quiz.choose_all()
    gather.offer()
if lesson := prepare(*found):
    with st.container(key="section_body"):
        guide.head(section, MINUTES)
        SECTIONS[section](lesson)
    guide.foot(section, names)
    worksheet.offer(lesson, names)
with tally:
    quiz.show_progress()
remembered.keep()
