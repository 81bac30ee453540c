"""The interface language: a switch at the right of the header."""

from functools import reduce

import streamlit as st

from core import wording
from core.errors import SidelightError
from core.ui import choices

OLD = {name: code for code, name in wording.LANGUAGES.items()}  # as older links say it


def choose_language() -> None:
    """Draw the switch. A first visit starts in the browser's language, which is no part of a link: its reader has his
    own."""
    default = "zh" if (st.context.locale or "").startswith("zh") else "en"
    st.segmented_control(
        "Language · 语言",
        list(wording.LANGUAGES),
        format_func=wording.LANGUAGES.__getitem__,
        required=True,
        label_visibility="collapsed",
        width="content",
        **choices.widget("lang", "lang", wording.LANGUAGES, default, also=OLD),
    )


def language() -> str:
    return st.session_state.get("lang") or "en"


def say(key: str, /, **values: object) -> str:
    """The wording of `key` in the person's language."""
    return wording.text(key, language(), **values)


def class_name(label: str) -> str:
    """A class of the bundled classifier in the person's language; of any other model, as it names it."""
    key = f"class.{label}"
    return say(key) if key in wording.entries() else label


def classes_named(title: str) -> str:
    """What a run learnt from, which the bundled data names by its classes."""
    return say("list.comma").join(class_name(one) for one in title.split(", "))


def sentences(*told: str) -> str:
    """Whole sentences as one paragraph: Chinese has no space between them."""
    return reduce(lambda so_far, one: say("list.sentences", first=so_far, second=one), told, "").strip()


def show_error(error: SidelightError) -> None:
    """What happened and what to do, as text: nothing typed by a person becomes markup."""
    with st.container(border=True):
        st.text("⚠ " + error.sentence(language()))
