"""Home: one photo and one sentence, both explained, under one selector."""

import streamlit as st

from core.attention.statistics import effective_keys
from core.errors import SidelightError
from core.ui import choices, early, first, frame, hand, inputs, linked, openings, photos, pins, stages, work
from core.ui.entry import enter
from core.ui.explain import sides
from core.ui.language import say, show_error
from core.views.linked.cards import Card

enter()
frame.head("compare", heard=True)

above, below = early.places()
vision = translation = axis = None
cards: list[tuple[Card | None, pins.Input]] = []
with above:
    (vision_name, vision_model), (title, image), (translation_name, _), (sentence, target) = inputs.choose_both()
    try:
        vision = work.run_image(vision_name, image, work.side(vision_model), photos.framing())
        traces = stages.choose(vision)
        axis = stages.axis_of(vision, traces)
        seen = pins.PhotoSeen(
            vision_name,
            work.side(vision_model),
            choices.remembered("photo"),
            photos.framing(),
            choices.remembered("stage"),
        )
        cards.append((seen.card_of(title, image, traces, axis), seen))
    except SidelightError as error:
        show_error(error)
    try:
        read = pins.SentenceRead(translation_name, sentence, target or "")
        translation = work.translate(translation_name, sentence, target)
        cards.append((read.card_of(translation), read))
    except SidelightError as error:
        show_error(error)
with below:
    packed = pins.show(cards, f"compare_{openings.begin(sentence, target, axis, translation)}")
    if len(cards) == 2 and first.is_asked():
        first.keep(packed, openings.first(sentence, axis, translation))
if vision and vision.traces and translation:
    choice = linked.chosen()
    looks, reads = vision.traces["encoder"], translation.traces["cross"]
    layer, cross = choice.layer(looks.layers), choice.layer(reads.layers)
    heads = choice.heads_of("image", looks.heads)
    cross_heads = choice.heads_of("sentence", reads.heads)
    text = say(
        "compare.text",
        patches=len(vision.axis),
        vision_keys=f"{effective_keys(looks, layer, heads):.0f}",
        source=len(translation.source),
        cross_keys=f"{effective_keys(reads, cross, cross_heads):.1f}",
        layer=layer + 1,
        cross_layer=cross + 1,
        encoder=translation.traces["encoder"].layers,
        decoder=translation.traces["decoder"].layers,
    )
    with st.expander(say("compare.differ"), icon=":material/lightbulb:"):
        st.markdown(text)
hand.offer(
    {
        "image": sides.photo_side(vision_name, title, image, work.side(vision_model), photos.framing())
        if vision
        else None,
        "sentence": sides.sentence_side(translation_name, sentence, target) if translation else None,
    }
)
