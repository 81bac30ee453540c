"""Choices that last: in the URL while their page is open, so that a reload and a link restore them; in the session when
the person goes to another page, whose link carries no choices."""

import streamlit as st


def restore(key: str) -> None:
    """Before a widget bound to the URL: give it back its last value where it has none."""
    kept = st.session_state.setdefault("kept", {})
    if key not in st.session_state and key not in st.query_params and key in kept:
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
