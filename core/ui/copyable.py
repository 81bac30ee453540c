"""Text that a model wrote, with a button that copies it. Streamlit's own way, st.code, first loads 1.5 MB of syntax
highlighting, which kept the translation off the page for seconds."""

from core.ui.component import component
from core.ui.language import say

_component = component("copyable")


def copyable(text: str, key: str) -> None:
    words = {name: say(f"copyable.{name}") for name in ("copy", "copied", "selected")}
    _component(data={"text": text, **words}, key=key)
