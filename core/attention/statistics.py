"""Numbers that describe a head, the same for vision and language."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.attention.trace import AttentionTrace


def entropy(trace: AttentionTrace, layer: int, heads: Sequence[int] | None = None) -> Tensor:
    """Entropy of each row in bits, for the chosen heads (all by default): (H, Nq).

    0 where one key takes all, log2(n) where n keys share evenly.
    """
    rows = []
    for head in range(trace.heads) if heads is None else heads:
        weights = trace.map(layer, head)
        rows.append(-(weights * weights.clamp_min(1e-12).log2()).sum(-1))
    return torch.stack(rows)


def effective_keys(trace: AttentionTrace, layer: int, heads: Sequence[int] | None = None) -> float:
    """How many keys a query of this layer really uses: 2^entropy, averaged over heads and queries."""
    return float(torch.exp2(entropy(trace, layer, heads)).mean())
