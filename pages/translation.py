"""The translation workbench: one sentence, its translation, the attention in between and each decision."""

import streamlit as st

from core.errors import SidelightError
from core.ui import choices, frame, hand, inputs, pins, readable, sentences, steps, work
from core.ui.copyable import copyable
from core.ui.entry import enter
from core.ui.explain import sides
from core.ui.language import say, show_error

# Name, least, most, usual.
SLIDERS = (("beams", 1, 10, work.BEAMS), ("limit", 10, 200, work.LIMIT), ("top_k", 2, 10, work.TOP))

enter()
frame.head("translation")

left, right = inputs.line()
with right, inputs.settings(inputs.short_title("translation", choices.remembered("translation_model"))):
    name = inputs.choose_model("translation", "translation_model")
    beams, limit, top_k = (
        column.slider(
            say(f"translation.{name}"), least, most, **choices.widget(name, name, range(least, most + 1), usual)
        )
        for column, (name, least, most, usual) in zip(st.columns(3), SLIDERS, strict=True)
    )

name, model = work.translator_or_bundled(name)
with left:
    sentence, target = sentences.choose(model.targets, model.sources)
    readable.tell(model, sentence, target)
try:
    translation = work.translate(name, sentence, target, beams, limit, top_k)
except SidelightError as error:
    show_error(error)
    st.stop()

read = pins.SentenceRead(name, sentence, target or "", beams, limit, top_k)
pins.show([(read.card_of(translation), read)], "translation")
copyable(translation.text, "translation_text")
hand.offer({"sentence": sides.sentence_side(name, sentence, target, beams, limit, top_k)})

st.header(say("translation.steps"))
steps.show(translation.steps)
