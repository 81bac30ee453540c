"""Scenes whose truth is known: cut-outs of small pictures on a ground, told by a grammar in four languages."""

from core.scenes.draw import Part, draw_layout, is_held_out
from core.scenes.grammar import LANGUAGES, Fact, Language, caption, meaning
from core.scenes.judge import Judged, judge
from core.scenes.layout import SIDE, Ground, Layout, Thing, facts, seen
from core.scenes.render import grounds, render

__all__ = [
    "LANGUAGES",
    "SIDE",
    "Fact",
    "Ground",
    "Judged",
    "Language",
    "Layout",
    "Part",
    "Thing",
    "caption",
    "draw_layout",
    "facts",
    "grounds",
    "is_held_out",
    "judge",
    "meaning",
    "render",
    "seen",
]
