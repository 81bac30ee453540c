"""A patch of a picture's grid, counted from 0 row by row without prefix tokens: named in the link, chosen by its row
and column from the keyboard."""

from collections.abc import Callable

import streamlit as st

from core.ui import choices
from core.ui.language import say

Grid = tuple[int, int]  # rows, columns


def middle(grid: Grid) -> int:
    return grid[0] // 2 * grid[1] + grid[1] // 2


def linked(name: str, grid: Grid, first: int | None = None) -> tuple[int, Callable[[int], None]]:
    """The patch that the link has under `name` as row,column, else the first one, by default in the middle; and what
    chooses another."""
    rows, columns = grid
    usual = middle(grid) if first is None else first
    numbers = [f"{row},{column}" for row in range(1, rows + 1) for column in range(1, columns + 1)]
    chosen = choices.read(name, {number: patch for patch, number in enumerate(numbers)}, usual)
    return chosen, lambda patch: choices.write(name, numbers[patch], numbers[usual])


def row_and_column(chosen: int, grid: Grid, key: str, take: Callable[[int], None]) -> None:
    """Two boxes that show where the chosen patch is; another row or column takes another patch."""
    rows, columns = grid
    with st.container(horizontal=True):
        row, column = (
            st.number_input(say(f"lessons.{name}"), 1, count, at + 1, key=f"{key}_{name}_{chosen}_{rows}_{columns}") - 1
            for name, count, at in (("row", rows, chosen // columns), ("column", columns, chosen % columns))
        )
    if row * columns + column != chosen:
        take(row * columns + column)
        st.rerun()
