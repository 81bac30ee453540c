"""Which class is right for the photo: only a person can say so, and for a sample photo somebody has."""

from collections.abc import Sequence

import streamlit as st

from core import samples
from core.differences.loss import label_named
from core.ui import choices
from core.ui.differences.lesson import Lesson
from core.ui.language import class_name, language, say

OPEN = -1  # nobody has said yet


def choose(lesson: Lesson, classes: Sequence[str], key: str, text: str) -> int | None:
    """One of the classes by its index; None until one is said. text: of the box."""
    described = [photo.caption for photo in samples.photos() if photo.title[language()] == lesson.title]
    known = label_named(classes, described[0]) if described else None
    options = range(OPEN, len(classes))
    chosen = st.selectbox(
        text,
        options,
        format_func=lambda c: say("loss.label_open") if c == OPEN else class_name(classes[c]),
        help=say("loss.label_help"),
        **choices.widget("label", f"{key}_{lesson.run}", options, OPEN if known is None else known),
    )
    return None if chosen == OPEN else chosen
