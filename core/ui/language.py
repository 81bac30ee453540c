"""The interface language: a switch in the sidebar, kept in the URL so that it survives a reload and a shared link."""

import streamlit as st

from core import wording
from core.errors import SidelightError


def choose_language() -> None:
    """Draw the switch. A first visit starts in the browser's language."""
    st.sidebar.segmented_control(
        "Language · 语言",
        list(wording.LANGUAGES),
        format_func=wording.LANGUAGES.get,
        key="lang",
        default="zh" if (st.context.locale or "").startswith("zh") else "en",
        bind="query-params",
        required=True,
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


def show_error(error: SidelightError) -> None:
    """What happened and what to do, as text: nothing typed by a person becomes markup."""
    with st.container(border=True):
        st.text("⚠ " + error.sentence(language()))
