"""What stands beside a translation that the model was not sure of, or did not end."""

import streamlit as st

from core.models import scripts, unsure
from core.models.translation import Translation
from core.ui.language import say
from core.ui.plain import plain

STRANGE = 2  # words in other letters, from which it is said: one may be a name
SHOWN = 6


def tell(name: str, translation: Translation, sentence: str, target: str | None) -> None:
    """name: the model's key. Of unsure words and sentences nothing where the model has no measure of them."""
    if translation.stopped_by_limit:
        st.warning(say("translation.stopped", limit=len(translation.target)))
    found = [*_astray(translation, sentence, target), *_unsure(name, translation)]
    if found:
        with st.container(horizontal=True, gap="medium"):  # on one line where there is room
            for text, why in found:
                st.markdown(f":orange[:material/help:] {text}", help=why, width="content")


Line = tuple[str, str | None]  # what is said, and what it means


def _astray(translation: Translation, sentence: str, target: str | None) -> list[Line]:
    strange = scripts.astray(translation.text, sentence, target)
    return [(say("unsure.astray", words=_listed(strange[:SHOWN])), None)] if len(strange) >= STRANGE else []


def _unsure(name: str, translation: Translation) -> list[Line]:
    measure = unsure.measure_of(name)
    if measure is None:
        return []
    figures = {
        "bad": f"{measure.bad:.0%}",
        "bad_else": f"{measure.bad_else:.0%}",
        "missing": f"{measure.missing:.0%}",
        "missing_else": f"{measure.missing_else:.0%}",
        "least": f"{measure.sentence:.0%}",
        "sentences": measure.sentences,
    }
    found: list[Line] = []
    mean = unsure.mean_probability(translation)
    if mean < measure.sentence:
        text = say("unsure.sentence", mean=f"{mean:.0%}", **figures)
        found.append((f":orange[{text}]", say("unsure.sentence_help", **figures)))
    if names := unsure.spelt(translation):
        found.append((say("unsure.names", names=_listed(names)), None))
    words = [f"**{plain(word)}** {chance:.0%}" for word, chance in unsure.words(translation) if chance < measure.word]
    if words:
        listed, more = say("list.comma").join(words[:SHOWN]), len(words) - SHOWN  # all are dotted in the picture
        text = say("list.more", words=listed, count=more) if more > 0 else listed
        found.append((say("unsure.words", words=text), say("unsure.words_help", **figures)))
    return found


def _listed(words: list[str]) -> str:
    return say("list.comma").join(f"**{plain(word)}**" for word in words)
