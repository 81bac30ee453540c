"""The part of Loss on how finished translations are scored: BLEU and chrF, counted on one's own sentence."""

import zlib

import streamlit as st

from core.differences import texts
from core.errors import SidelightError
from core.models.pieces import clean
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import cell, table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say
from core.views.charts import QUIET
from core.views.differences.charts import pairs_of_bars


def show(lesson: Lesson) -> None:
    note(say("loss.scores_why"))
    given = reference(lesson)
    if not clean(given):
        raise SidelightError("lessons.no_reference")
    chinese = lesson.target == "cmn_Hans"
    text = st.text_input(
        say("loss.judged"),
        lesson.translation.text,
        max_chars=1000,
        key=f"loss_judged_{lesson.sentence_run}",
        help=say("loss.judged_help"),
    )
    if not clean(text):
        raise SidelightError("lessons.no_reference")
    found, characters = texts.bleu(text, given, chinese), texts.chrf(text, given)
    shorter = texts.bleu(_without_last(text, chinese), given, chinese)

    def check(choice: str) -> Verdict:
        falls = shorter.penalty < found.penalty
        rises = shorter.ngrams[0].precision > found.ngrams[0].precision if shorter.ngrams else False
        actual = "both" if falls and rises else "penalty" if falls else "precision" if rises else "neither"
        values = {
            "before": f"{found.ngrams[0].precision:.0f}%",
            "after": f"{shorter.ngrams[0].precision:.0f}%",
            "bp": f"{found.penalty:.2f}",
            "bp_after": f"{shorter.penalty:.2f}",
            "score": f"{shorter.score:.1f}",
        }
        return Verdict(choice == actual, say("loss.q_short_answer", **values))

    options = {name: say(f"loss.q_{name}") for name in ("penalty", "precision", "both", "neither")}
    if found.ngrams and shorter.ngrams:
        key = f"loss_short_{short(text + given)}"
        if not ask_option(lesson, key, say("loss.q_short"), options, check):
            return
    st.latex(r"\mathrm{BLEU} = \mathrm{BP}\cdot\exp\Big(\frac{1}{N}\sum_{n=1}^{N}\ln p_n\Big)")
    st.latex(r"\mathrm{BP} = \min\!\big(1,\; e^{\,1 - r/c}\big)")
    st.caption(say("loss.bleu_symbols"))
    numbers = {
        "BLEU": f"{found.score:.1f}",
        "BP": f"{found.penalty:.3f}",
        "c / r": f"{found.length} / {found.reference}",
        "chrF2": f"{characters.score:.1f}",
    }
    for place, (name, value) in zip(st.columns(4), numbers.items(), strict=True):
        place.metric(name, value)
    table(
        ["$n$", "$p_n$", say("loss.matched"), say("loss.missing")],
        [
            [str(n.length), f"{n.matched}/{n.total} = {n.precision:.1f}%", cell(_some(n.found)), cell(_some(n.missing))]
            for n in found.ngrams
        ],
        texts=4,
    )
    note(say("loss.bleu_note"))
    st.latex(r"\mathrm{chrF}_\beta = (1+\beta^2)\,\frac{P\,R}{\beta^2 P + R}, \qquad \beta = 2")
    if characters.lengths:
        series = {
            say("loss.precision"): [p for _, p, _ in characters.lengths],
            say("loss.recall"): [r for _, _, r in characters.lengths],
        }
        labels = [f"n = {n}" for n, _, _ in characters.lengths]
        st.plotly_chart(pairs_of_bars(labels, series, "%"), key="chrf", config=QUIET)
    note(say("loss.chrf_note", precision=f"{characters.precision:.1f}", recall=f"{characters.recall:.1f}"))


def _without_last(text: str, chinese: bool) -> str:
    """The text without its last two words (characters in Chinese)."""
    return text[:-2] if chinese else " ".join(text.split()[:-2])


def short(text: str) -> str:
    """Short, for a widget's key."""
    return f"{zlib.crc32(text.encode()):08x}"


def _some(ngrams: tuple[str, ...], most: int = 8) -> str:
    return " · ".join(ngrams[:most]) + (" …" if len(ngrams) > most else "") or "–"


def reference(lesson: Lesson) -> str:
    """What the person gives; at first a person's translation of a sample caption, or the model's own."""
    known = texts.known_reference(lesson.sentence, lesson.target)
    typed = st.text_input(
        say("loss.reference"),
        known or lesson.translation.text,
        max_chars=1000,
        key=f"loss_reference_{lesson.sentence_run}",
        help=say("loss.reference_help"),
    )
    if known is None and typed == lesson.translation.text:
        st.caption(say("loss.reference_own"))
    return typed
