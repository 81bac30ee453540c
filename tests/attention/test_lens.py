"""The lens on numbers written out here."""

import math

import pytest
import torch

from core.attention.lens import States, chances_of, lens

LOGITS = torch.tensor([[[2.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]], [[3.0, 0.0, 0.0]], [[0.0, 4.0, 0.0]]])  # (4, 1, 3)


def run(answer: int = 1) -> States:
    return States(LOGITS, lambda state: state, torch.tensor([answer]))


def test_each_layer_answers_with_its_own_state() -> None:
    found = lens(run(), top=2)
    assert found.top[:, 0, 0].tolist() == [0, 1, 0, 1]
    assert float(found.chances[1, 0, 0]) == pytest.approx(math.e / (math.e + 2))
    assert found.rank[:, 0].tolist() == [1, 0, 1, 0]
    assert float(found.answer[0, 0]) == pytest.approx(1 / (math.e**2 + 2))


def test_the_distance_is_from_the_last_answer_to_the_layer_s() -> None:
    last, first = LOGITS[-1, 0].softmax(-1), LOGITS[0, 0].softmax(-1)
    found = lens(run())
    assert float(found.distance[0, 0]) == pytest.approx(float((last * (last / first).log()).sum()), abs=1e-5)
    assert float(found.distance[-1, 0]) == 0


def test_it_is_settled_from_where_it_stays() -> None:
    assert lens(run()).settled.tolist() == [3], "right after layer 1, wrong again after layer 2"
    assert lens(States(LOGITS[:1], lambda state: state, torch.tensor([0]))).settled.tolist() == [0]


def test_a_temperature_flattens_what_is_said() -> None:
    assert lens(run(), temperature=4.0).chances[-1, 0, 0] < lens(run()).chances[-1, 0, 0]


def test_an_answer_that_can_never_be_has_no_share_in_the_distance() -> None:
    logits = torch.tensor([[[0.0, 1.0, -math.inf]], [[1.0, 0.0, -math.inf]]])
    found = lens(States(logits, lambda state: state, torch.tensor([0])))
    assert torch.isfinite(found.distance).all()


def test_some_answers_are_followed_through_all_layers() -> None:
    found = chances_of(run(), torch.tensor([2, 0]), temperature=2.0)
    torch.testing.assert_close(found[:, 0], (LOGITS[:, 0] / 2).softmax(-1)[:, [2, 0]])
