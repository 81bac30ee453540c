"""The tuned lens: an affine map a layer, put before the last norm, that learnt to answer as the last layer will.

Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens", equation 6. A plain lens
reads an early state as if it were a late one; here each layer's state is first put into the form that the head reads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

RANK = 64
STEPS, BATCH, RATE, DECAY = 300, 128, 2e-3, 0.1


@dataclass(frozen=True, eq=False)
class Tuned:
    """Of L states, the embedding first, without the last: state + (state @ down) @ up + bias.

    down: (L, D, r). up: (L, r, D). bias: (L, D). Low rank, so that it is small beside the model.
    """

    down: Tensor
    up: Tensor
    bias: Tensor

    def __call__(self, layer: int, state: Tensor) -> Tensor:
        """(..., D) -> (..., D); the last state stays as it is."""
        if layer >= len(self.bias):
            return state
        down, up, bias = (part[layer].to(state) for part in (self.down, self.up, self.bias))
        return state + (state @ down) @ up + bias


def fit(
    states: Tensor,
    read: Callable[[Tensor], Tensor],
    read_last: Callable[[Tensor], Tensor],
    seed: int = 0,
    rank: int = RANK,
    steps: int = STEPS,
    on_layer: Callable[[int], None] | None = None,
) -> Tuned:
    """Each layer by itself, to minimise KL(last || this). AdamW from the identity, with a rate that falls to 0; only
    matrices decay.

    states: (L + 1, N, D), as the model has them. read: (n, D) -> logits, the last norm and the head; read_last: the
    same of the last state, which may be normalised already.
    """
    draw = torch.Generator().manual_seed(seed)
    found = []
    for layer in range(len(states) - 1):
        if on_layer:
            on_layer(layer)
        found.append(_layer(states[layer], states[-1], read, read_last, draw, min(rank, states.shape[-1]), steps))
    return Tuned(*(torch.stack(part) for part in zip(*found, strict=True)))


def divergence(last: Tensor, this: Tensor) -> Tensor:
    """KL(last || this) of logits (n, answers), in nats: (n,). An answer that is never given takes no part."""
    last, this = last.float().log_softmax(-1), this.float().log_softmax(-1)
    return torch.where(last > -torch.inf, last.exp() * (last - this), 0.0).sum(-1)


def _layer(
    state: Tensor,
    last: Tensor,
    read: Callable[[Tensor], Tensor],
    read_last: Callable[[Tensor], Tensor],
    draw: torch.Generator,
    rank: int,
    steps: int,
) -> tuple[Tensor, Tensor, Tensor]:
    width = state.shape[-1]
    down = (torch.randn(width, rank, generator=draw) * width**-0.5).requires_grad_()
    up, bias = torch.zeros(rank, width).requires_grad_(), torch.zeros(width).requires_grad_()
    parameters = [down, up, bias]
    decaying, other = {"params": [down, up], "weight_decay": DECAY}, {"params": [bias], "weight_decay": 0.0}
    optimizer = torch.optim.AdamW([decaying, other], RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for chosen in _batches(len(state), steps, draw):
        given = state[chosen]
        with torch.no_grad():
            target = read_last(last[chosen])
        loss = divergence(target, read(given + (given @ down) @ up + bias)).mean()
        for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = slope  # so that the model's own parameters get none
        optimizer.step()
        schedule.step()
    return down.detach(), up.detach(), bias.detach()


def _batches(count: int, steps: int, draw: torch.Generator) -> Iterator[Tensor]:
    for _ in range(steps):
        yield torch.randint(count, (min(BATCH, count),), generator=draw)
