"""Where the weights lie that classes with windows hand out by `output_attentions`: each by its own layout."""

from typing import Any

import torch
from torch import Tensor


def placed(config: Any, count: int, output: Any) -> tuple[Tensor, ...]:
    """Of each layer of an encoder (1, H, N, N), whatever its class hands out for a text of N pieces."""
    local = output.encoder_attentions if hasattr(output, "encoder_attentions") else output.attentions
    if config.model_type in ("led", "longformer"):
        wide = getattr(output, "encoder_global_attentions", None) or getattr(output, "global_attentions", None)
        return tuple(_along_band(one, wide[at] if wide else one[:, :, :, :0], count) for at, one in enumerate(local))
    if config.model_type == "longt5" and config.encoder_attention_type == "local":
        return tuple(_by_blocks(one, count) for one in local)
    return local


def _along_band(local: Tensor, wide: Tensor, count: int) -> Tensor:
    """local: (1, H, N, G + 2w + 1), of each query the first G tokens, which see all, and w keys on either side. wide:
    (1, H, N or more, G), what these tokens see."""
    many = wide.shape[-1]
    band = local[0, :, :, many:]  # (H, N, 2w + 1)
    width = band.shape[-1]
    found = band.new_zeros(len(band), count, count + width - 1)
    found.scatter_(2, (torch.arange(count)[:, None] + torch.arange(width)).expand(len(band), -1, -1), band)
    found = found[:, :, width // 2 :][:, :, :count]
    found[:, :, :many] += local[0, :, :, :many]
    found[:, :many] = wide[0, :, :count].transpose(1, 2)
    return found[None]


def _by_blocks(local: Tensor, count: int) -> Tensor:
    """local: (1, blocks, H, n, 3n): each block sees the one before, itself and the one after."""
    _, blocks, heads, size, _ = local.shape
    found = local.new_zeros(heads, blocks * size, (blocks + 2) * size)
    for number, block in enumerate(local[0]):
        found[:, number * size : (number + 1) * size, number * size : (number + 3) * size] = block
    return found[None, :, :count, size : size + count]
