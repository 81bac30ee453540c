"""Text that a model wrote, with a button that copies it. Streamlit's own way, st.code, first loads 1.5 MB of syntax
highlighting, which kept the translation off the page for seconds."""

import streamlit as st

from core.ui.language import say

HTML = '<div class="text"><p dir="auto"></p><button type="button"></button></div>\n'
CSS = """
.text { display: flex; gap: 12px; align-items: start; padding: 10px 14px; border-radius: 10px; background: var(--st-secondary-background-color); }
p { margin: 0; flex: 1; white-space: pre-wrap; overflow-wrap: anywhere; font: 1rem/1.5 var(--st-font); color: var(--st-text-color); }
button { border: 1px solid var(--st-border-color); border-radius: 8px; background: none; padding: 2px 10px; cursor: pointer; font: 0.8rem/1.6 var(--st-font); color: var(--st-text-color); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
"""  # noqa: E501
JS = """
export default function ({ data, parentElement }) {
  const text = parentElement.querySelector("p"), button = parentElement.querySelector("button");
  text.textContent = data.text;
  button.textContent = data.copy;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.text);
      button.textContent = data.copied;
    } catch { // no secure connection: the text is selected, and the person's own key copies it
      getSelection().selectAllChildren(text);
      button.textContent = data.selected;
    }
    setTimeout(() => { button.textContent = data.copy; }, 2000);
  };
}
"""
_component = st.components.v2.component("sidelight_copyable", html=HTML, css=CSS, js=JS)


def copyable(text: str, key: str) -> None:
    words = {name: say(f"copyable.{name}") for name in ("copy", "copied", "selected")}
    _component(data={"text": text, **words}, key=key)
