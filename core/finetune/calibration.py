"""Probabilities that mean what they say (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T > 0 for which softmax(logits / T) has the least cross-entropy. logits: (N, C); labels: (N,)."""
    logits, labels = logits.double().clone(), labels.clone()  # tensors of inference mode cannot take part
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = cross_entropy(logits / log_t.exp(), labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(log_t.detach().exp())


def calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error: |accuracy - confidence| of each bin of confidence, weighted by its share. 0 to 1."""
    confidence, predicted = probabilities.max(-1)
    right = (predicted == labels).float()
    place = (confidence * bins).long().clamp(max=bins - 1)
    gaps = [(right[place == b].sum() - confidence[place == b].sum()).abs() for b in range(bins)]
    return float(sum(gaps) / len(labels))
