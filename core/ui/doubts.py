"""What stands beside a translation that the model was not sure of, or did not end."""

import streamlit as st

from core.models import unsure
from core.models.translation import Translation
from core.ui.language import say
from core.ui.plain import plain


def tell(name: str, translation: Translation) -> None:
    """name: the model's key. Of unsure words and sentences nothing where the model has no measure of them."""
    if translation.stopped_by_limit:
        st.warning(say("translation.stopped", limit=len(translation.target)))
    measure = unsure.measure_of(name)
    if measure is None:
        return
    figures = {
        "bad": f"{measure.bad:.0%}",
        "bad_else": f"{measure.bad_else:.0%}",
        "missing": f"{measure.missing:.0%}",
        "missing_else": f"{measure.missing_else:.0%}",
        "least": f"{measure.sentence:.0%}",
        "sentences": measure.sentences,
    }
    mean = unsure.mean_probability(translation)
    if mean < measure.sentence:
        text = say("unsure.sentence", mean=f"{mean:.0%}", **figures)
        st.markdown(f":orange[:material/help: {text}]", help=say("unsure.sentence_help", **figures))
    words = [f"**{plain(word)}** {chance:.0%}" for word, chance in unsure.words(translation) if chance < measure.word]
    if words:
        text = say("unsure.words", words=say("list.comma").join(words))
        st.markdown(f":orange[:material/help:] {text}", help=say("unsure.words_help", **figures))
