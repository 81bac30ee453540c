"""Sidelight: `streamlit run app.py`. Imported, this is the server; run for a person, it draws page settings, language,
navigation and the chosen page."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.ui import choices, frame, server, share
from core.ui.entry import run
from core.ui.language import say


def draw() -> None:
    choices.begin()
    shared = frame.begin()
    page = st.navigation(
        [
            st.Page("pages/compare.py", title=say("page.compare"), icon=":material/compare:", default=True),
            st.Page("pages/vision.py", title=say("page.vision"), icon=":material/image:"),
            st.Page("pages/translation.py", title=say("page.translation"), icon=":material/translate:"),
            st.Page("pages/bridge.py", title=say("page.bridge"), icon=":material/visibility:"),
            st.Page("pages/explain.py", title=say("page.explain"), icon=":material/troubleshoot:"),
            st.Page("pages/differences.py", title=say("page.differences"), icon=":material/school:"),
            st.Page("pages/finetune.py", title=say("page.finetune"), icon=":material/model_training:"),
            st.Page("pages/models.py", title=say("page.models"), icon=":material/inventory_2:"),
        ],
        position="top",
    )
    try:
        run(page)
    finally:  # a page may stop on its way
        with shared:
            share.offer()


if get_script_run_ctx(suppress_warning=True):
    draw()
else:
    app = st.App(__file__, routes=server.routes(), on_script_error=server.failed)
