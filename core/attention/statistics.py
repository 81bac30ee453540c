"""Numbers that describe a head, the same for vision and language."""

import torch
from torch import Tensor

from core.attention.trace import AttentionTrace


def entropy(trace: AttentionTrace, layer: int) -> Tensor:
    """Entropy of each row in bits: (H, Nq). 0 where one key takes all, log2(n) where n keys share evenly."""
    rows = []
    for head in range(trace.heads):
        weights = trace.map(layer, head)
        rows.append(-(weights * weights.clamp_min(1e-12).log2()).sum(-1))
    return torch.stack(rows)


def effective_keys(trace: AttentionTrace, layer: int) -> float:
    """How many keys a query of this layer really uses: 2^entropy, averaged over heads and queries."""
    return float(torch.exp2(entropy(trace, layer)).mean())
