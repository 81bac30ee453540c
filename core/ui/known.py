"""The list of models that the field uses, with a search: in it, and in the hub where that can be reached."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core import wording
from core.errors import SidelightError
from core.models import known
from core.models.known import Known
from core.ui import background
from core.ui.language import language, say, show_error
from core.ui.plain import plain

PAGES = {
    "vision": ("vision", "vision_model"),
    "captioning": ("bridge", "captioner"),
    "translation": ("translation", "translation_model"),
}


def titles(task: str, prompted: bool = True) -> dict[str, str]:
    """Names of models of a task, with their size, for a menu. prompted: also those that answer a prompt."""
    listed = (one for one in known.of(task) if prompted or not one.prompted)
    return {one.name: say("known.title", name=one.name, size=size(one)) for one in listed}


def size(one: Known) -> str:
    """Parameters, about."""
    return wording.large(1e6 * one.millions, language())


def show() -> None:
    st.header(say("known.header"))
    st.caption(say("known.lead"))
    tasks = list(known.PIPELINES)
    names = {task: say(f"known.{task}") for task in tasks}
    left, right = st.columns([1, 2])
    task = left.selectbox(say("known.task"), tasks, format_func=names.__getitem__, key="known_task")
    text = right.text_input(say("known.search"), key="known_search", placeholder=say("known.example")).strip()
    found = [one for one in known.of(task) if _fits(one, text)]
    if found:
        _table(found, {"name", "size", "memory", "licence", "about"})
    else:
        st.info(say("known.none"))
    if text:
        _search(text, task)


def _fits(one: Known, text: str) -> bool:
    words = f"{one.name} {one.licence} {one.line(language())}".lower()
    return all(word in words for word in text.lower().split())


def _search(text: str, task: str) -> None:
    try:
        found = background.result(
            ("known", task, text),
            say("known.ask", text=plain(text)),
            lambda _: known.search(text, task),
            (),
            wait=True,
            fetch=True,
        )
    except SidelightError as error:
        show_error(error)
        return
    if found:
        _table(found, {"name"})
    elif found is not None:
        st.info(say("known.none"))


def _table(found: Sequence[Known], columns: set[str]) -> None:
    every = [
        {
            "name": _link(one),
            "size": size(one),
            "memory": one.megabytes / 1000,
            "licence": one.licence or say("known.licence_unsure"),
            "about": one.line(language()),
        }
        for one in found
    ]
    rows = [{say(f"known.{key}"): value for key, value in row.items() if key in columns} for row in every]
    st.dataframe(rows, hide_index=True, column_config=_columns())


def _columns() -> dict[str, Any]:
    return {
        say("known.name"): st.column_config.LinkColumn(display_text=r"#(.*)$", help=say("known.name_help")),
        say("known.memory"): st.column_config.NumberColumn(format="%.2f", help=say("known.memory_help")),
    }


def _link(one: Known) -> str:
    """Where it is loaded; its name stands behind the sign that a browser does not send."""
    page, key = PAGES.get(one.task, ("differences", f"hub_{one.task}"))
    more = {} if one.task in PAGES else {"section": "task", "hub_task": one.task}
    return f"/{page}?{urlencode({'lang': language(), **more, key: one.name})}#{one.name}"
