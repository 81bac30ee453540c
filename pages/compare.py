"""Home: one photo and one sentence, both explained, under one selector."""

import streamlit as st

from core.attention.statistics import effective_keys
from core.errors import SidelightError
from core.ui import inputs, linked, work
from core.ui.entry import enter
from core.ui.language import say, show_error

enter("pages/compare.py")
st.title(say("compare.title"))
st.caption(say("compare.lead"))

left, right = st.columns([2, 3])
with left:
    title, image = inputs.choose_photo()
with right:
    sentence, target = inputs.choose_sentence()

vision = translation = None
parts = []
try:
    vision = work.explain_image(inputs.bundled("vision"), image, 224, "crop")
    if part := linked.image_part(vision, title, image):
        parts.append(part)
except SidelightError as error:
    with left:
        show_error(error)
try:
    translation = work.translate(inputs.bundled("translation"), sentence, target, 5, 128, 5)
    parts.append(linked.sentence_part(translation, target))
except SidelightError as error:
    with right:
        show_error(error)

if parts:
    linked.show(parts, "compare")
if vision and vision.trace and translation:
    last, cross = vision.trace.layers - 1, translation.cross.layers - 1
    st.subheader(say("compare.differ"))
    st.markdown(
        say(
            "compare.text",
            patches=len(vision.axis),
            vision_keys=f"{effective_keys(vision.trace, last):.0f}",
            source=len(translation.source),
            cross_keys=f"{effective_keys(translation.cross, cross):.1f}",
            layers=vision.trace.layers,
            encoder=translation.encoder.layers,
            decoder=translation.decoder.layers,
        )
    )
