"""What the other tasks share: a model of the hub put to work beside the page, and a text of one's own."""

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from core import samples
from core.models import catalogue
from core.ui import background, work
from core.ui.language import say
from core.ui.plain import plain

LONGEST = 4000  # characters that are typed


def run(task: str, name: str, given: tuple[Hashable, ...], use: Callable[[Any, background.OnStep], Any]) -> Any | None:
    """What `use` makes of the model: once Start was pressed, as it may have to be fetched; at once where it is bundled.
    Raises SidelightError."""

    def fetch_and_use(on_step: background.OnStep) -> Any:
        return use(work.hub_model(task, name, on_step=on_step), on_step)

    key, title = ("hub", task, name, *given), say("lesson_hub.run", name=plain(name))
    return background.result(key, title, fetch_and_use, (name,), wait=catalogue.language_model(name) is None)


def typed(name: str, height: int = 160) -> str:
    """A text of one's own, a passage at first."""
    text = samples.passages()[name]
    return st.text_area(say(f"lesson_hub.{name}_text"), text, height, LONGEST, key=f"hub_{name}_text")
