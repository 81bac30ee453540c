"""Four ways to tell where a position is: the formula is the translator's own, and a rotation knows distances alone."""

import pytest
import torch

from core.differences import inputs, positions
from tests.differences.conftest import SENTENCE, TARGET


def test_the_translators_positions_are_the_formula_and_the_photos_are_learnt(translator, vision, seen) -> None:
    own = inputs.embed_sentence(translator, SENTENCE, TARGET).positions
    assert positions.deviation(own) < 1.5e-5 and positions.is_fixed(own)
    assert not positions.is_fixed(vision.position_vectors(seen.axis.grid))


def test_a_rotation_keeps_lengths_and_makes_products_depend_on_the_distance_alone(translation) -> None:
    query = positions.middle_query(translation.traces["encoder"])
    turned = positions.rotated(query, 20)
    assert turned.norm(dim=-1) == pytest.approx([float(query.norm())] * 20)
    products = turned @ turned.T
    for distance in (1, 5):
        assert products.diagonal(distance).std() < 1e-4 * products[0, 0]
    assert torch.equal(turned[0], query)


def test_the_falling_bias_is_the_papers_slope_times_the_distance() -> None:
    bias = positions.falling_bias(5, heads=8, head=0)
    assert bias[0].tolist() == [0, -0.5, -1, -1.5, -2] and torch.equal(bias, bias.T)
