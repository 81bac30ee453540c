"""A loss has a slope where a measure has none: of logits whose numbers are known."""

import pytest
import torch

from core.differences import measures


def test_the_loss_falls_smoothly_and_the_accuracy_in_one_step() -> None:
    logits, wanted = torch.tensor([[2.0, 0.9, -1.0], [0.0, 3.0, 0.0]]), torch.tensor([1, 1])
    found = measures.sweep(logits, wanted, lambda chosen: float((chosen == wanted).float().mean()))
    chances = logits.softmax(-1)[:, 1]
    assert found.loss_slope == pytest.approx(-float((1 - chances).mean()), abs=1e-6)
    assert found.measure_slope == 0
    assert all(one > other for one, other in zip(found.loss, found.loss[1:], strict=False))
    assert sorted(set(found.measure)) == [0, 0.5, 1] and found.flips == 2


def test_on_the_edge_a_choice_flips_with_the_smallest_push() -> None:
    logits, wanted = torch.tensor([[1.0, 1.0]]), torch.tensor([1])
    assert measures.sweep(logits, wanted, lambda chosen: float(chosen[0] == 1)).measure_slope == 1 / (
        2 * measures.NUDGE
    )
