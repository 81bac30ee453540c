"""A map of *Explain* as a figure for a paper, drawn by the browser from what stands on the page."""

import base64
import io
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageColor

from core.attention.faithfulness import Verdict
from core.ui.component import component
from core.ui.explain import verdict
from core.ui.language import say, sentences
from core.views.light import HIGH, LOW, lit_photo
from core.views.lit_words import LIT

_component = component("drawn")
STEPS = 90  # of a scale
STRIP = (260, 12)  # its size, px
COLOURS = 5  # of the photo in it


class Scale(NamedTuple):
    """strip: from the least to the most. ticks: evenly along it. said: what is lit, and over what."""

    strip: Image.Image
    ticks: Sequence[str]
    said: str


def offer(place: str, scale: Scale, found: Verdict | None, how: Sequence[str]) -> None:
    """A button that saves what the container of the key `place` shows. found: what was measured of it. how: what the
    line to cite names."""
    file = io.BytesIO()
    scale.strip.save(file, "PNG")
    told = {
        "place": place,
        "strip": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}",
        "ticks": list(scale.ticks),
        "caption": sentences(scale.said, verdict.sentence(found) if found else ""),
        "cite": say("view.figure_cite", how=" · ".join(how), date=date.today().isoformat()),
        "save": say("explain.figure"),
        "letters": say("explain.figure_letters"),
    }
    _component(data=told, key=f"figure_{place}")


def photo_strip(photo: Image.Image) -> Image.Image:
    """The photo's colours from left to right, from night to glow, as the linked view draws them (legend.js)."""
    colours = photo.resize((COLOURS, 1), Image.Resampling.BOX).resize(STRIP, Image.Resampling.BICUBIC)
    return lit_photo(colours, 2 ** torch.linspace(LOW, HIGH, STEPS)[None], 2 * STRIP[0])


def word_strip() -> Image.Image:
    """What stands behind words, from none to all."""
    light = np.linspace(-1, 1, STRIP[0]).clip(0) * 255
    colour = np.array([*ImageColor.getrgb(LIT), 0], float) + np.array([0, 0, 0, 1]) * light[:, None]
    return Image.fromarray(np.broadcast_to(colour, (STRIP[1], STRIP[0], 4)).round().astype(np.uint8), "RGBA")
