"""Tables to take along."""

from collections.abc import Callable

import streamlit as st


def csv_button(label: str, name: str, table: Callable[[], str]) -> None:
    """A button for a file of this name. table: its text (`core.views.tables`), asked for when the button is pressed."""
    st.download_button(
        label,
        lambda: table().encode(),
        f"{name}.csv",
        "text/csv",
        key=f"csv_{name}",
        icon=":material/download:",
        on_click="ignore",
    )
