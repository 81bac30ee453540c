"""How far maps can be trusted on this very input: a first look within seconds, then all of it, beside the page."""

import streamlit as st
from torch import Tensor

from core.attention.faithfulness import Control, Curves, Verdict, control, curves, order, verdicts
from core.attention.methods import Options
from core.attention.subject import Subject
from core.models import loading
from core.ui import background, choices
from core.ui.explain import sides
from core.ui.explain.sides import Side
from core.ui.language import say

# Where nothing is measured on this input yet: the order of the gaps over 200 inputs (benchmarks/README.md).
SUPPORTED = {
    "photo": ("gradient_rollout", "relevance", "gradient_attention", "attribution", "raw", "value_norm"),
    "sentence": ("value_norm", "gradient_rollout", "gradient_attention", "raw", "relevance", "rollout"),
}
LOOKED_AT, FEW_ORDERS, FEW_STEPS = 3, 4, 2  # methods, random orders and steps of the first look


def choose_fill(side: Side, asked: Subject) -> str:
    names = {fill: say(f"explain.fill_{fill}") for fill in asked.fills}
    return st.segmented_control(
        say(f"explain.fill_{side.kind}"),
        asked.fills,
        required=True,
        format_func=names.__getitem__,
        help=say("explain.fill_help"),
        **choices.widget(f"{side.kind}_fill", f"explain_fill_{side.kind}", asked.fills, asked.fills[0]),
    )


def first_look(
    side: Side, asked: Subject, target: int, found: dict[str, Tensor], options: Options, fill: str
) -> dict[str, Verdict] | None:
    """Verdicts within seconds, on few methods, from few orders and steps: they are said to be so, and the rest follows.
    None while they are not there; empty where nothing can be measured."""
    if int(asked.units.max()) < 1:
        st.info(say("explain.too_short"))
        return {}
    usual = dict.fromkeys((choices.remembered(f"{side.kind}_method"), *SUPPORTED[side.kind], *found))
    names = [name for name in usual if name in found][:LOOKED_AT]
    orders = [order(found[name], asked.units) for name in names]

    def look(on_step: background.OnStep) -> list[Verdict]:
        subject = sides.subject_of(side, target)
        with loading.mixed(loading.precisions()[0]):  # bfloat16 where it is faster: the second look is exact
            return verdicts(
                curves(subject, orders, fill, steps=FEW_STEPS, on_step=on_step),
                control(subject, fill, count=FEW_ORDERS, steps=FEW_STEPS),
            )

    key = ("first_look", side.name, side.place, target, fill, options, *names)
    told = background.result(key, say("explain.first_look"), look, (side.name,))
    return None if told is None else dict(zip(names, told, strict=True))


def check(
    side: Side, asked: Subject, target: int, found: dict[str, Tensor], options: Options, fill: str
) -> tuple[dict[str, Verdict], Curves, Control] | None:
    """Deletion and insertion of random orders, which serve all methods, then of the methods."""
    if int(asked.units.max()) < 1:
        return None
    key = (side.name, side.place, target, fill)
    chance = background.result(
        ("control", *key),
        say(f"explain.checking_random_{side.kind}"),
        lambda on_step: control(sides.subject_of(side, target), fill, on_step=on_step),
        (side.name,),
    )
    if chance is None:
        return None
    orders = [order(one, asked.units) for one in found.values()]
    drawn = background.result(
        ("curves", *key, options),
        say(f"explain.checking_{side.kind}"),
        lambda on_step: curves(sides.subject_of(side, target), orders, fill, on_step=on_step),
        (side.name,),
    )
    if drawn is None:
        return None
    return dict(zip(found, verdicts(drawn, chance), strict=True)), drawn, chance
