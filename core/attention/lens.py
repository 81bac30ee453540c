"""What the model would already answer after each layer: the logit lens (nostalgebraist 2020; Belrose et al. 2023,
"Eliciting Latent Predictions from Transformers with the Tuned Lens", equation 2).

The last norm and the head, which the model applies to its last state, are applied to every earlier one. It is what that
head would say, no more: a layer may know what only later layers put into the form that the head reads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

TOP = 5  # answers that are kept of each state


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
    """Layer by layer, so that no more than one layer's logits are held. temperature: of the model's probabilities."""
    with torch.inference_mode():
        last = _log_probabilities(run.head(run.states[-1]), temperature)  # (N, answers)
        layers = [_layer(run, state, last, temperature, top) for state in run.states]
    return Lens(*(torch.stack(part).cpu() for part in zip(*layers, strict=True)))


def chances_of(run: States, answers: Tensor, temperature: float = 1.0) -> Tensor:
    """The probabilities of some answers (k,) after each layer: (L + 1, N, k)."""
    with torch.inference_mode():
        layers = [_log_probabilities(run.head(state), temperature).exp() for state in run.states]
        return torch.stack([layer[:, answers.to(layer.device)] for layer in layers]).cpu()


def _layer(run: States, state: Tensor, last: Tensor, temperature: float, top: int) -> tuple[Tensor, ...]:
    found = _log_probabilities(run.head(state), temperature)
    chances, answers = found.exp().topk(min(top, found.shape[-1]))
    own = found.gather(-1, run.answers[:, None].to(found.device))  # (N, 1)
    apart = torch.where(last.exp() > 0, last.exp() * (last - found), 0.0)
    return answers, chances, own.exp()[:, 0], (found > own).sum(-1), apart.sum(-1)


def _log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    return (logits.float() / temperature).log_softmax(-1)
