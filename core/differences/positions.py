"""Four ways to tell attention where a position is, each as a map of how near two positions are to it: fixed sines and
cosines, learnt vectors, a bias on the scores, a rotation of query and key."""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.attention.trace import AttentionTrace
from core.models.translation import Translator

BASE = 10_000  # of the wavelengths


def sinusoids(count: int, width: int) -> Tensor:
    """Fixed position vectors (count, width). Vaswani et al. 2017, section 3.5, with all sines before all cosines, as
    Marian keeps them: the order of the dimensions changes no product."""
    angles = torch.arange(count, dtype=torch.float64)[:, None] * _speeds(width)
    return torch.cat([angles.sin(), angles.cos()], -1).float()


def _speeds(width: int) -> Tensor:
    """Radians a position, of each pair of dimensions: (width / 2,)."""
    return BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def alike(vectors: Tensor) -> Tensor:
    """Cosines of all pairs: (N, D) -> (N, N)."""
    unit = normalize(vectors.float(), dim=-1)
    return unit @ unit.T


def rotated(vector: Tensor, count: int) -> Tensor:
    """A query or key (d,) as it is turned at each position: (count, d). Su et al. 2021, RoFormer, equation 34: in each
    pair of dimensions by an angle that grows with the position, so that products depend on the distance alone."""
    half = len(vector) // 2
    angles = torch.arange(count, dtype=torch.float64)[:, None] * _speeds(2 * half)
    one, two = vector[:half].double(), vector[half : 2 * half].double()
    turned = [one * angles.cos() - two * angles.sin(), one * angles.sin() + two * angles.cos()]
    return torch.cat(turned, -1).float()


def middle_query(trace: AttentionTrace) -> Tensor:
    """What the position in the middle asks in the first layer's first head: (d,). Mere material to be rotated."""
    query = trace.calls[0].query[trace.item, 0]  # (N, d)
    return query[len(query) // 2].float().cpu()


def falling_bias(count: int, heads: int, head: int = 0) -> Tensor:
    """What is added to the scores, (count, count). Press et al. 2021, ALiBi: minus the distance, times a slope that
    halves, or so, from head to head: 2^(-8 h / H) for head h of H, from 1. Both directions, as an encoder needs it."""
    places = torch.arange(count)
    return -(2 ** (-8 * (head + 1) / heads)) * (places[:, None] - places).abs().float()


def learnt_bias(translator: Translator, count: int) -> Tensor | None:
    """The bias that the translator itself learnt for its encoder's scores, mean over heads, (count, count); None for a
    model that has none. Raffel et al. 2020, T5, section 2.1."""
    for module in translator.module.get_encoder().modules():
        if getattr(module, "has_relative_attention_bias", False):
            with torch.inference_mode():
                return module.compute_bias(count, count)[0].mean(0).float().cpu()
    return None


def deviation(vectors: Tensor) -> float:
    """The largest difference of position vectors (N, D) from the fixed ones of the formula."""
    return float((vectors.float().cpu() - sinusoids(*vectors.shape)).abs().max())


def is_fixed(vectors: Tensor) -> bool:
    """Whether a model's position vectors are those of the formula, but for what float16 rounds off."""
    return deviation(vectors) < math.ldexp(1, -10)
