"""The linked view's code: its modules joined for a component, or one self-contained HTML file with a payload inside.

In a notebook: `View([card_of(...), card_of(...)])` as the last line of a cell.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core import wording
from core.views.scripts import bundle
from core.views.standalone import frame, page

if TYPE_CHECKING:  # it brings PyTorch, and the view is mounted before that is here
    from core.views.linked.cards import Card

HERE = Path(__file__).parent
MARKUP = '<div class="sidelight"></div>\n'


@cache
def script() -> str:
    """One ES module."""
    return bundle(HERE / "linked.js")


@cache
def style() -> str:
    return (HERE / "style.css").read_text("utf-8")


def standalone(payload: bytes, title: str, start: str = "", language: str = "en") -> str:
    """A page that opens from disk with no server and no network. start: what is chosen in it (state.py)."""
    encoded = base64.b64encode(payload).decode()
    call = f"""const data = Uint8Array.from(atob("{encoded}"), (c) => c.charCodeAt(0));
mount({{ data, parentElement: document.body, start: {json.dumps(start).replace("<", chr(92) + "u003c")} }});"""
    return page(title, style(), MARKUP, script(), call, language)


@dataclass(frozen=True)
class View:
    """Any cards side by side, in a notebook or as a file. start: what is chosen in it (state.py)."""

    cards: Sequence[Card]
    language: str = "en"
    start: str = ""
    height: int = 760  # of a notebook's frame, px

    def html(self) -> str:
        from core.views.linked.payload import pack

        words = wording.starting_with("view.", self.language)
        return standalone(pack(self.cards, words), "Sidelight", self.start, self.language)

    def save(self, path: Path | str) -> None:
        Path(path).write_text(self.html(), "utf-8")

    def _repr_html_(self) -> str:
        return frame(self.html(), self.height)
