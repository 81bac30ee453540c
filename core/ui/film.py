"""A film as a Streamlit component: played and stepped in the browser, without the server."""

import streamlit as st

from core.views import film

_component = st.components.v2.component("sidelight_film", html=film.MARKUP, css=film.style(), js=film.script())


def show(shown: film.Film, key: str) -> None:
    _component(data=dict(shown.data), key=key)
