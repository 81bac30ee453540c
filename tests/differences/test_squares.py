"""A missing patch is read off the features without having been seen."""

import pytest
import torch
from PIL import Image

from core import samples
from core.differences import squares
from core.models.images import open_image
from core.models.vision import VisionModel, load_vision

GRID = squares.SIDE // 14


@pytest.fixture(scope="module")
def model() -> VisionModel:
    return load_vision(squares.BACKBONE)


def test_of_a_missing_patch_nothing_is_used(model: VisionModel) -> None:
    """Features and the nearest colours stay as they are whatever the patch is: only the truth changes."""
    pixels = torch.rand(1, 3, squares.SIDE, squares.SIDE, generator=torch.Generator().manual_seed(0))
    for way in squares.WAYS:
        masks = squares._masks(way, GRID, torch.Generator().manual_seed(1))[-1:]
        asked = squares._asked(way, masks)
        row, column = divmod(int(asked[0, 1]), GRID)
        other = pixels.clone()
        other[..., 14 * row : 14 * (row + 1), 14 * column : 14 * (column + 1)] = 0
        one, two = (squares._examples(model, each, masks, asked) for each in (pixels, other))
        assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])
        assert not torch.equal(one[2][0], two[2][0])


def test_the_next_patch_is_seen_from_those_before_alone() -> None:
    masks = squares._masks("next", 4, torch.Generator())
    asked = squares._asked("next", masks)
    assert asked[:, 1].tolist() == [1, 3, 5, 7, 9, 11, 13, 15]
    assert all(mask.tolist() == [n >= place for n in range(16)] for mask, place in zip(masks, asked[:, 1], strict=True))


def test_on_photos_the_read_out_is_near_what_neighbours_say_and_far_from_the_mean(model: VisionModel) -> None:
    """That it knows little more than they do is what the page says."""
    photo = open_image(samples.by_name()["pagoda"].path.read_bytes())
    found = squares.squares(model, photo)
    for one in found.values():
        assert one.error < one.nearest and one.error < 0.3 * one.mean
        assert one.restored.size == (GRID * squares.FINE,) * 2
    black = squares.squares(model, Image.new("RGB", (40, 60)))
    assert all(one.error < 1e-3 for one in black.values())
