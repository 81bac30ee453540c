"""The models that ship with the project: what each is, how good it was measured to be, and what it is bad at."""

import streamlit as st

from core.models.catalogue import BUNDLED, CAPTIONER, LANGUAGE
from core.ui import frame, known
from core.ui.entry import enter
from core.ui.finetune import compare_runs
from core.ui.language import language, say

enter()
frame.head("models")

for card in (*BUNDLED, CAPTIONER, *LANGUAGE):
    title, *points = card.readme(language()).strip().split("\n- ")
    bad = next(point for point in points if point.startswith(say("models.bad")))
    with st.container(border=True):
        st.markdown(title.replace("# ", "## ", 1))  # its title is a section of this page
        st.markdown(f"{points[0]}\n\n{bad}")
        with st.expander(say("models.all")):
            st.markdown("".join(f"- {point}\n" for point in points[1:] if point != bad))
            st.caption(say("models.file", megabytes=f"{card.weights.stat().st_size / 1e6:.1f}", sha256=card.sha256))
known.show()
st.caption(say("models.more"))

st.header(say("models.trained"))
compare_runs.listed()
