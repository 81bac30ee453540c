"""Foreground from a Vision Transformer without any training: a score of each patch and the threshold that splits it."""

import torch
from torch import Tensor

from core.attention.trace import AttentionTrace


def cls_attention(trace: AttentionTrace, layers: int = 2) -> Tensor:
    """Attention from CLS to each patch, mean over the heads of the last layers but one: (rows, columns).

    Caron et al. 2021 (DINO), section 4.2.1: the CLS attention of the last layers finds objects. The very last layer
    of the bundled model spreads out again, so the `layers` before it are taken. Raises ValueError without CLS.
    """
    axis = trace.query_axis
    if not axis.prefix:
        raise ValueError("the model has no CLS token")
    last = max(1, trace.layers - 1)
    late = range(max(0, last - layers), last)
    rows = [trace.row(layer, head, 0) for layer in late for head in range(trace.heads)]
    return torch.stack(rows).mean(0)[len(axis.prefix) :].reshape(axis.grid)


def attention_score(trace: AttentionTrace) -> Tensor:
    """`cls_attention` from its least to its most: (rows, columns), 0 to 1."""
    return _unit(cls_attention(trace))


def feature_score(features: Tensor) -> Tensor:
    """First principal component of the patch features (rows, columns, D), turned so that the border is low: 0 to 1.

    Oquab et al. 2023 (DINOv2), section 7.5: the first component of the patch features tells foreground from background.
    """
    rows, columns, width = features.shape
    flat = features.reshape(-1, width).float()
    centred = flat - flat.mean(0)
    direction = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -1]  # the largest comes last
    score = (centred @ direction).reshape(rows, columns)
    border = torch.cat([score[0], score[-1], score[:, 0], score[:, -1]])
    return _unit(score if border.mean() <= score.mean() else -score)


def otsu(score: Tensor, bins: int = 64) -> float:
    """The threshold that splits a score (0 to 1) into the two groups with the largest variance between (Otsu 1979)."""
    counts = torch.histc(score.float().cpu(), bins, 0, 1)
    centres = (torch.arange(bins) + 0.5) / bins
    below = counts.cumsum(0)
    above = counts.sum() - below
    mass = (counts * centres).cumsum(0)
    gap = mass / below.clamp_min(1) - (mass[-1] - mass) / above.clamp_min(1)
    between = below * above * gap**2
    best = (between >= between.max() * (1 - 1e-6)).nonzero()  # an empty valley has many equally good places: its middle
    return float((best.float().mean() + 1) / bins)


def overlap(first: Tensor, second: Tensor) -> float:
    """Intersection over union of two masks; 1 where both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def _unit(score: Tensor) -> Tensor:
    low, high = score.min(), score.max()
    return (score - low) / (high - low).clamp_min(1e-12)
