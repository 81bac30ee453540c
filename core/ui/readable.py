"""What stands under a sentence that the model was not made to read, before it is translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.models import languages
from core.ui.language import language, say

if TYPE_CHECKING:
    from core.models.translation import Translator

SHOWN = 12  # letters that are listed


def tell(model: Translator, sentence: str, target: str | None) -> None:
    """Which language is read and what to choose instead, or the letters that are lost; nothing where all is read."""
    from core.models import scripts

    found = scripts.unread(model, sentence, target)
    if found.foreign:
        typed = scripts.USUAL_LANGUAGE[found.foreign]
        names = languages.names([found.reads, typed], language())
        instead = "source" if model.sources else "bundled" if typed == "en" else "model"
        text = say(f"readable.by_{instead}", reads=names[found.reads], typed=names[typed], code=typed)
    elif found.letters:
        text = say("readable.letters", letters=" ".join(found.letters[:SHOWN]))
    else:
        return
    with st.container(border=True):
        st.text("⚠ " + text)  # what was typed is no markup
