"""A patch chosen by clicking in the picture, or by its row and column from the keyboard."""

from collections.abc import Callable, Mapping

import streamlit as st

from core import samples
from core.models.vision import VisionResult
from core.ui import patches
from core.ui.clickable import clickable
from core.ui.differences.lesson import Lesson
from core.ui.language import language, say
from core.views.charts import QUIET, TEAL
from core.views.differences.figures import patch_picture


def sample_titles() -> dict[str, str]:
    return {photo.path.stem: photo.title[language()] for photo in samples.photos()}


def place(patch: int, grid: tuple[int, int]) -> str:
    """Where a patch is, in words."""
    row, column = divmod(patch, grid[1])
    return say("lessons.patch_at", row=row + 1, column=column + 1)


def choose_patch(lesson: Lesson, key: str = "lesson_patch", first: int | None = None) -> int:
    """The chosen patch, from 0 row by row; in the link as row,column under the key without its "lesson_". All sections
    share it, unless they name another key. first: where nobody chose; by default in the middle."""
    grid = lesson.vision.axis.grid
    chosen, take = patches.linked(key.removeprefix("lesson_"), grid, first)
    patch_chart(lesson.vision, f"{key}_chart", {chosen: TEAL}, take)
    patches.row_and_column(chosen, grid, key, take)
    return chosen


def patch_chart(
    result: VisionResult, key: str, marks: Mapping[int, str], on_pick: Callable[[int], None] | None
) -> None:
    """The picture, cut up. marks: the colour of a frame, by patch. Nothing can be picked where `on_pick` is None."""
    fitted = result.fitted
    words = say("lessons.patch_at", row="{row}", column="{column}")  # the figure fills it
    figure = patch_picture(fitted.pixels, fitted.grid, words, marks)
    if on_pick is None:
        st.plotly_chart(figure, key=key, config=QUIET)
    else:
        clickable(figure, key, lambda marks: on_pick(int(marks[0])))
