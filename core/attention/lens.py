"""What the model would already answer after each layer: the logit lens (nostalgebraist 2020; Belrose et al. 2023,
"Eliciting Latent Predictions from Transformers with the Tuned Lens", equation 2).

The last norm and the head, which the model applies to its last state, are applied to every earlier one. It is what that
head would say, no more: a layer may know what only later layers put into the form that the head reads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

TOP = 5  # answers that are kept of each state
ROWS = 256  # states that the head reads at once


@dataclass(frozen=True, eq=False)
class States:
    """The residual stream of one run, and how the model reads it.

    states: before the first layer and after each, (L + 1, N, D), the model's last norm applied to all of them.
    head: (N, D) -> logits (N, answers), each position by itself. answers: what is answered at last at each, (N,).
    """

    states: Tensor
    head: Callable[[Tensor], Tensor]
    answers: Tensor


@dataclass(frozen=True, eq=False)
class Lens:
    """After each layer, the embedding first, and at each position.

    top, chances: the likeliest answers and their probabilities, (L + 1, N, k). answer, rank: the probability of the
    last layer's answer, and how many are likelier, (L + 1, N). distance: KL(last || this) in nats, (L + 1, N): how far
    the answer is from what it will be.
    """

    top: Tensor
    chances: Tensor
    answer: Tensor
    rank: Tensor
    distance: Tensor

    @property
    def settled(self) -> Tensor:
        """The layer from which the last answer is the likeliest for good: (N,), 0 is the embedding."""
        wrong = self.rank > 0  # (L + 1, N)
        numbers = torch.arange(1, len(wrong) + 1)[:, None] * wrong
        return numbers.max(0).values.clamp(max=len(wrong) - 1)


def lens(run: States, temperature: float = 1.0, top: int = TOP) -> Lens:
    """The head reads several layers at once, the last ones first. temperature: of the model's probabilities."""
    with torch.inference_mode():
        parts: list[tuple[Tensor, ...]] = []
        last = torch.empty(0)
        for found in _read(run, temperature):  # (layers, N, answers)
            last = last if parts else found[-1]
            parts.append(_layers(run, found, last, top))
    return Lens(*(torch.cat(part[::-1]).cpu() for part in zip(*parts, strict=True)))


def chances_of(run: States, answers: Tensor, temperature: float = 1.0) -> Tensor:
    """The probabilities of some answers (k,) after each layer: (L + 1, N, k)."""
    with torch.inference_mode():
        found = [layers[..., answers.to(layers.device)].exp() for layers in _read(run, temperature)]
        return torch.cat(found[::-1]).cpu()


def _read(run: States, temperature: float) -> Iterator[Tensor]:
    """Log-probabilities (layers, N, answers), the last layers first: a matrix as large as a vocabulary is read from
    memory once for all of them, as long as their logits are not too many."""
    count, positions, _ = run.states.shape
    at_once = max(1, ROWS // positions)
    for end in range(count, 0, -at_once):
        states = run.states[max(0, end - at_once) : end]
        yield _log_probabilities(run.head(states.flatten(0, 1)).unflatten(0, (-1, positions)), temperature)


def _layers(run: States, found: Tensor, last: Tensor, top: int) -> tuple[Tensor, ...]:
    """found: log-probabilities of some layers; last: of the last one."""
    best, answers = found.topk(min(top, found.shape[-1]))
    own = found.gather(-1, run.answers[:, None].to(found.device).expand(len(found), -1, -1))  # (layers, N, 1)
    apart = (last.exp() * (last - found)).nan_to_num(0.0)  # what is never answered takes no part: 0 (-inf + inf)
    return answers, best.exp(), own.exp()[..., 0], (found > own).sum(-1), apart.sum(-1)


def _log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    return (logits.float() / temperature).log_softmax(-1)
