"""The picture that is told: a scene whose things are known, or a photo of the world."""

import base64
import io
import random
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st
from PIL import Image

from core import samples
from core.finetune.data.bundled import every_picture
from core.models.images import Fit
from core.scenes import Layout, Part, draw_layout, render
from core.scenes.render import every_ground
from core.scenes.text import read, text_of
from core.ui import choices, photos
from core.ui.bridge import composer
from core.ui.language import say
from core.views.linked.cards import Named

SOURCES = ("scene", "photo")
THUMB = 64  # px
PICTURED = ".st-key-scene button:nth-of-type({number}) {{ background-image: url(data:image/jpeg;base64,{small}); }}"


@dataclass(frozen=True)
class Picture:
    """layout: what is on it, where that is known."""

    title: str
    image: Image.Image
    fit: Fit
    layout: Layout | None = None

    @property
    def boxes(self) -> list[Named]:
        """The things of a scene where they truly are."""
        things = self.layout.things if self.layout else ()
        return [Named(None, say(f"class.{one.name}"), tuple(map(float, one.box))) for one in things]  # type: ignore[arg-type]


def choose() -> Picture:
    """On one line: which kind, then the samples of that kind and the ways to another."""
    source = st.segmented_control(
        say("bridge.source"),
        SOURCES,
        format_func=lambda name: say(f"bridge.source_{name}"),
        required=True,
        label_visibility="collapsed",
        wrap=False,
        **choices.widget("look", "bridge_source", SOURCES, SOURCES[0]),
    )
    if source == SOURCES[1]:
        title, image = photos.choose(framed=True)
        return Picture(title, image, photos.framing())
    return _scene()


def _scene() -> Picture:
    choices.said("scene")  # Back may have taken it out of the link
    offered, now = samples.scenes(), layout_now()
    texts = [*offered, *([text_of(now)] if text_of(now) not in offered else [])]
    with st.container(horizontal=True, key="scenes", gap="xsmall", vertical_alignment="center"):
        st.segmented_control(
            say("bridge.scene"),
            texts,
            format_func=lambda text: say("bridge.scene_numbered", number=texts.index(text) + 1),
            required=True,
            label_visibility="collapsed",
            wrap=False,
            **choices.widget("scene", "scene", texts, texts[0]),
        )
        st.button(say("bridge.another"), icon=":material/casino:", key="another_scene", on_click=_another)
        with st.popover(say("bridge.compose"), icon=":material/edit:", key="compose"):
            composer.show(now)
    small = (PICTURED.format(number=number, small=_small(text)) for number, text in enumerate(texts, 1))
    st.html(f"<style>{''.join(small)}</style>")
    return Picture(say("bridge.scene"), image_of(now), "stretch", now)


def layout_now() -> Layout:
    """The scene that is chosen; the first sample where none is, or where the link's text is no scene."""
    pictures = len(every_picture())
    found = read(choices.remembered("scene"), pictures) or read(samples.scenes()[0], pictures)
    assert found, "the first sample is a scene"
    return found


def image_of(layout: Layout) -> Image.Image:
    return render(layout, every_picture())


@lru_cache(64)
def _small(text: str) -> str:
    layout = read(text, len(every_picture()))
    assert layout, "only scenes are offered"
    file = io.BytesIO()
    image_of(layout).resize((THUMB, THUMB)).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()


def _another() -> None:
    """A scene at random, on grounds of both kinds."""
    part = Part(composer.numbers(), every_ground())
    count = random.choice((1, 2, 2, 3))
    choices.write("scene", text_of(draw_layout(part, random.randrange(10**9), count, None)))
