"""The one way to show a person's text, or a model's, where Streamlit reads Markdown: captions, labels, titles, alerts.

What `st.text`, `st.code`, selectboxes and tables of data show is text already.
"""

import re

from core.models.languages import TAG, iso
from core.ui.language import say

MARKS = {  # as tokenizers write them; padding is only seen where a decoder begins
    "</s>": "list.end_mark",
    "<pad>": "list.start_mark",
    "<s>": "list.start_mark",
    "<unk>": "list.unknown_mark",
}
MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """It stays text: neither Markdown, nor HTML, nor LaTeX, nor Streamlit's colours and icons. On one line."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))


def unmarked(markdown: str) -> str:
    """A sentence of ours as plain text, for a place that knows no Markdown: what `plain` gave comes back as it was."""
    return re.sub(r"\\([!-/:-@\[-`{-~])|\*+", lambda sign: sign[1] or "", markdown)


def piece_text(text: str) -> str:
    """What a piece is called where it stands alone: the usual marks by one name each, a language tag as in the linked
    view, a piece that is only a word's start by a sign. It is text, not Markdown."""
    if TAG.fullmatch(text):
        return f"→ {iso(text.strip('<>')).upper()}"
    return say(MARKS[text]) if text in MARKS else text or "␣"
