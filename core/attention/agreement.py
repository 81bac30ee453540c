"""Where methods agree: the rank correlation of their maps, and the patches or words on which they disagree most.

All functions take maps (M, U), a method each, of patches or words: `faithfulness.per_unit` makes them.
"""

import torch
from torch import Tensor


def ranks(maps: Tensor) -> Tensor:
    """(M, U) or (U,), as it came: 0 for the least, U - 1 for the most relevant; equals share the mean of theirs."""
    return torch.stack([_ranks(row) for row in maps]) if maps.dim() > 1 else _ranks(maps)


def _ranks(row: Tensor) -> Tensor:
    _, which, counts = row.unique(return_inverse=True, return_counts=True)
    first = counts.cumsum(0) - counts
    return (first + (counts - 1) / 2)[which]


def spearman(maps: Tensor) -> Tensor:
    """Rank correlation of each two methods, -1 to 1: (M, M). NaN beside a method that calls all units equal.

    Spearman 1904 ("The Proof and Measurement of Association between Two Things"): Pearson's correlation of the ranks,
    which holds with ties as well.
    """
    centred = ranks(maps).double()
    centred = centred - centred.mean(-1, keepdim=True)
    length = centred.norm(dim=-1)
    found = (centred @ centred.T / (length[:, None] * length)).clamp(-1, 1)
    return found.fill_diagonal_(1.0)


def disagreement(maps: Tensor) -> Tensor:
    """How differently the methods rank each unit, (U,), 0 to 0.5: the standard deviation over the methods (all of
    them, so divided by M) of its rank, where 0 is the least and 1 the most relevant unit."""
    highest = max(1, maps.shape[-1] - 1)
    return (ranks(maps).double() / highest).std(0, correction=0)
