"""A told picture as a side of *Explain*: all its methods, each judged on this very picture."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image, ImageDraw

from core.attention.axes import Box, PatchAxis
from core.attention.subject import Subject
from core.attention.trace import Traces
from core.ui import choices
from core.ui.bridge.run import Told
from core.ui.explain.sides import WHOLE, PhotoSide
from core.ui.language import say
from core.ui.plain import piece_text

EDGE = ((5, "#111111"), (3, "#ffffff"))  # px and colour, seen on any picture


@dataclass(frozen=True)
class Result:
    """What *Explain* asks of a picture's run."""

    axis: PatchAxis
    fitted: Any


@dataclass(frozen=True, eq=False)
class CaptionSide(PhotoSide):
    """A picture and a word of its caption in place of a class. told: always given. boxes: where things truly are, px of
    the image. first: the piece that is asked about where none was chosen."""

    told: Told | None = None
    boxes: tuple[Box, ...] = ()
    first: int = WHOLE

    @property
    def _told(self) -> Told:
        assert self.told, "it is always given"
        return self.told

    @property
    def result(self) -> Any:
        looked = self._told.looked
        return Result(looked.axis, looked)

    def finished(self, lit: Image.Image) -> Image.Image:
        draw, scale = ImageDraw.Draw(lit), lit.width / self.image.width
        for box in self.boxes:
            for width, colour in EDGE:
                draw.rectangle([round(edge * scale) for edge in box], outline=colour, width=width)
        return lit

    @property
    def traces(self) -> Traces:
        return self._told.caption.traces

    def subject(self, target: int, against: int | None = None) -> Subject:
        return self._told.subject(None if target == WHOLE else target)

    def measured(self, target: int | None) -> str:
        return say("bridge.measured_whole" if target is None else "explain.measured_piece")

    def choose_target(self) -> int:
        """A written piece, or the whole caption."""
        caption = self._told.caption
        pieces, special = caption.target.pieces, caption.target.special
        every = [WHOLE, *(n for n in range(len(pieces)) if not special[n])]
        return st.selectbox(
            say("bridge.where_is"),
            every,
            format_func=lambda n: say("bridge.whole") if n == WHOLE else f"{n + 1} · {piece_text(pieces[n])}",
            **choices.widget("piece", "bridge_piece", every, self.first, choices.from_one),
        )


def side(told: Told, title: str, boxes: tuple[Box, ...], first: int) -> CaptionSide:
    return CaptionSide(
        told.name, title, told.image, ("caption", *told.key), told.fit, told=told, boxes=boxes, first=first
    )
