"""Home: one photo and one sentence, both explained, under one selector."""

import streamlit as st

from core.attention.statistics import effective_keys
from core.errors import SidelightError
from core.ui import doubts, inputs, linked, readable, work
from core.ui.columns import beside
from core.ui.entry import enter
from core.ui.language import say, show_error
from core.views.linked.cards import Card

enter()
st.title(say("compare.title"))
st.caption(say("compare.lead"))

(vision_name, vision_model), (translation_name, translator) = inputs.choose_models()

left, right = beside("inputs", (2, 3))
with left:
    title, image = inputs.choose_photo()
with right:
    sentence, target = inputs.choose_sentence(translator.targets, translator.sources)
    readable.tell(translator, sentence, target)

vision = translation = None
cards: list[Card | None] = []
try:
    vision = work.run_image(vision_name, image, work.side(vision_model), "crop")
    cards.append(linked.card(vision.traces, linked.photo_title(title, vision.axis), image))
except SidelightError as error:
    with left:
        show_error(error)
try:
    translation = work.translate(translation_name, sentence, target)
    cards.append(linked.card(translation.traces, linked.sentence_title(target), written=translation.target))
    with right:
        doubts.tell(translation_name, translation)
except SidelightError as error:
    with right:
        show_error(error)

linked.show(cards, "compare")
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
