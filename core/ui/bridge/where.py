"""Where is ...? A word's map by every method, and of a composed scene whether it points at the thing itself."""

import streamlit as st
from torch import Tensor

from core.scenes import Layout
from core.scenes.pointing import best_name, cover, pointing
from core.scenes.words import names_at
from core.ui.bridge import side
from core.ui.bridge.picture import Picture
from core.ui.bridge.run import Told
from core.ui.explain import maps
from core.ui.explain.sides import WHOLE
from core.ui.language import say

DEPTH = 1.0  # the layer that points best (benchmarks/README.md)


def show(picture: Picture, told: Told) -> None:
    boxes = tuple(one.box for one in picture.layout.things) if picture.layout else ()
    place = st.container()
    if told.caption.context:
        st.caption(say("bridge.where_prompted"))
    found = maps.show_one(side.side(told, picture.title, boxes, first_asked(picture, told)[0]))
    if picture.layout and found.target != WHOLE:
        with place:
            _compare(picture.layout, told, found.target, found.map)


def _compare(layout: Layout, told: Told, step: int, found: Tensor) -> None:
    """Whether the strongest patch lies on what the word names, and how much of the map does."""
    name = next((one for one, at in names_at(told.caption.target, told.language) if at == step), None)
    if name is None:
        st.caption(say("bridge.no_name"))
        return
    covered = cover(layout, name, told.caption.source.grid)
    if covered is None:
        st.markdown(f":orange[:material/help: {say('bridge.not_there', name=say(f'class.{name}'))}]")
        return
    hit, share = pointing(found, covered)
    area = float(covered.mean())
    text = say("bridge.points_at" if hit else "bridge.points_beside", name=say(f"class.{name}"))
    st.markdown(f":{'green' if hit else 'red'}[**{text}**]")
    st.caption(say("bridge.share", share=f"{share:.0%}", area=f"{area:.0%}", times=f"{share / max(area, 1e-9):.1f}"))


def first_asked(picture: Picture, told: Told) -> tuple[int, float]:
    """The step and the depth that the page begins with: of a scene the name and the layer that point best at its thing,
    where one does; else the first name, in the layer that points best on other scenes."""
    caption = told.caption
    if picture.layout:
        best = best_name(picture.layout, caption.traces["cross"], caption.source, caption.target, told.language)
        if best:
            return best
    return next((at for _, at in names_at(caption.target, told.language)), 0), DEPTH
