"""The bridge: one model that looks and writes, and which patches it read for each word."""

import streamlit as st

from core.errors import SidelightError
from core.ui import frame
from core.ui.bridge import page
from core.ui.entry import enter
from core.ui.language import show_error

enter()
frame.head("bridge")

picture, told = page.choose()
try:
    page.show(picture, told)
except SidelightError as error:
    show_error(error)
    st.stop()
