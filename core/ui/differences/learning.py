"""Strengths and limits, parts of it: few pictures against many, as the project measured it; and what else a head on
frozen features can be learnt for, on the lesson's model: privately, apart, for several tasks."""

import json
import math
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar

import streamlit as st

from core.differences import sharing
from core.differences.sharing import Data
from core.models.vision import VisionModel
from core.ui import background, choices
from core.ui.differences import adapter
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import table, title
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say
from core.views.charts import QUIET
from core.views.differences.charts import lines
from core.wording import ASSETS, minus

Result = TypeVar("Result")

LEARNERS = ("pretrained", "taught", "convolution", "transformer")
ALIKE = 0.02  # of accuracy: nearer than that, neither is better
EPSILONS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, math.inf)
SEEDS, ROUNDS = 3, 20
CLIENTS = (2, 5, 10, 20)
SMALL = 98  # px: small pictures are judged at about that side
PICTURES = 1500  # that are looked at
LOST = {"little": 0.05, "some": 0.3, "much": math.inf}  # of accuracy, below


@cache
def _measured() -> dict[str, Any]:
    return json.loads((ASSETS / "measured" / "few.json").read_text("utf-8"))


def few(lesson: Lesson) -> None:
    """Curves of `benchmarks.few`: they do not follow the lesson's photo, and the page says so."""
    measured = _measured()
    each, found = measured["each"], measured["accuracy"]
    note(say("few.lead", held_out=f"{measured['held_out']:,}", most=each[-1]))
    apart = found["transformer"][-1] - found["convolution"][-1]
    truth = "same" if abs(apart) < ALIKE else "transformer" if apart > 0 else "convolution"
    told = {name: f"{values[-1]:.1%}" for name, values in found.items()}
    options = {name: say(f"few.{name}") for name in ("convolution", "transformer")} | {"same": say("few.same")}
    check = lambda choice: Verdict(choice == truth, say("few.told", **told))  # noqa: E731
    if not ask_option(lesson, "limits_few", say("few.ask", most=each[-1]), options, check):
        return
    series = {say(f"few.{name}"): list(zip(each, found[name], strict=True)) for name in LEARNERS}
    st.plotly_chart(lines(series, say("few.each"), say("few.accuracy"), log=True), key="few_curves", config=QUIET)
    rows = [[say(f"few.{name}"), *(f"{value:.1%}" for value in found[name])] for name in LEARNERS]
    table([say("few.each"), *map(str, each)], rows)
    counts = {name: f"{count:,}" for name, count in measured["parameters"].items()}
    note(say("few.note", unlabelled=f"{measured['unlabelled']:,}", **counts))
    st.caption(say("few.how", command=measured["command"]))


def shared(lesson: Lesson) -> None:
    """Private, apart, several: all on features that are computed once."""
    note(say("sharing.lead"))
    model, side = lesson.vision_model, _side(lesson.vision_model)
    positions = (side // model.patch) ** 2 + len(model.prefix)
    data = background.result(
        ("sharing", lesson.vision_name),
        title("sharing", 1 + 2 * PICTURES * model.operations(positions) / model.rate()),
        lambda on_step: sharing.prepare(model, side, background.shares(on_step)),
        (lesson.vision_name,),
        wait=True,
    )
    if data is None:
        return
    _private(lesson, data)
    adapter.private(lesson)
    _apart(lesson, data)
    adapter.apart(lesson)
    _several(lesson, data)


def _side(model: VisionModel) -> int:
    return min(model.sizes, key=lambda side: abs(side - SMALL))


def _kept(lesson: Lesson, what: Hashable, make: Callable[[], Result]) -> Result:
    """Something quick about the vision model alone, computed once."""
    key = ("sharing", what, lesson.vision_name)
    return background.awaited(key, say("measure.running"), lambda _: make(), (lesson.vision_name,))


def _how_much(lost: float) -> str:
    return next(name for name, most in LOST.items() if lost < most)


def _private(lesson: Lesson, data: Data) -> None:
    st.markdown(f"### {say('sharing.private')}")
    note(say("sharing.private_why", delta=f"{sharing.DELTA:g}", count=len(data.labels)))

    def found() -> list[float]:
        def make() -> list[float]:
            return [sum(sharing.private(data, one, seed) for seed in range(SEEDS)) / SEEDS for one in EPSILONS]

        return _kept(lesson, "private", make)

    def check(choice: str) -> Verdict:
        lost = found()[-1] - found()[EPSILONS.index(1.0)]
        actual = _how_much(lost)
        values = {"with": f"{found()[EPSILONS.index(1.0)]:.1%}", "without": f"{found()[-1]:.1%}"}
        return Verdict(choice == actual, say("sharing.private_told", **values))

    options = {name: say(f"sharing.lost_{name}") for name in LOST}
    if not ask_option(lesson, "limits_private", say("sharing.private_ask"), options, check):
        return
    head = [r"$\varepsilon$", *(f"{one:g}" if math.isfinite(one) else "∞" for one in EPSILONS)]
    noise = [f"{sharing.noise_for(one):.1f}" if math.isfinite(one) else "0" for one in EPSILONS]
    table(head, [[say("few.accuracy"), *(f"{one:.1%}" for one in found())], [say("sharing.noise"), *noise]])
    points = [(one, value) for one, value in zip(EPSILONS, found(), strict=True) if math.isfinite(one)]
    figure = lines({say("few.accuracy"): points}, "ε", say("few.accuracy"))
    st.plotly_chart(figure, key="private_curve", config=QUIET)
    note(say("sharing.private_note", steps=sharing.STEPS, seeds=SEEDS))


def _apart(lesson: Lesson, data: Data) -> None:
    st.markdown(f"### {say('sharing.apart')}")
    note(say("sharing.apart_why"))
    clients = st.segmented_control(
        say("sharing.clients"), CLIENTS, required=True, **choices.widget("clients", "limits_clients", CLIENTS, 5)
    )

    def found() -> dict[str, list[float]]:
        def make() -> dict[str, list[float]]:
            owners = {name: sharing.deal(data.labels, clients, name == "alike") for name in ("alike", "sorted")}
            every = {"one": sharing.deal(data.labels, 1, True)} | owners
            return {name: sharing.federated(data, owner, ROUNDS) for name, owner in every.items()}

        return _kept(lesson, ("apart", clients), make)

    def check(choice: str) -> Verdict:
        first = {name: values[0] for name, values in found().items()}
        last = {f"{name}_last": f"{values[-1]:.1%}" for name, values in found().items()}
        actual = "yes" if first["sorted"] > first["alike"] - 0.05 else "no"
        told = {name: f"{value:.1%}" for name, value in first.items()}
        return Verdict(choice == actual, say("sharing.apart_told", rounds=ROUNDS, **told, **last))

    options = {name: say(f"sharing.apart_{name}") for name in ("yes", "no")}
    if not ask_option(lesson, f"limits_apart_{clients}", say("sharing.apart_ask", clients=clients), options, check):
        return
    series = {say(f"sharing.by_{name}"): list(enumerate(values, 1)) for name, values in found().items()}
    st.plotly_chart(lines(series, say("sharing.round"), say("few.accuracy")), key="apart_curves", config=QUIET)
    numbers = data.known.shape[1] * data.classes
    note(say("sharing.apart_note", numbers=f"{numbers:,}", local=sharing.LOCAL))


def _several(lesson: Lesson, data: Data) -> None:
    st.markdown(f"### {say('sharing.several')}")
    note(say("sharing.several_why", shared=sharing.SHARED, width=data.known.shape[1] - 1))
    taught = {"classes": ("classes",), "colours": ("colours",), "both": ("classes", "colours")}

    def make() -> dict[str, sharing.Served]:
        return {name: sharing.several(data, tasks) for name, tasks in taught.items()}

    def check(choice: str) -> Verdict:
        found = _kept(lesson, "several", make)
        lost = found["classes"].accuracy - found["both"].accuracy
        actual = _how_much(lost)
        values = {"alone": f"{found['classes'].accuracy:.1%}", "both": f"{found['both'].accuracy:.1%}"}
        return Verdict(choice == actual, say("sharing.several_told", **values))

    options = {name: say(f"sharing.lost_{name}") for name in LOST}
    if not ask_option(lesson, "limits_several", say("sharing.several_ask"), options, check):
        return
    found = _kept(lesson, "several", make)
    rows = [
        [say(f"sharing.taught_{name}"), f"{one.accuracy:.1%}", minus(f"{one.explained:.2f}")]
        for name, one in found.items()
    ]
    table([say("sharing.taught"), say("sharing.classes"), say("sharing.colours")], rows)
    note(say("sharing.several_note"))
