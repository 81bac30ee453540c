"""Figures of what each layer would answer and of who wrote it."""

import pytest
import torch

from core.views.charts import FAINT
from core.views.layers import river, signed_words


def test_the_river_is_full_at_every_layer() -> None:
    figure = river(torch.tensor([[0.2, 0.1], [0.7, 0.3]]), ["cat", "dog"], "others", ["a", "b"], 1, "Probability")
    assert [band.name for band in figure.data] == ["cat", "dog", "others"]
    for layer in range(2):
        assert sum(band.y[layer] for band in figure.data) == pytest.approx(1)
    assert figure.data[2].y[0] == pytest.approx(0.7) and figure.data[2].fillcolor == FAINT


def test_words_are_lit_for_and_against_the_answer() -> None:
    found = signed_words(["<b>", "dog"], [0.5, -0.25])
    assert "rgba(15,143,134,0.60)' title='+0.500'>&lt;b&gt;<" in found
    assert "rgba(217,119,6,0.30)' title='−0.250'>dog<" in found
