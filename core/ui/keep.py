"""Choices that last: in the URL while their page is open, so that a reload and a link restore them; in the session when
the person goes to another page, whose link carries no choices."""

import streamlit as st


def enter(page: str) -> None:
    """Said at the start of each run. The first run of a page follows a link without choices; Streamlit then sets what
    is bound to the URL back to its default.
    """
    st.session_state.arrived = st.session_state.get("page_now") != page
    st.session_state.page_now = page


def restore(key: str) -> None:
    """Before a widget bound to the URL: give it back its last value on another page."""
    kept = st.session_state.setdefault("kept", {})
    if st.session_state.get("arrived") and key not in st.query_params and key in kept:
        st.session_state[key] = kept[key]


def remember(key: str) -> None:
    """After the widget."""
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
