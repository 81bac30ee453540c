"""The translation workbench: one sentence, its translation, the attention in between and each decision."""

import streamlit as st

from core.errors import SidelightError
from core.ui import choices, doubts, inputs, linked, readable, work
from core.ui.copyable import copyable
from core.ui.entry import enter
from core.ui.language import say, show_error
from core.ui.plain import piece_text
from core.views.charts import entropy_bars

# Name, least, most, usual.
SLIDERS = (("beams", 1, 10, work.BEAMS), ("limit", 10, 200, work.LIMIT), ("top_k", 2, 10, work.TOP))

enter()
st.title(say("translation.title"))
st.caption(say("translation.lead"))

with st.expander(say("translation.settings"), icon=":material/tune:"):
    name = inputs.choose_model("translation", "translation_model")
    beams, limit, top_k = (
        column.slider(
            say(f"translation.{name}"), least, most, **choices.widget(name, name, range(least, most + 1), usual)
        )
        for column, (name, least, most, usual) in zip(st.columns(3), SLIDERS, strict=True)
    )

name, model = work.translator_or_bundled(name)
sentence, target = inputs.choose_sentence(model.targets, model.sources)
readable.tell(model, sentence, target)
try:
    translation = work.translate(name, sentence, target, beams, limit, top_k)
except SidelightError as error:
    show_error(error)
    st.stop()

copyable(translation.text, "translation_text")
doubts.tell(name, translation)
card = linked.card(translation.traces, linked.sentence_title(target), written=translation.target)
linked.show([card], "translation")

st.subheader(say("translation.steps"))
st.caption(say("translation.steps_help"))
pieces = [piece_text(step.piece) for step in translation.steps]
st.plotly_chart(entropy_bars(pieces, [step.entropy for step in translation.steps], say("translation.entropy")))
rows = [
    {
        say("translation.step"): number,
        say("translation.piece"): piece_text(step.piece),
        say("translation.probability"): 100 * step.probability,
        say("translation.entropy"): step.entropy,
        say("translation.alternatives"): " · ".join(
            f"{piece_text(piece)} {chance:.1%}" for piece, chance in step.alternatives
        ),
    }
    for number, step in enumerate(translation.steps, 1)
]
st.dataframe(
    rows,
    hide_index=True,
    column_config={
        say("translation.probability"): st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.1f%%"),
        say("translation.entropy"): st.column_config.NumberColumn(format="%.2f"),
    },
)
