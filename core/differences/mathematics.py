"""Scaled dot-product attention with its symbols bound to two loaded models: the same formula, other numbers.

Vaswani et al. 2017, "Attention Is All You Need", equation 1 and section 3.2.2.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace
from core.models.translation import Translation, Translator
from core.models.vision import VisionResult


@dataclass(frozen=True)
class Symbols:
    """What the letters of the formula are in one kind of attention of one model.

    queries, keys: N of each. width: D. heads: H. head_width: d_k. layers: L. scale: what q k^T is multiplied by.
    """

    name: str
    queries: int
    keys: int
    width: int
    heads: int
    head_width: int
    layers: int
    scale: float

    @property
    def weights(self) -> int:
        """Attention weights of one pass: L H Nq Nk."""
        return self.layers * self.heads * self.queries * self.keys


def symbols(vision: VisionResult, translator: Translator, translation: Translation) -> tuple[Symbols, ...]:
    """Of the Vision Transformer ("vision", where its attention was recorded) and of the translator's three kinds."""
    found = [_bound("vision", trace, vision.features.shape[-1]) for trace in vision.traces.values()]
    width = translator.module.config.hidden_size
    return (*found, *(_bound(kind, trace, width) for kind, trace in translation.traces.items()))


def _bound(name: str, trace: AttentionTrace, width: int) -> Symbols:
    call, queries, keys = trace.calls[0], len(trace.query_axis), len(trace.key_axis)
    return Symbols(name, queries, keys, width, trace.heads, call.query.shape[-1], trace.layers, call.scale)


@dataclass(frozen=True)
class Scaling:
    """One layer, mean over heads and queries. spread: standard deviation of q k^T over the keys that a query may see;
    entropy: of its row of weights, in bits; largest: its largest weight. *_plain: without the scale.
    uniform: entropy if all those keys shared evenly. deviation: of `AttentionCall`."""

    spread: float
    spread_plain: float
    entropy: float
    entropy_plain: float
    largest: float
    largest_plain: float
    uniform: float
    total: float
    deviation: float


def scaling(trace: AttentionTrace, layer: int) -> Scaling:
    """What dividing by sqrt(d_k) does in a layer."""
    call = trace.calls[layer]
    weights, sharp = call.weights(item=trace.item)[0], unscaled(call).weights(item=trace.item)[0]  # (H, Nq, Nk)
    products = raw_products(call, trace.item)  # (H, Nq, Nk)
    visible = call.visible(trace.item).expand(products.shape)
    spread = _spread(products, visible)
    return Scaling(
        spread=spread * call.scale,
        spread_plain=spread,
        entropy=float(bits(weights).mean()),
        entropy_plain=float(bits(sharp).mean()),
        largest=float(weights.amax(-1).mean()),
        largest_plain=float(sharp.amax(-1).mean()),
        uniform=float(visible.sum(-1).float().log2().mean()),
        total=float(weights.sum(-1).mean()),
        deviation=call.deviation,
    )


def unscaled(call: AttentionCall) -> AttentionCall:
    """The same call with a scale of 1: a wrong version of it."""
    return replace(call, scale=1.0)


def bits(weights: Tensor) -> Tensor:
    """Entropy of the rows in the last dimension."""
    return torch.special.entr(weights.double()).sum(-1).float() / math.log(2)


def raw_products(call: AttentionCall, item: int = 0) -> Tensor:
    """q k^T of one item, neither scaled nor masked: (H, Nq, Nk)."""
    query, key = call.query[item].float(), call.key[item].float()
    if key.shape[0] != query.shape[0]:
        key = key.repeat_interleave(query.shape[0] // key.shape[0], 0)
    return query @ key.transpose(-2, -1)


def _spread(products: Tensor, visible: Tensor) -> float:
    count = visible.sum(-1).clamp_min(1)
    mean = (products * visible).sum(-1) / count
    variance = ((products - mean[..., None]).square() * visible).sum(-1) / count
    several = count > 1  # one key has no spread
    return float(variance.sqrt()[several].mean()) if several.any() else 0.0
