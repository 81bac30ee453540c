"""Pieces to words: a step of its own after any method, never inside one."""

import torch
from torch import Tensor

from core.attention.axes import TokenAxis


def merge_map(weights: Tensor, query_axis: TokenAxis, key_axis: TokenAxis) -> Tensor:
    """(Nq, Nk) between pieces -> (Wq, Wk) between words: the sum over the pieces of a key word, the mean over those of
    a query word. Rows that sum to 1 still do."""
    queries = _membership(query_axis).to(weights)  # (Wq, Nq)
    keys = _membership(key_axis).to(weights)  # (Wk, Nk)
    return queries / queries.sum(-1, keepdim=True) @ weights @ keys.T


def _membership(axis: TokenAxis) -> Tensor:
    """1 where a piece belongs to a word: (words, pieces)."""
    words = torch.tensor(axis.words)
    return (words == torch.arange(len(axis.merged()))[:, None]).float()
