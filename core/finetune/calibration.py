"""Probabilities that mean what they say (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.finetune.pictures import Pictures
from core.finetune.texts import Texts

Part = TypeVar("Part", Pictures, Texts)

MOST = 20.0  # a temperature: its answers are as good as evenly likely; without it, one that learnt nothing has none


def calibration_order(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """The numbers of two halves: what a temperature is fitted on, and what it is judged on; the latter may be empty."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    half = -(-count // 2)
    return order[:half], order[half:]


def calibration_parts(held_out: Part, seed: int) -> tuple[Part, Part]:
    """The halves themselves, of labelled items."""
    fitted, judged = calibration_order(len(held_out), seed)
    return held_out.part(fitted), held_out.part(judged)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T, 1/20 to 20, with the least cross-entropy of softmax(logits / T). logits: (N, C); labels: (N,)."""
    logits, labels = logits.double().clone(), labels.clone()  # tensors of inference mode cannot take part
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = cross_entropy(logits / log_t.exp(), labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    return min(max(float(log_t.detach().exp()), 1 / MOST), MOST)


def helpful_temperature(fitted: tuple[Tensor, Tensor], judged: tuple[Tensor, Tensor]) -> float:
    """`fit_temperature` of the first logits and labels; 1 where it does not lower the calibration error of the second,
    if there are any, or where all of the first are answered rightly: certainty would fit those best."""
    if bool((fitted[0].argmax(-1) == fitted[1]).all()):
        return 1.0
    found, (logits, labels) = fit_temperature(*fitted), judged
    if not len(labels):
        return found
    with_it, without = (calibration_error((logits / t).softmax(-1), labels) for t in (found, 1.0))
    return found if with_it < without else 1.0


def calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error: |accuracy - confidence| of each bin of confidence, weighted by its share. 0 to 1."""
    confidence, predicted = probabilities.max(-1)
    right = (predicted == labels).float()
    place = (confidence * bins).long().clamp(max=bins - 1)
    gaps = [(right[place == b].sum() - confidence[place == b].sum()).abs() for b in range(bins)]
    return float(sum(gaps) / len(labels))
