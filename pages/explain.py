"""From looking to explaining: what an answer rests on by every method, and how far each map can be trusted."""

import streamlit as st

from core.ui import inputs, work
from core.ui.entry import enter
from core.ui.explain import ablation, arithmetic, heads, maps, sides
from core.ui.language import say

SECTIONS = {
    "maps": maps.show,
    "heads": heads.show,
    "ablation": ablation.show,
    "arithmetic": arithmetic.show,
}

enter("pages/explain.py")
st.title(say("explain.title"))
st.caption(say("explain.lead"))

with st.popover(say("compare.models"), icon=":material/tune:"):
    names = (
        inputs.choose_model("vision", "explain_model", say("compare.vision_model"), default=sides.CLASSIFIER),
        inputs.choose_model("translation", "translation_model", say("compare.translation_model")),
    )
vision, translation = work.vision_or_bundled(names[0]), work.translator_or_bundled(names[1])

left, right = st.columns(2, gap="large")
with left:
    photo = inputs.choose_photo()
with right:
    sentence = inputs.choose_sentence(translation[1].targets)

section = inputs.choose_section("explain", list(SECTIONS), "explain")
SECTIONS[section](sides.pair(vision, photo, translation, sentence))
