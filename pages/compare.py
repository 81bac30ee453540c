"""Home: one photo and one sentence, both explained, under one selector."""

import streamlit as st

from core.attention.statistics import effective_keys
from core.errors import SidelightError
from core.ui import inputs, linked, work
from core.ui.columns import beside
from core.ui.entry import enter
from core.ui.language import say, show_error
from core.views.linked.payload import Part

enter("pages/compare.py")
st.title(say("compare.title"))
st.caption(say("compare.lead"))

(vision_name, vision_model), (translation_name, translator) = inputs.choose_models()

left, right = beside("inputs", (2, 3))
with left:
    title, image = inputs.choose_photo()
with right:
    sentence, target = inputs.choose_sentence(translator.targets, translator.sources)

vision = translation = None
parts: list[Part] = []
try:
    vision = work.run_image(vision_name, image, work.side(vision_model), "crop")
    if part := linked.image_part(vision, title, image):
        parts.append(part)
except SidelightError as error:
    with left:
        show_error(error)
try:
    translation = work.translate(translation_name, sentence, target)
    parts.append(linked.sentence_part(translation, target))
except SidelightError as error:
    with right:
        show_error(error)

if parts:
    linked.show(parts, "compare")
if vision and vision.trace and translation:
    choice = linked.chosen()
    layer, cross = choice.layer(vision.trace.layers), choice.layer(translation.cross.layers)
    heads = choice.heads_of("image", vision.trace.heads)
    cross_heads = choice.heads_of("sentence", translation.cross.heads)
    st.subheader(say("compare.differ"))
    st.markdown(
        say(
            "compare.text",
            patches=len(vision.axis),
            vision_keys=f"{effective_keys(vision.trace, layer, heads):.0f}",
            source=len(translation.source),
            cross_keys=f"{effective_keys(translation.cross, cross, cross_heads):.1f}",
            layer=layer + 1,
            cross_layer=cross + 1,
            encoder=translation.encoder.layers,
            decoder=translation.decoder.layers,
        )
    )
