"""Figures of a training run say the numbers that they were given, and stay small and clear behind."""

import json
import math

import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.views.finetune import DRAWN, confusion, curve, drift_grid

WORDS = {"layer": "layer", "head": "head", "cell": "layer {layer}, head {head}: {value}"}


def sent(figure: go.Figure) -> dict:
    """What the browser gets."""
    return json.loads(figure.to_json())


def test_a_short_line_is_drawn_as_it_is() -> None:
    points = [(0, 0.25), (10, 0.5), (20, 0.875)]
    (trace,) = curve({"LoRA": points}, "step", "accuracy", percent=True).data
    assert list(zip(trace.x, trace.y, strict=True)) == points
    assert trace.hovertemplate == "%{y:.1%}" and trace.name == "LoRA"


def test_shares_stand_within_their_scale() -> None:
    level = [(0, 1.0), (4, 1.0)]
    assert sent(curve({"a": level}, "x", "y", percent=True))["layout"]["yaxis"]["autorangeoptions"]["clipmax"] < 1.1
    assert "autorangeoptions" not in sent(curve({"a": level}, "x", "y"))["layout"]["yaxis"]


def test_a_long_line_is_thinned_and_smoothed_and_keeps_its_spikes() -> None:
    points = [(step, 1.0) for step in range(5000)]
    points[1234], points[4000] = (1234, 9.0), (4000, -3.0)
    raw, smooth = curve({"run": points}, "step", "loss").data
    for trace in (raw, smooth):
        assert 100 < len(trace.x) <= DRAWN and list(trace.x) == sorted(set(trace.x))
        assert trace.x[0] == 0 and trace.x[-1] == 4999
    assert (1234, 9.0) in zip(raw.x, raw.y, strict=True) and (4000, -3.0) in zip(raw.x, raw.y, strict=True)
    assert smooth.line.width > raw.line.width and smooth.hoverinfo == "skip" and raw.hovertemplate
    assert max(smooth.y) < 1.5 and raw.showlegend is False and raw.legendgroup == smooth.legendgroup


def test_the_smoothed_line_follows_within_a_twentieth_of_the_points() -> None:
    steps = sent(curve({"a": [(x, float(x >= 100)) for x in range(200)]}, "step", "loss"))["data"][1]
    y = dict(zip(steps["x"], steps["y"], strict=True))
    assert y[99] == pytest.approx(0) and 0.5 < y[109] < 0.99 and y[199] > 0.999


def test_the_smoothed_line_of_a_constant_is_the_constant_from_its_start() -> None:
    _, smooth = curve({"run": [(step, 0.7) for step in range(61)]}, "step", "loss").data
    assert list(smooth.y) == pytest.approx([0.7] * len(smooth.y))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=900))
def test_any_numbers_make_a_figure(values: list[float]) -> None:
    figure = sent(curve({"run": list(enumerate(values))}, "step", "loss", log=True))
    assert len(figure["data"]) == 1 + (len(values) > 60)
    finite = {y for y in values if math.isfinite(y)}
    for trace in figure["data"]:
        assert len(trace["x"]) == len(trace["y"]) <= DRAWN
    assert {y for y in figure["data"][0]["y"] if y is not None} <= finite
    if finite:
        assert {min(finite), max(finite)} <= set(figure["data"][0]["y"])


def test_runs_have_their_own_colours_and_references_their_lines() -> None:
    figure = curve({"a": [(0, 1)], "<b>": [(0, 2)]}, "x", "y", reference={"k-NN": 0.79}, percent=True)
    first, second = figure.data
    assert first.line.color != second.line.color and second.name == "&lt;b&gt;" and figure.layout.showlegend
    (line,) = figure.layout.shapes
    assert (line.y0, line.y1, line.line.dash, line.name) == (0.79, 0.79, "dash", "k-NN 79.0%") and line.showlegend
    assert not curve({"a": [(0, 1)]}, "x", "y").layout.showlegend


def test_a_reference_without_a_logarithm_is_left_out() -> None:
    figure = curve({"a": [(0, 1)]}, "x", "y", reference={"none": 0, "start": 2.3}, log=True)
    assert [line.name for line in figure.layout.shapes] == ["start 2.3"] and figure.layout.yaxis.type == "log"


def test_a_run_without_points_is_an_empty_plot() -> None:
    assert len(curve({"a": []}, "x", "y").data[0].x) == 0 and not curve({}, "x", "y").data


def test_confusion_writes_counts_and_colours_shares_of_the_row() -> None:
    figure = confusion([[18, 2], [0, 0]], ["cat", "<dog>"], "said", "true")
    (cells,) = figure.data
    assert cells.text == ([18, 2], [0, 0]) and cells.z == ([0.9, 0.1], [None, None])
    assert cells.hovertext[0][1] == "true: cat<br>said: &lt;dog&gt;<br>2 / 20 = 10.0%"
    assert cells.hovertext[1][0].endswith("0 / 0") and (cells.zmin, cells.zmax) == (0, 1)
    assert figure.layout.yaxis.autorange == "reversed"


def test_many_long_classes_get_room_and_short_names() -> None:
    names = [f"a rather long name number {i}" for i in range(30)]
    figure = confusion([[1] * 30] * 30, names, "said", "true")
    assert figure.layout.height > 600 and all(len(name) == 14 for name in figure.layout.xaxis.ticktext)
    assert names[29] in figure.data[0].hovertext[29][0]


def test_a_drift_grid_answers_the_pointer_with_layer_and_head() -> None:
    values = torch.tensor([[0.0, 0.12, 0.3], [0.05, 0.2, 0.1]])
    cells, markers = drift_grid(values, "js", diverging=False, words=WORDS).data
    assert torch.tensor(cells.z).equal(values) and cells.hoverinfo == "skip"
    for x, y, (layer, head), said in zip(markers.x, markers.y, markers.customdata, markers.text, strict=True):
        assert (y, x) == (layer + 1, head + 1)
        assert said == f"layer {layer + 1}, head {head + 1}: {float(values[layer, head]):.3f}"
    assert len(markers.x) == 6 and markers.marker.opacity == 0 and markers.selected.marker.opacity == 1
    assert cells.zmin == 0 and cells.zmax == pytest.approx(0.3)


@given(st.integers(1, 24), st.integers(1, 16), st.floats(0, 2), st.integers(0, 1000))
def test_a_change_is_shown_symmetrically_and_rounding_is_not(layers: int, heads: int, size: float, seed: int) -> None:
    values = size * torch.randn(layers, heads, generator=torch.Generator().manual_seed(seed))
    cells, markers = drift_grid(values, "change", diverging=True, words=WORDS).data
    assert cells.zmax == -cells.zmin == pytest.approx(max(0.01, values.abs().max().item()))
    assert all(text.split(": ")[1][0] in "+-" for text in markers.text)


@pytest.mark.parametrize(
    "figure",
    [
        curve({"a": [(i, 1.0) for i in range(100)], "b": []}, "x", "y", reference={"r": 1}),
        confusion([[1, 0], [0, 1]], ["a", "b"], "x", "y"),
        drift_grid(torch.zeros(12, 6), "title", diverging=True, words=WORDS),
    ],
)
def test_figures_are_compact_and_clear(figure: go.Figure) -> None:
    layout = sent(figure)["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)" and layout["height"] == 240
    assert "color" not in layout.get("font", {}), "a page's theme decides"
