"""Small parts of a page that are drawn by the browser: a script, and its style and markup where it has them."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.views.scripts import bundle

BROWSER = Path(__file__).parent / "browser"


def component(name: str) -> Any:
    """What mounts `browser/<name>.js`; to be called once, when its module is imported."""
    html, css = (
        file.read_text("utf-8") if file.exists() else None
        for file in (BROWSER / f"{name}.html", BROWSER / f"{name}.css")
    )
    return st.components.v2.component(f"sidelight_{name}", html=html, css=css, js=bundle(BROWSER / f"{name}.js"))
