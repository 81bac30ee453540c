"""A scene that a person makes: what lies where, how large, on which ground."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from core.finetune.data.bundled import every_picture
from core.scenes import SIDE, Ground, Layout, Thing
from core.scenes.grammar import NAMES
from core.scenes.render import every_ground
from core.scenes.text import LEAST_SIDE, MOST, MOST_SIDE, text_of
from core.ui import choices
from core.ui.language import say

USUAL = ((14, 14), (112, 14), (63, 112))  # left, top of a new thing, px


def show(layout: Layout) -> None:
    """Boxes and sliders for the ground and each thing; what is changed is the scene from then on."""
    _ground(layout)
    for number, thing in enumerate(layout.things):
        _thing(layout, number, thing)
    if len(layout.things) < MOST:
        st.button(say("bridge.add"), icon=":material/add:", key="add_thing", on_click=_add, args=(layout,))
    st.caption(say("bridge.compose_help"))


def numbers() -> dict[str, list[int]]:
    """The pictures of each class, none of which any bundled model learnt from."""
    return every_picture().by_class()


def _ground(layout: Layout) -> None:
    key = _standing("ground", layout.ground.kind)
    names = {kind: say(f"bridge.ground_{kind}") for kind in every_ground()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            say("bridge.ground"),
            list(names),
            format_func=names.__getitem__,
            key=key,
            on_change=lambda: _take(replace(layout, ground=Ground(st.session_state[key], layout.ground.seed))),
        )
        other = replace(layout.ground, seed=random.randrange(10**6))
        st.button(
            say("bridge.other_ground"),
            icon=":material/refresh:",
            key="other_ground",
            on_click=_take,
            args=(replace(layout, ground=other),),
        )


def _thing(layout: Layout, number: int, thing: Thing) -> None:
    def change(make: Callable[[], Thing]) -> Callable[[], None]:
        return lambda: _take(_with(layout, number, _kept_inside(make())))

    names = {one: say(f"class.{one}") for one in NAMES}
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = _standing(f"name_{number}", thing.name)
            st.selectbox(
                say("bridge.thing", number=number + 1),
                list(names),
                format_func=names.__getitem__,
                key=name,
                on_change=change(lambda: _other_picture(replace(thing, name=st.session_state[name]))),
            )
            st.button(
                say("bridge.other_picture"),
                icon=":material/refresh:",
                key=f"picture_{number}",
                on_click=change(lambda: _other_picture(thing)),
            )
            st.button(
                say("bridge.remove"),
                icon=":material/delete:",
                key=f"remove_{number}",
                on_click=_take,
                args=(replace(layout, things=layout.things[:number] + layout.things[number + 1 :]),),
            )
        for (what, least, most, value), column in zip(
            (
                ("left", 0, SIDE - thing.side, thing.left),
                ("top", 0, SIDE - thing.side, thing.top),
                ("side", LEAST_SIDE, MOST_SIDE, thing.side),
            ),
            st.columns(3),
            strict=True,
        ):
            key = _standing(f"{what}_{number}", value)
            column.slider(
                say(f"bridge.{what}"),
                least,
                most,
                key=key,
                on_change=change(partial(_moved, thing, what, key)),
            )


def _moved(thing: Thing, what: str, key: str) -> Thing:
    return replace(thing, **{what: st.session_state[key]})


def _standing(name: str, value: object) -> str:
    """The key of a box that stands at what the scene says."""
    key = f"compose_{name}"
    st.session_state[key] = value
    return key


def _kept_inside(thing: Thing) -> Thing:
    most = SIDE - thing.side
    return replace(thing, left=min(thing.left, most), top=min(thing.top, most))


def _other_picture(thing: Thing) -> Thing:
    return replace(thing, picture=random.choice(numbers()[thing.name]))


def _with(layout: Layout, number: int, thing: Thing) -> Layout:
    return replace(layout, things=(*layout.things[:number], thing, *layout.things[number + 1 :]))


def _add(layout: Layout) -> None:
    left, top = USUAL[len(layout.things)]
    new = _other_picture(Thing(random.choice(NAMES), 0, left, top, 84))
    _take(replace(layout, things=(*layout.things, new)))


def _take(layout: Layout) -> None:
    choices.write("scene", text_of(layout))
