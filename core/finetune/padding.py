"""Rows of ids of different lengths, as one batch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def batch(rows: Sequence[Sequence[int]], padding: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, (B, n) each. By their lengths: some tokenizers know no padding, and some models fill with
    a mark that ends sentences, too."""
    return padded(rows, padding).to(device), padded([[1] * len(row) for row in rows], 0).to(device)


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)
