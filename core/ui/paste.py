"""Pasting a picture: Streamlit's uploader takes files only, so a small component listens for Ctrl+V."""

import base64
import binascii
from collections.abc import Callable

import streamlit as st

from core.ui.component import component

_component = component("paste")


def paste_picture(hint: str, on_picture: Callable[[str, bytes], None]) -> None:
    """Show the hint and call `on_picture(name, data)` for each picture pasted while it is on screen."""

    def received() -> None:
        picture = st.session_state.paste.picture
        try:
            on_picture(str(picture["name"]), base64.b64decode(picture["data"]))
        except (binascii.Error, KeyError, TypeError):  # not from our own script
            on_picture("", b"")

    _component(data=hint, key="paste", on_picture_change=received)
