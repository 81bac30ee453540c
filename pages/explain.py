"""From looking to explaining: what an answer rests on by every method, and how far each map can be trusted."""

import streamlit as st

from core.ui import explain, explain_ablation, explain_arithmetic, explain_heads, explain_maps, inputs, work
from core.ui.entry import enter
from core.ui.language import say

SECTIONS = {
    "maps": explain_maps.show,
    "heads": explain_heads.show,
    "ablation": explain_ablation.show,
    "arithmetic": explain_arithmetic.show,
}

enter("pages/explain.py")
st.title(say("explain.title"))
st.caption(say("explain.lead"))

with st.popover(say("compare.models"), icon=":material/tune:"):
    names = (
        inputs.choose_model("vision", "explain_model", say("compare.vision_model"), default=explain.CLASSIFIER),
        inputs.choose_model("translation", "translation_model", say("compare.translation_model")),
    )
vision, translation = work.vision_or_bundled(names[0]), work.translator_or_bundled(names[1])

left, right = st.columns(2, gap="large")
with left:
    photo = inputs.choose_photo()
with right:
    sentence = inputs.choose_sentence(translation[1].targets)

section = explain.choose_section("explain", list(SECTIONS))
SECTIONS[section](explain.pair(vision, photo, translation, sentence))
