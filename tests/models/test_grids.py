"""Which attention calls of a model lie on a grid over the photo."""

import pytest
import torch
from torch.nn import functional as F

from core.attention.axes import PatchAxis
from core.attention.tape import AttentionCall, Tape
from core.models.grids import fitting_size, grid_trace


def calls(*shapes: tuple[int, int, int, int]) -> list[AttentionCall]:
    """Recorded attention of (batch, heads, queries, keys)."""
    with Tape.record() as tape:
        for batch, heads, queries, keys in shapes:
            query, key = torch.rand(batch, heads, queries, 4), torch.rand(batch, heads, keys, 4)
            F.scaled_dot_product_attention(query, key, key)
    return tape.calls


def axis(rows: int, columns: int) -> PatchAxis:
    return PatchAxis((rows, columns), (), (0, 0, 9, 9), (9, 9))


def test_the_longest_run_on_one_grid_is_the_trace() -> None:
    """Like a hierarchy: reduced keys, one layer on a fine grid, three on a coarse one, two queries of a decoder."""
    shapes = [(1, 1, 16, 4), (1, 2, 16, 16), *[(1, 4, 6, 6)] * 3, (1, 4, 2, 2), (1, 4, 2, 6)]
    found = grid_trace(calls(*shapes), (axis(4, 4), axis(2, 3)), decoder=2)
    assert found.axis == axis(2, 3) and found.traces["encoder"].layers == 3 and found.left_out == 4
    assert [call.index for call in found.traces["encoder"].calls] == [2, 3, 4]


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 2, 7, 7)],  # no such grid
        [(1, 2, 6, 3)],  # no self-attention
        [(4, 2, 6, 6), (1, 2, 6, 6)],  # windows: the order of the positions is not known
        [],
    ],
)
def test_what_does_not_fit_is_not_drawn(shapes: list[tuple[int, int, int, int]]) -> None:
    found = grid_trace(calls(*shapes), (axis(2, 3),))
    assert not found.traces and found.left_out == len(shapes)


def test_the_last_layers_are_kept_where_not_all_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    found = calls(*[(1, 4, 6, 6)] * 5)
    monkeypatch.setattr("core.models.grids.ROOM", 2 * found[0].nbytes)
    trace = grid_trace(found, (axis(2, 3),))
    assert [call.index for call in trace.traces["encoder"].calls] == [3, 4] and trace.left_out == 3
    monkeypatch.setattr("core.models.grids.ROOM", 0)
    assert grid_trace(found, (axis(2, 3),)).traces["encoder"].layers == 1, "the last in any case"


class Processor:
    def __init__(self, **size: int) -> None:
        self.size = size


@pytest.mark.parametrize(
    ("image_size", "expected"),
    [
        ((640, 480), (512, 688)),  # 682.67 px is nearest to 43 patches
        ((480, 640), (688, 512)),
        ((1000, 20), (16, 848)),  # the longest edge stays under 5/3 of 512, the other keeps one patch
        ((3, 3), (512, 512)),
    ],
)
def test_the_size_follows_the_photo_in_whole_patches(image_size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitting_size(Processor(shortest_edge=800, longest_edge=1333), image_size, 16, 512) == expected


def test_the_one_size_that_a_processor_knows_is_kept() -> None:
    assert fitting_size(Processor(height=640, width=480), (1000, 20), 16, 512) == (640, 480)
