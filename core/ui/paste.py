"""Pasting a picture: Streamlit's uploader takes files only, so a small component listens for Ctrl+V."""

import base64
import binascii
from collections.abc import Callable

import streamlit as st

HTML = '<p class="hint"></p>\n'
CSS = ".hint { margin: 0; font: 0.875rem var(--st-font); color: var(--st-text-color); }\n"
JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.querySelector(".hint").textContent = data;
  const onPaste = (event) => {
    const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    const reader = new FileReader();
    reader.onload = () => setTriggerValue("picture", { name: file.name, data: reader.result.split(",")[1] });
    reader.readAsDataURL(file);
  };
  document.addEventListener("paste", onPaste);
  return () => document.removeEventListener("paste", onPaste);
}
"""
_component = st.components.v2.component("sidelight_paste", html=HTML, css=CSS, js=JS)


def paste_picture(hint: str, on_picture: Callable[[str, bytes], None]) -> None:
    """Show the hint and call `on_picture(name, data)` for each picture pasted while it is on screen."""

    def received() -> None:
        picture = st.session_state.paste.picture
        try:
            on_picture(str(picture["name"]), base64.b64decode(picture["data"]))
        except (binascii.Error, KeyError, TypeError):  # not from our own script
            on_picture("", b"")

    _component(data=hint, key="paste", on_picture_change=received)
