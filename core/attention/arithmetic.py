"""One query of one head, step by step with its real numbers: the same steps for a patch and for a word."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.attention.trace import AttentionTrace


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """softmax(scale q k^T + mask) v of one query, every intermediate number, in float32.

    Vaswani et al. 2017 ("Attention Is All You Need"), equation 1. q and k are as the call got them: projected, and
    where the model normalises or rotates them, after that.

    q: (d,). k: (N, d). products: q . k of each key, (N,). scaled: products times `scale`, (N,).
    mask: what is added to each score, (N,): 0 where nothing is, -inf where the key may not be seen.
    weights: (N,), sum 1 (0 where no key may be seen). v: (N, dv). output: weights @ v, (dv,).
    deviation: how far the layer's recomputed output lies from the model's own on a few queries, relative to the
        largest output, as the tape measured it during the run.
    """

    q: Tensor
    k: Tensor
    products: Tensor
    scale: float
    scaled: Tensor
    mask: Tensor
    weights: Tensor
    v: Tensor
    output: Tensor
    deviation: float

    @property
    def scores(self) -> Tensor:
        """What the softmax takes: (N,)."""
        return self.scaled + self.mask

    @property
    def is_masked(self) -> bool:
        return bool((self.mask != 0).any())

    @property
    def is_usual_scale(self) -> bool:
        """Whether the scale is 1 / sqrt(d), as in the paper; T5, for one, has 1."""
        return abs(self.scale * len(self.q) ** 0.5 - 1) < 1e-6

    @property
    def shifted(self) -> Tensor:
        """exp(score - largest score), (N,): the softmax's numerators. Their sum is its denominator."""
        highest = self.scores.max()
        return (self.scores - highest).exp() if highest > -torch.inf else torch.zeros_like(self.scores)

    @property
    def strongest(self) -> Tensor:
        """Keys by falling weight, (N,) long; of equals the first one first."""
        return self.weights.sort(descending=True, stable=True).indices


def arithmetic(trace: AttentionTrace, layer: int, head: int, query: int) -> Arithmetic:
    """The steps of one layer, head and query. Keys and values that several heads share (grouped-query attention) are
    those of this head's group. Raises ValueError where the values were not recorded, or where the model formed the
    weights and its steps are not known; IndexError for what is not there.
    """
    call = trace.calls[layer]
    if call.value is None or call.is_formed:
        raise ValueError("the values were not recorded, or the steps are not known")
    heads, shared = call.query.shape[1], call.key.shape[1]
    group = head // (heads // shared)
    q = call.query[trace.item, head, query].float()
    k, v = call.key[trace.item, group].float(), call.value[trace.item, group].float()
    products = k @ q  # (N,)
    mask = torch.zeros_like(products)
    if call.mask is not None:
        given = call.mask.expand(*call.query.shape[:3], len(k))[trace.item, head, query]
        mask = mask.masked_fill(~given, -torch.inf) if given.dtype == torch.bool else given.float()
    if call.is_causal:
        mask = mask.masked_fill(torch.arange(len(k), device=mask.device) > query, -torch.inf)
    scaled = products * call.scale
    weights = torch.softmax(scaled + mask, -1).nan_to_num(0.0)  # a query that may see no key
    parts = (q, k, products, scaled, mask, weights, v, weights @ v)
    # Copied: a view of one head would keep the whole layer in memory, as long as somebody has the steps.
    q, k, products, scaled, mask, weights, v, output = (part.cpu().clone() for part in parts)
    return Arithmetic(q, k, products, call.scale, scaled, mask, weights, v, output, call.deviation)
