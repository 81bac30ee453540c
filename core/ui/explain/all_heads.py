"""The table of every head of both models, below the grids of the section on heads."""

from collections.abc import Callable

import streamlit as st
import torch
from torch import Tensor

from core.attention.statistics import NAMES
from core.attention.trace import Kind
from core.ui import choices
from core.ui.clickable import drawn, is_news
from core.ui.download import csv_button
from core.ui.explain.sides import Side
from core.ui.language import say
from core.views.heads import head_rows, head_table

Found = dict[Kind, dict[str, Tensor]]  # what `average_statistics` gives, by kind of attention
Place = tuple[Kind, int, int]  # kind, layer, head


def show(sides: list[Side], found: dict[str, Found], choose: Callable[[str, Place], None]) -> None:
    """choose: opens a head of a kind of side. A click on a column's name sorts, a click on a row opens the head."""
    st.markdown(f"## {say('heads.table')}")
    blocks = [(side, kind, found[side.kind][kind]) for side in sides if side.kind in found for kind in found[side.kind]]
    places = [
        (side.kind, kind, layer, head)
        for side, kind, one in blocks
        for layer, head in torch.cartesian_prod(*map(torch.arange, one["entropy"].shape)).tolist()
    ]
    rows = [_table_row(side, kind, row) for side, kind, one in blocks for row in head_rows(one)]
    numbers = {say(f"heads.{name}"): st.column_config.NumberColumn(format="%.3f") for name in NAMES}

    def take() -> None:
        selected = st.session_state.heads_table.selection.rows
        if is_news("heads_table", selected) and selected[0] < len(places):
            side, *place = places[selected[0]]
            choose(side, tuple(place))
            if len(found[side]) > 1:
                choices.write("attention", place[0], "cross")

    st.caption(say("heads.table_help"))
    st.dataframe(
        rows,
        hide_index=True,
        height=300,
        key="heads_table",
        on_select=take,
        selection_mode="single-row",
        column_config=numbers,
    )
    drawn("heads_table")
    csv_button(say("heads.download"), "heads", lambda: head_table((side.kind, kind, one) for side, kind, one in blocks))


def _table_row(side: Side, kind: Kind, row: dict[str, float | int | str]) -> dict[str, float | int | str]:
    by = row["sink by"]
    return {
        say("heads.input"): say(f"heads.side_{side.kind}"),
        say("heads.kind"): side.attention_name(kind),
        say("heads.layer"): row["layer"],
        say("heads.head"): row["head"],
        **{say(f"heads.{name}"): row[name] for name in NAMES[:3]},
        say("heads.sink_by"): say(f"heads.sink_{by}") if by else "–",
        **{say(f"heads.{name}"): row[name] for name in NAMES[3:]},
    }
