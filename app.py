"""Sidelight's entry: page settings, language and navigation. Start it with `streamlit run app.py`."""

import streamlit as st

from core.ui import choices
from core.ui.entry import run
from core.ui.language import choose_language, say

STYLE = """<style>
.stMainBlockContainer { padding: 2.5rem 2rem 2rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 4rem 1rem 1rem; } }
h1 { font-size: 1.75rem !important; padding: 0 !important; }
</style>"""

st.set_page_config(page_title="Sidelight", page_icon="◐", layout="wide")
st.html(STYLE)
choices.begin()
choose_language()
page = st.navigation(
    [
        st.Page("pages/compare.py", title=say("page.compare"), icon=":material/compare:", default=True),
        st.Page("pages/vision.py", title=say("page.vision"), icon=":material/image:"),
        st.Page("pages/translation.py", title=say("page.translation"), icon=":material/translate:"),
        st.Page("pages/explain.py", title=say("page.explain"), icon=":material/troubleshoot:"),
        st.Page("pages/differences.py", title=say("page.differences"), icon=":material/school:"),
        st.Page("pages/finetune.py", title=say("page.finetune"), icon=":material/model_training:"),
        st.Page("pages/models.py", title=say("page.models"), icon=":material/inventory_2:"),
    ],
)
run(page)
