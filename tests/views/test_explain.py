"""Figures of the Explain page: what a cell, a bar, a band and a light say is the number that was given."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.views import explain
from core.views.charts import AMBER, GREY, TEAL, entropy_bars, probability_bars
from core.views.explain import OFF
from core.views.light import GLOW, NIGHT, lit_photo, overlay, times_even

WORDS = {"layer": "layer", "head": "head", "cell": "layer {layer}, head {head}: {value}"}


def test_words_are_coloured_by_doublings_and_say_the_times() -> None:
    figure = explain.method_words({"raw": torch.tensor([1.0, 8.0, 0.0])}, ["a", "b", "<c>"], "scale")
    cells = figure.data[0]
    assert cells.z[0].tolist() == [0, 3, -3], "log2, down to 1/8"
    assert list(cells.text[0]) == ["raw<br>a: 1.00×", "raw<br>b: 8.00×", "raw<br>&lt;c&gt;: 0.00×"]
    assert (cells.zmin, cells.zmax) == (-3, 3) and cells.colorbar.ticktext == ("1/8×", "1×", "8×")


def test_the_scale_of_words_reaches_as_far_as_they_differ() -> None:
    assert explain.octaves([torch.tensor([1.1, 0.9]), torch.tensor([0.5, 3.5])]) == 2, "up to 4 times"
    assert explain.octaves([torch.ones(3)]) == 1 and explain.octaves([torch.tensor([1e5])]) == 6


def test_the_band_of_random_orders_goes_there_and_back_and_the_chosen_method_leads() -> None:
    series = {"raw": [1, 0.5, 0], "rollout": [1, 0.2, 0]}
    band, other, own = explain.curves(
        [0, 0.5, 1], series, ([0.8, 0.4, 0], [1, 0.6, 0.1]), "x", "y", "random", "raw"
    ).data
    assert list(band.x) == [0, 0.5, 1, 1, 0.5, 0] and list(band.y) == [1, 0.6, 0.1, 0, 0.4, 0.8]
    assert (other.name, list(other.y), other.line.color) == ("rollout", [1, 0.2, 0], GREY)
    assert (own.name, list(own.y), own.line.color) == ("raw", [1, 0.5, 0], TEAL)


def test_agreement_is_written_in_its_cell() -> None:
    cells = explain.agreement(torch.tensor([[1.0, 0.25], [0.5, 1.0]]), ["raw", "rollout"]).data[0]
    assert list(cells.z) == [[1, 0.25], [0.5, 1]] and list(cells.text[0]) == ["1.00", "0.25"]
    assert cells.x == cells.y == ("raw", "rollout")


def test_before_and_after_keep_their_names_and_colours() -> None:
    before, after = explain.before_after(["cat", "dog"], [0.7, 0.1], [0.2, 0.6], ["on", "off"]).data
    assert (before.name, list(before.x), before.marker.color) == ("on", [0.7, 0.1], GREY)
    assert (after.name, list(after.x), after.marker.color) == ("off", [0.2, 0.6], AMBER)
    assert list(after.text) == ["20.0%", "60.0%"]
    assert len(explain.before_after(["cat"], [0.7], [0.7], ["on"]).data) == 1


def test_a_head_that_is_off_is_crossed_where_it_stands() -> None:
    values = torch.tensor([[0.1, -0.4, 0.2], [0.0, 0.3, 0.0]])
    cells, crosses = explain.switches(values, [(1, 0), (0, 2)], "title", WORDS).data
    off = {
        tuple(cell) for cell, colour in zip(crosses.customdata, crosses.marker.line.color, strict=True) if colour == OFF
    }
    assert off == {(1, 0), (0, 2)}
    for x, y, (layer, head), said in zip(crosses.x, crosses.y, crosses.customdata, crosses.text, strict=True):
        assert (x, y) == (head + 1, layer + 1) and cells.z[layer][head] == float(values[layer, head])
        assert said == f"layer {layer + 1}, head {head + 1}: {float(values[layer, head]):+.4f}".replace("-", "−")
    assert cells.zmax == -cells.zmin == pytest.approx(0.4), "zero in the middle"


def test_heads_that_are_not_measured_yet_show_no_number_but_can_be_chosen() -> None:
    cells, crosses = explain.switches(torch.full((2, 3), torch.nan), [(1, 0)], "title", WORDS).data
    assert {colour for _, colour in cells.colorscale} == {explain.FAINT} and list(cells.colorbar.tickvals) == []
    assert np.isfinite(cells.z).all(), "a cell without a number is not drawn"
    assert crosses.text[0] == "layer 1, head 1: –" and len(crosses.customdata) == 6


def test_pruning_draws_the_measured_order_before_chance() -> None:
    own, chance = explain.pruning(
        {"least": [(0, 0.9), (9, 0.8)], "chance": [(0, 0.9), (9, 0.3)]}, "heads", "quality"
    ).data
    assert (list(own.x), list(own.y), own.line.color) == ([0, 9], [0.9, 0.8], TEAL)
    assert (list(chance.y), chance.line.color) == ([0.9, 0.3], GREY)


def test_times_even_is_one_where_all_count_the_same() -> None:
    assert times_even(torch.tensor([1.0, 3.0, 0.0, -2.0])).tolist() == [1, 3, 0, 0]
    assert times_even(torch.zeros(3)).tolist() == [1, 1, 1]


def test_light_falls_where_attention_is_above_even_and_shade_where_below() -> None:
    shown = overlay(np.array([[0.2, 20.0]]))
    dark, bright = shown.getpixel((0, 0)), shown.getpixel((1, 0))
    assert dark[:3] == NIGHT and bright[:3] == GLOW
    shades = [overlay(np.array([[x]])).getpixel((0, 0))[3] for x in (0.1, 0.5, 2.0, 8.0)]
    assert shades == sorted(shades, reverse=True) and shades[-1] == 0, "night lifts up to 8 times an even share"
    lit = lit_photo(Image.new("RGB", (40, 20), "gray"), torch.tensor([[0.1, 30.0]]), longest=80)
    assert lit.size == (80, 40)
    assert sum(lit.getpixel((10, 20))) < 3 * 128 < sum(lit.getpixel((70, 20)))


def test_bars_name_what_they_measure() -> None:
    bars = probability_bars(["cat", "<dog>"], [0.75, 0.25])
    assert list(bars.data[0].x) == [0.75, 0.25] and bars.data[0].y == ("cat", "&lt;dog&gt;")
    assert bars.data[0].text == ("75.0%", "25.0%") and bars.layout.yaxis.autorange == "reversed"
    steps = entropy_bars(["a", "a"], [0.5, 1.5], "bits")
    assert list(steps.data[0].y) == [0.5, 1.5] and steps.layout.xaxis.ticktext == ("a", "a")
