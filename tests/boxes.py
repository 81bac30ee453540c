"""Where a patch lies on the photo, for tests that look there."""

from core.attention.axes import Box, PatchAxis


def patch_box(axis: PatchAxis, position: int) -> Box:
    """The part of the upright image under a patch, by its row and column."""
    row, column = axis.coordinates()[position].tolist()
    left, top, right, bottom = axis.image_box
    height, width = (bottom - top) / axis.grid[0], (right - left) / axis.grid[1]
    return (left + column * width, top + row * height, left + (column + 1) * width, top + (row + 1) * height)
