"""From looking to explaining: what an answer rests on by every method, and how far each map can be trusted."""

import streamlit as st

from core.ui import inputs, readable
from core.ui.columns import beside
from core.ui.entry import enter
from core.ui.explain import ablation, arithmetic, authors, heads, layers, maps, sides
from core.ui.language import say

SECTIONS = {
    "maps": maps.show,
    "heads": heads.show,
    "layers": layers.show,
    "authors": authors.show,
    "ablation": ablation.show,
    "arithmetic": arithmetic.show,
}

enter()
st.title(say("explain.title"))
st.caption(say("explain.lead"))

vision, translation = inputs.choose_models("explain_model", sides.CLASSIFIER)

left, right = beside("inputs")
with left:
    photo = inputs.choose_photo()
with right:
    sentence = inputs.choose_sentence(translation[1].targets, translation[1].sources)
    readable.tell(translation[1], *sentence)

section = inputs.choose_section("explain", list(SECTIONS), "explain")
SECTIONS[section](sides.pair(vision, photo, translation, sentence))
