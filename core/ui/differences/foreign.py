"""Architecture, a part of it: BERT is no step before a translator, tried with an encoder that lies another way."""

import streamlit as st

from core.differences import foreign, texts
from core.differences.foreign import Foreign
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say
from core.ui.numbers import power_of_ten
from core.ui.plain import plain

MUCH, LITTLE = 0.9, 0.5  # chrF


def show(lesson: Lesson) -> None:
    st.header(say("foreign.title"))
    st.markdown(say("foreign.lead"))

    def found() -> Foreign:
        def make() -> Foreign:
            source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
            return foreign.foreign(lesson.translator, source)

        return lesson.of_sentence("foreign", make)

    def check(choice: str) -> Verdict:
        one = found()
        agreement = texts.chrf(one.said, one.usual).score / 100 if one.usual else 0.0
        actual = "keeps" if agreement > MUCH else "some" if agreement > LITTLE else "loses"
        values = {"said": plain(one.said) or "–", "usual": plain(one.usual), "agreement": f"{agreement:.3f}"}
        return Verdict(choice == actual, say("foreign.told", kept=power_of_ten(one.kept), **values))

    options = {name: say(f"limits.q_{name}") for name in ("keeps", "some", "loses")}
    if ask_option(lesson, "arch_foreign", say("foreign.ask"), options, check):
        note(say("foreign.note"))
