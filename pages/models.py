"""The models that ship with the project: what each is, how good it was measured to be, and what it is bad at."""

import streamlit as st

from core.models.catalogue import BUNDLED
from core.ui.entry import enter
from core.ui.finetune import compare_runs
from core.ui.language import language, say

enter()
st.title(say("models.title"))
st.caption(say("models.lead"))

for card in BUNDLED:
    with st.container(border=True):
        st.markdown(card.readme(language()).replace("# ", "### ", 1))  # its title is a section of this page
        st.caption(say("models.file", megabytes=f"{card.weights.stat().st_size / 1e6:.1f}", sha256=card.sha256))
st.caption(say("models.more"))

st.subheader(say("models.trained"))
compare_runs.listed()
