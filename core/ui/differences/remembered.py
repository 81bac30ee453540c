"""What a person answered, and the room of a teacher, over a reload: cookies of the browser's session, which no link
carries."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

import streamlit as st

from core.ui.component import component

ANSWERS, ROOM = "sidelight_answers", "sidelight_room"
LONGEST = 3500  # characters; a browser keeps 4096 bytes
_ONE = re.compile(r"([^*]+)\*([0-9a-f]+)\*([^*]*)\*([01])")  # fields are quoted, so that no sign in them is one

_remember = component("remember")


@dataclass(frozen=True)
class Answer:
    """run: what it was asked of. choice: as text; None where the answer was only shown."""

    run: str
    choice: str | None
    right: bool


def answers() -> dict[str, Answer]:
    """By the question's key, in this session; at its beginning those of the browser's session."""
    if "quiz_answers" not in st.session_state:
        st.session_state.quiz_answers = read(_cookie(ANSWERS))
    return st.session_state.quiz_answers


def _cookie(name: str) -> str:
    return str(st.context.cookies.get(name, ""))


def keep() -> None:
    """To be said last in a run."""
    _remember(data={ANSWERS: written(answers()), ROOM: room()}, key="remember")


def room() -> str:
    """The room that this person teaches in, as `gather.py` writes it."""
    if "room" not in st.session_state:
        st.session_state.room = _cookie(ROOM)
    return st.session_state.room


def written(found: dict[str, Answer]) -> str:
    """The newest that have room."""
    kept: list[str] = []
    for key, one in reversed(found.items()):
        kept.append("*".join((quote(key, ""), one.run, quote(one.choice or "", ""), f"{one.right:d}")))
        if len("!".join(kept)) > LONGEST:
            return "!".join(kept[:-1])
    return "!".join(kept)


def read(text: str) -> dict[str, Answer]:
    """What `written` wrote; anything else is passed over."""
    parts = [_ONE.fullmatch(part) for part in text[:LONGEST].split("!")]
    return {
        unquote(part[1]): Answer(part[2], unquote(part[3]) or None, part[4] == "1") for part in reversed(parts) if part
    }
