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
if vision and vision.traces and translation:
    choice = linked.chosen()
    seen, read = vision.traces["encoder"], translation.traces["cross"]
    layer, cross = choice.layer(seen.layers), choice.layer(read.layers)
    heads = choice.heads_of("image", seen.heads)
    cross_heads = choice.heads_of("sentence", read.heads)
    st.subheader(say("compare.differ"))
    st.markdown(
        say(
            "compare.text",
            patches=len(vision.axis),
            vision_keys=f"{effective_keys(seen, layer, heads):.0f}",
            source=len(translation.source),
            cross_keys=f"{effective_keys(read, cross, cross_heads):.1f}",
            layer=layer + 1,
            cross_layer=cross + 1,
            encoder=translation.traces["encoder"].layers,
            decoder=translation.traces["decoder"].layers,
        )
    )
