"""Choices that last: in the URL while their page is open, so that a reload and a link restore them; in the session when
the person goes to another page, whose link carries no choices."""

from collections.abc import Container

import streamlit as st


def enter(page: str) -> None:
    """Said at the start of each run. The first run of a page follows a link without choices; Streamlit then sets what
    is bound to the URL back to its default.
    """
    if st.session_state.get("page_now") != page:
        st.session_state.page_now = page
        st.session_state.to_restore = set(st.session_state.get("kept", {}))


def restore(key: str, options: Container[str] | None = None) -> None:
    """Before a widget bound to the URL: give it back its last value on another page, if it is one of the `options`."""
    if key in st.session_state.get("to_restore", ()) and key not in st.query_params:
        st.session_state[key] = st.session_state.kept[key]
    if options is not None and st.session_state.get(key) not in options:
        st.session_state.pop(key, None)


def remember(key: str) -> None:
    """After the widget. A run that is cut short before it leaves the value to be restored by the next."""
    st.session_state.get("to_restore", set()).discard(key)
    st.session_state.setdefault("kept", {})[key] = st.session_state[key]


def restore_parameter(name: str) -> str:
    """The URL's value of something that is no widget, put back there where it is missing; empty where there is none."""
    kept = st.session_state.setdefault("kept", {})
    if name in st.query_params:
        kept[name] = st.query_params[name]
    elif kept.get(name):
        st.query_params[name] = kept[name]
    return kept.get(name, "")


def set_parameter(name: str, value: str) -> None:
    st.session_state.setdefault("kept", {})[name] = value
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
