"""The votes of nearest neighbours on features that are written out."""

import math

import pytest
import torch

from core.finetune.features import nearest


def test_neighbours_are_near_by_direction_and_not_by_length() -> None:
    """A known feature a hundred times as long, in another direction, has the larger product and is further away."""
    known, labels = torch.tensor([[1.0, 0.1], [100.0, 100.0]]), torch.tensor([0, 1])
    votes = nearest(known, labels, torch.tensor([[1.0, 0.0], [0.001, 0.0]]), 2)
    cosines = (1 / math.sqrt(1.01), 1 / math.sqrt(2))
    wanted = torch.tensor([math.exp(cosine / 0.07) for cosine in cosines])
    torch.testing.assert_close(votes, wanted.expand(2, 2), rtol=1e-4, atol=0)
    assert votes.argmax(-1).tolist() == [0, 0]


def test_ten_neighbours_vote_and_closer_ones_count_more() -> None:
    angles = torch.arange(12) * 0.01
    known = torch.stack([angles.cos(), angles.sin()], 1)
    labels = torch.tensor([1] + [0] * 9 + [2, 2])  # the two furthest have no vote
    votes = nearest(known, labels, torch.tensor([[5.0, 0.0]]), 3)[0]
    assert votes[2] == 0 and votes[0] > votes[1] > votes[0] / 9
    assert float(votes.sum()) == pytest.approx(float((angles[:10].cos() / 0.07).exp().sum()), rel=1e-4)
