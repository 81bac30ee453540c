"""The tuned lens: where it begins, what it can learn, and what it leaves alone."""

import torch
from torch import Tensor, nn

from core.attention.tuned import Tuned, divergence, fit

WIDTH, ANSWERS = 12, 6


def planted(count: int = 500) -> tuple[Tensor, nn.Linear]:
    """States of two layers before the last one: one knows the answer in another basis, one knows nothing."""
    draw = torch.Generator().manual_seed(0)
    last = torch.randn(count, WIDTH, generator=draw)
    turn = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=draw)).Q
    nothing = torch.randn(count, WIDTH, generator=draw)
    torch.manual_seed(1)
    return torch.stack([nothing, last @ turn, last]), nn.Linear(WIDTH, ANSWERS)


def test_it_begins_as_the_plain_lens() -> None:
    states, head = planted(20)
    found = fit(states, head, head, steps=0)
    assert found(0, states[0]).equal(states[0]) and found(1, states[1]).equal(states[1])


def test_what_a_layer_knows_in_another_form_is_read_and_what_it_does_not_know_is_not() -> None:
    states, head = planted()
    learnt, fresh = states[:, :400], states[:, 400:]
    found = fit(learnt, head, head, rank=WIDTH, steps=600)
    with torch.no_grad():
        last = head(fresh[-1])
        plain = [float(divergence(last, head(state)).mean()) for state in fresh[:2]]
        tuned = [float(divergence(last, head(found(n, state))).mean()) for n, state in enumerate(fresh[:2])]
    assert tuned[1] < 0.1 * plain[1], "turned back"
    assert tuned[0] > 0.3 * plain[0], "nothing to be read"
    assert found(2, fresh[2]).equal(fresh[2]), "the last layer needs no lens"
    assert all(parameter.grad is None for parameter in head.parameters())


def test_an_answer_that_is_never_given_takes_no_part() -> None:
    last, this = torch.tensor([[0.0, 1.0, -torch.inf]]), torch.tensor([[0.0, 1.0, -torch.inf]])
    assert divergence(last, this).tolist() == [0.0] and float(divergence(last, torch.zeros(1, 3))) > 0


def test_each_layer_has_its_own_map() -> None:
    down, up = torch.zeros(2, 3, 1), torch.zeros(2, 1, 3)
    down[1, 0], up[1, 0, 2] = 1.0, 5.0
    found = Tuned(down, up, torch.tensor([[1.0, 0, 0], [0, 0, 0]]))
    assert found(0, torch.tensor([2.0, 0, 0])).tolist() == [3, 0, 0]
    assert found(1, torch.tensor([2.0, 0, 0])).tolist() == [2, 0, 10]
