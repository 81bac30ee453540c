"""How far a map can be trusted on this very input, in words and in the colour of what that is worth."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.attention.faithfulness import Verdict
from core.ui.language import say

SURE = 0.99  # a share of random maps above this is told as more than it: ten random orders cannot tell more


def short(found: Verdict | None) -> str:
    """Better than which share of random maps, in the colour of what that is worth."""
    if found is None:
        return say("explain.unchecked_short")
    most = "_most" if found.share > SURE else ""
    return f":{_colour(found)}[{say(f'explain.better_short{most}', share=f'{told(found):.0%}')}]"


def told(found: Verdict) -> float:
    """The share as it stands on the page: what reads alike is coloured and ordered alike."""
    return 1.0 if found.share > SURE else round(found.share, 2)


def ranked(told_of: Mapping[str, Verdict], usual: Sequence[str]) -> list[str]:
    """The methods, the best supported first: by the share that is told, among equals the preselected one, then by the
    gap; after them what was not measured yet. usual: all of them as they stand before, the preselected one first."""
    measured = [name for name in usual if name in told_of]
    measured.sort(key=lambda name: (-told(told_of[name]), name != usual[0], -told_of[name].gap))
    return measured + [name for name in usual if name not in told_of]


def _colour(found: Verdict) -> str:
    return "green" if told(found) >= 0.95 else "orange" if told(found) > 0.5 else "red"


def sentence(found: Verdict) -> str:
    """The same with its interval, as it stands below a figure."""
    share, within = _explained(found)
    return say("explain.better_figure", share=share, within=within)


def _explained(found: Verdict) -> tuple[str, str]:
    text = say("explain.better_most") if found.share > SURE else say("explain.better", share=f"{told(found):.0%}")
    return text, say("explain.interval", low=f"{found.low:.0%}", high=f"{found.high:.0%}")


def show(found: Verdict | None, is_rough: bool) -> None:
    """The same with its interval, and by how much. is_rough: few were measured so far."""
    if found is None:  # as tall as what will stand there
        st.markdown(f":gray[{say('explain.unchecked')}]", help=say("explain.better_help"))
        st.caption(say("explain.half_later"), help=say("explain.half_help"))
        return
    numbers = say(
        "explain.areas",
        gap=f"{found.gap:+.3f}",
        insertion=f"{found.insertion:.3f}",
        deletion=f"{found.deletion:.3f}",
    )
    text, within = _explained(found)
    more = f" {say('explain.rough')}" if is_rough else ""
    st.markdown(f":{_colour(found)}[{text}] {within}{more}", help=f"{numbers}\n\n{say('explain.better_help')}")
    size = {name: f"{getattr(found, name):.2f}" for name in ("whole", "half", "chance")}
    st.caption(say("explain.half", **size), help=say("explain.half_help"))
