"""Strengths and limits, a part of it: the translator's adapter, taught privately, as the project measured it: training
takes longer than a page may."""

import json
from functools import cache
from typing import Any

import streamlit as st

from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say
from core.wording import ASSETS

ASKED = 4.0  # epsilon
KEPT = {"most": 2 / 3, "some": 1 / 3, "little": float("-inf")}  # of the gain, above


@cache
def _measured() -> dict[str, Any]:
    return json.loads((ASSETS / "measured" / "adapter.json").read_text("utf-8"))


def show(lesson: Lesson) -> None:
    found = _measured()
    st.markdown(f"#### {say('adapter.title')}")
    note(say("adapter.lead", lines=found["lines"], held_out=found["held_out"]))
    means = [sum(values) / len(values) for values in found["chrf"]]
    base, free = found["base"], means[-1]
    reached = means[found["epsilons"].index(ASKED)]
    share = (reached - base) / (free - base)
    actual = next(name for name, least in KEPT.items() if share > least)
    told = say("adapter.told", epsilon=f"{ASKED:g}", reached=f"{reached:.1f}", share=f"{share:.0%}")
    options = {name: say(f"adapter.{name}") for name in KEPT}
    question = say("adapter.ask", base=f"{base:.1f}", free=f"{free:.1f}", epsilon=f"{ASKED:g}")
    check = lambda choice: Verdict(choice == actual, told)  # noqa: E731
    if not ask_option(lesson, "limits_adapter", question, options, check):
        return
    epsilons = ["∞" if one is None else f"{one:g}" for one in found["epsilons"]]
    spans = [f"{min(values):.1f} – {max(values):.1f}" for values in found["chrf"]]
    rows = [
        [say("adapter.mean"), f"{base:.1f}", *(f"{one:.1f}" for one in means)],
        [say("adapter.span", seeds=len(found["chrf"][0])), "", *spans],
    ]
    table([r"$\varepsilon$", say("adapter.base"), *epsilons], rows)
    values = {name: f"{found[name]:,}" for name in ("numbers", "lines", "steps")}
    note(say("adapter.note", delta=f"{found['delta']:g}", **values))
    st.caption(say("adapter.how", command=found["command"]))
