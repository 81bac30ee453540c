"""What to train on: a bundled set or a person's own files, checked and shown before anything starts."""

from typing import Any

import streamlit as st

from core.errors import SidelightError
from core.finetune.data import Data, Report, grouping
from core.ui.finetune.chosen import Chosen, checked
from core.ui.finetune.side import Side
from core.ui.language import language, say, show_error

LISTED = 100  # of what was left out


def choose(side: Side[Any, Any], targets: tuple[str, ...], seed: int) -> Chosen | None:
    """Draw the choice and the report; None where there is nothing to train on yet (said on the page)."""
    place = st.segmented_control(
        say("finetune.data"),
        ["bundled", "own"],
        format_func=lambda name: say(f"finetune.data_{name}"),
        default="bundled",
        key=f"data_{side.task}",
        required=True,
    )
    try:
        chosen = {"bundled": side.bundled, "own": side.own}[place](targets, seed)
    except SidelightError as error:
        show_error(error)
        return None
    if chosen and grouping.is_offered(chosen.data):
        chosen = _grouped(chosen)
    if chosen:
        report(side, chosen.data)
    return chosen


def _grouped(chosen: Chosen) -> Chosen:
    """With near duplicates on one side of the split, unless a person refuses, or there is no such split (said)."""
    data, title = chosen.data, chosen.title
    if not st.toggle(say("finetune.grouped"), True, key="data_grouped", help=say("finetune.grouped_help")):
        return chosen
    try:
        return Chosen(checked(lambda: grouping.grouped(data), "grouped", data.digest), title, grouped=True)
    except SidelightError as error:
        show_error(error)
        return chosen


def report(side: Side[Any, Any], data: Data) -> None:
    """What was found: counts, a few items, and whatever was left out and why."""
    found = data.report
    with st.container(border=True):
        st.markdown(say("finetune.split", train=len(data.train), held_out=len(data.held_out)))
        for sentence in found.understood:
            st.text("✓ " + sentence.sentence(language()))
        for warning in found.warnings:
            st.text("⚠ " + warning.sentence(language()))
        side.preview(data)
        _left_out(found)


def _left_out(found: Report) -> None:
    count = len(found.unreadable) + len(found.duplicates) + len(found.conflicts)
    if not count:
        return
    with st.expander(say("finetune.left_out", count=count), icon=":material/filter_alt:"):
        for name, error in found.unreadable[:LISTED]:
            st.text(f"{name}: {error.sentence(language())}")
        if len(found.unreadable) > LISTED:
            st.text(f"… ({len(found.unreadable)})")
        for key, names in (("duplicates", found.duplicates), ("conflicts", found.conflicts)):
            if names:
                more = " …" if len(names) > LISTED else ""
                st.text(f"{say(f'finetune.{key}')}: {', '.join(names[:LISTED])}{more}")
