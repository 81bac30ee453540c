"""The bridge: one model that looks and writes, and which patches it read for each word."""

import streamlit as st

from core.errors import SidelightError
from core.ui import frame
from core.ui.bridge import page, run
from core.ui.entry import enter
from core.ui.language import show_error

enter()
frame.head("bridge")

picture, language, beams, claim = page.choose()
try:
    page.show(picture, run.told(picture.image, picture.fit, language, beams, claim))
except SidelightError as error:
    show_error(error)
    st.stop()
