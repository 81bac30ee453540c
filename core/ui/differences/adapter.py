"""Strengths and limits, parts of it: the translator's adapter, taught privately and apart, as the project measured it:
training takes longer than a page may."""

import json
from collections.abc import Mapping
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


def private(lesson: Lesson) -> None:
    found = _measured()
    st.markdown(f"#### {say('adapter.title')}")
    note(say("adapter.lead", lines=found["lines"], held_out=found["held_out"]))
    means = [sum(values) / len(values) for values in found["chrf"]]
    reached, free = means[found["epsilons"].index(ASKED)], means[-1]
    values = {"free": f"{free:.1f}", "epsilon": f"{ASKED:g}", "reached": f"{reached:.1f}"}
    if not _ask(lesson, "limits_adapter", ("adapter.ask", "adapter.told"), (reached, free), values):
        return
    epsilons = ["∞" if one is None else f"{one:g}" for one in found["epsilons"]]
    spans = [f"{min(values):.1f} – {max(values):.1f}" for values in found["chrf"]]
    rows = [
        [say("adapter.mean"), f"{found['base']:.1f}", *(f"{one:.1f}" for one in means)],
        [say("adapter.span", seeds=len(found["chrf"][0])), "", *spans],
    ]
    table([r"$\varepsilon$", say("adapter.base"), *epsilons], rows)
    counts = {name: f"{found[name]:,}" for name in ("numbers", "lines", "steps")}
    note(say("adapter.note", delta=f"{found['delta']:g}", **counts))
    st.caption(say("adapter.how", command=found["command"]))


def apart(lesson: Lesson) -> None:
    found = _measured()
    st.markdown(f"#### {say('adapter.title')}")
    counts = {"clients": found["clients"], "lines": found["lines"], "numbers": f"{found['numbers']:,}"}
    note(say("adapter.apart_lead", **counts))
    last = {name: values[-1] for name, values in found["apart"].items()}
    values = {name: f"{value:.1f}" for name, value in last.items()} | {"rounds": str(found["rounds"][-1])}
    asked = ("adapter.apart_ask", "adapter.apart_told")
    if not _ask(lesson, "limits_adapter_apart", asked, (last["alike"], last["one"]), values):
        return
    names = {"one": "sharing.by_one", "alike": "sharing.by_alike", "sorted": "adapter.by_length"}
    rows = [[say(key), *(f"{one:.1f}" for one in found["apart"][name])] for name, key in names.items()]
    table([f"chrF · {say('sharing.round')}", *map(str, found["rounds"])], rows)
    note(say("adapter.apart_note", clients=found["clients"], command=found["command"]))


def _ask(
    lesson: Lesson, key: str, asked: tuple[str, str], reached: tuple[float, float], values: Mapping[str, str]
) -> bool:
    """How much of a gain is left. asked: keys of the question and of what is told. reached: chrF, and what it is a
    share of."""
    base = _measured()["base"]
    share = (reached[0] - base) / (reached[1] - base)
    actual = next(name for name, least in KEPT.items() if share > least)
    told = say(asked[1], share=f"{share:.0%}", **values)
    options = {name: say(f"adapter.{name}") for name in KEPT}
    check = lambda choice: Verdict(choice == actual, told)  # noqa: E731
    return ask_option(lesson, key, say(asked[0], base=f"{base:.1f}", **values), options, check)
