"""A loss can be followed downhill, a measure cannot: the logits are pushed towards what is right, little by little, and
both are computed at each step. The loss moves at once and smoothly; accuracy and BLEU wait until a choice flips.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

PUSHES = tuple(step / 4 for step in range(-24, 25))  # added to the logits of what is right
NUDGE = 1 / 64  # for a slope that is measured, to either side


@dataclass(frozen=True)
class Sweep:
    """loss, measure: at each of PUSHES. loss_slope: the loss's derivative by the push at 0, by
    autograd. measure_slope: the measure's, as (measure(NUDGE) - measure(-NUDGE)) / (2 NUDGE). flips: how often
    the measure changes from one push to the next."""

    loss: tuple[float, ...]
    measure: tuple[float, ...]
    loss_slope: float
    measure_slope: float

    @property
    def flips(self) -> int:
        return sum(one != other for one, other in zip(self.measure, self.measure[1:], strict=False))


def sweep(logits: Tensor, wanted: Tensor, judge: Callable[[Tensor], float]) -> Sweep:
    """logits: (n, classes), of n choices. wanted: (n,), what is right. judge: the measure of the choices (n,)."""
    right = torch.nn.functional.one_hot(wanted, logits.shape[-1]).to(logits)

    def measured(push: float) -> float:
        return judge((logits + push * right).argmax(-1))

    zero = torch.zeros((), requires_grad=True)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(cross_entropy(logits + zero * right, wanted), zero)
    return Sweep(
        tuple(float(cross_entropy(logits + push * right, wanted)) for push in PUSHES),
        tuple(map(measured, PUSHES)),
        float(slope),
        (measured(NUDGE) - measured(-NUDGE)) / (2 * NUDGE),
    )
