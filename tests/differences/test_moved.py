"""A convolution answers the same wherever a thing stands, and the layers after it do not."""

import pytest

from core import samples
from core.differences import moved
from core.models.images import open_image
from tests.attention import planted


def test_the_convolution_does_not_care_where_and_positions_do(vision) -> None:
    photo = open_image(samples.photos()[0].path.read_bytes())
    found = moved.moved(vision, photo, 224)
    assert found.convolution == pytest.approx([1] * 5, abs=1e-5)
    assert all(one > other for one, other in zip(found.attention, found.attention[1:], strict=False))
    assert found.attention[-1] < found.bare[-1] < 1, "some of it is the positions', some the rest of the picture's"


def test_a_small_grid_is_moved_by_what_leaves_some_in_sight() -> None:
    model, photo = planted.random_vision(), open_image(samples.photos()[0].path.read_bytes())  # 4 x 4 patches
    found = moved.moved(model, photo, planted.SIDE)
    assert found.moves == (0, 1, 2, 3) and moved.most(model, planted.PATCH) == 0
    assert found.convolution == pytest.approx([1] * 4, abs=1e-5) and all(-1 <= one <= 1 for one in found.attention)
