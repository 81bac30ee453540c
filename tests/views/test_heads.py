"""A grid of heads answers the pointer with the head under it, in any order; the table has the numbers."""

import csv

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.attention.statistics import NAMES, average_statistics
from core.views.heads import head_grid, head_rows, head_table
from tests.views.test_linked import sentence_card, traces_of, vision_card

WORDS = {"layer": "layer", "head": "head", "cell": "layer {layer}, head {head}: {value}"}


@given(st.integers(1, 24), st.integers(1, 16), st.booleans(), st.integers(0, 1000))
@settings(max_examples=40)
def test_a_cell_under_the_pointer_is_the_head_that_it_names(layers: int, heads: int, ordered: bool, seed: int) -> None:
    values = torch.rand(layers, heads, generator=torch.Generator().manual_seed(seed))
    order = values.argsort(1, descending=True) if ordered else None
    cells, markers = head_grid(values, "title", words=WORDS, low=0, high=1, order=order).data
    for x, y, (layer, head), said in zip(markers.x, markers.y, markers.customdata, markers.text, strict=True):
        assert cells.z[y - 1][x - 1] == float(values[layer, head]) and y == layer + 1
        assert said == f"layer {layer + 1}, head {head + 1}: {float(values[layer, head]):.3f}"
        assert ordered or x == head + 1
    assert len(set(map(tuple, markers.customdata))) == layers * heads
    if ordered:
        assert all(list(row) == sorted(row, reverse=True) for row in cells.z)


def test_the_open_head_is_marked_where_it_stands() -> None:
    values = torch.tensor([[0.1, 0.3, 0.2]])
    order = values.argsort(1, descending=True)
    _, markers, dot = head_grid(values, "", words=WORDS, low=0, high=1, order=order, chosen=(0, 2)).data
    assert (dot.x, dot.y) == ((2,), (1,)) and dot.unselected.marker.opacity == 1
    assert markers.selected.marker.opacity == 0, "the last click may have been elsewhere"


def test_rows_have_the_statistics_and_who_takes_the_sink() -> None:
    trace = traces_of(vision_card())["encoder"]
    found = average_statistics([trace])
    rows = head_rows(found)
    assert [(row["layer"], row["head"]) for row in rows] == [
        (layer + 1, head + 1) for layer in range(trace.layers) for head in range(trace.heads)
    ]
    for row in rows:
        for name in NAMES:
            assert row[name] == pytest.approx(float(found[name][row["layer"] - 1, row["head"] - 1]))
        assert row["sink by"] == "CLS" and row["sink CLS"] == pytest.approx(row["sink"])


def test_the_table_holds_both_inputs() -> None:
    image, cross = (
        average_statistics([traces_of(vision_card())["encoder"]]),
        average_statistics([traces_of(sentence_card())["cross"]]),
    )
    text = head_table([("photo", "encoder", image), ("sentence", "cross", cross)])
    lines = list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))
    assert len(lines) == image["entropy"].numel() + cross["entropy"].numel()
    assert [line["input"] for line in lines].count("sentence") == cross["entropy"].numel()
    assert float(lines[-1]["entropy"]) == pytest.approx(float(cross["entropy"][-1, -1]), rel=1e-4)
    assert lines[-1]["sink CLS"] == "" and lines[0]["sink CLS"] != ""
