"""Attention that a model forms by itself: a softmax, and the product of that very tensor with the values.

Models whose attention no fused call can express (soft caps, sinks, disentangled positions) work so. Query and key do
not determine such weights, so the weights themselves are kept, O(N^2) a layer. Where a model changes them on the way
(talking heads, convolutions, chunks that are padded), the product is of another tensor and is not taken for attention.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SOFTMAX = {F.softmax, torch.softmax, Tensor.softmax}
PRODUCT = {torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__}
ROOM = 10**9  # bytes of such weights that one record keeps


@dataclass(frozen=True, eq=False)
class Product:
    """weights: (B, H, Nq, Nk). value: (B, Hk, Nk, dv). run: the model's own operation on weights of that shape. fold:
    its output -> (B, H, Nq, dv), unfold: and back."""

    weights: Tensor
    value: Tensor
    run: Callable[[Tensor], Tensor]
    fold: Callable[[Tensor], Tensor]
    unfold: Callable[[Tensor], Tensor]


def over_keys(found: Tensor, args: tuple, kwargs: dict) -> Tensor | None:
    """What a softmax of these arguments gave, if it has three dimensions or more and went over the last."""
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return found if found.dim() > 2 and dim in (-1, found.dim() - 1) else None


def product_of(softmax: Tensor, func: Any, args: tuple) -> Product | None:
    """The operation as a product of these weights, or of a view of them, with values; None where it is none."""
    if func is torch.einsum:
        return _einsum(softmax, *args) if len(args) == 3 and isinstance(args[0], str) else None
    if func not in PRODUCT or len(args) != 2 or not _is_view(args[0], softmax) or args[1].dim() != args[0].dim():
        return None
    given, value = args
    lead = softmax.shape[:-2] if softmax.numel() == given.numel() else given.shape[:-2]
    heads = lead[-1]  # where items and heads lie in one dimension, all are taken for heads of one item
    weights = given.reshape(-1, heads, *given.shape[-2:])
    shared = value.shape[-3] == 1 and given.dim() > 3  # one value for all heads
    kept = value.reshape(-1, 1 if shared else heads, *value.shape[-2:])  # and used, so that it has a gradient
    return Product(
        weights,
        kept,
        lambda changed: func(changed.reshape(given.shape), kept.reshape(value.shape)),
        lambda output: output.reshape(*weights.shape[:3], output.shape[-1]),
        lambda output: output.reshape(*given.shape[:-1], output.shape[-1]),
    )


def _einsum(softmax: Tensor, equation: str, given: Tensor, value: Tensor) -> Product | None:
    """Such as "bnij,bjnd->bind": the first operand's letters are item, head, query and key."""
    operands, _, written = equation.replace(" ", "").partition("->")
    first, _, second = operands.partition(",")
    rest = set(second) - set(first)
    plain = "." not in equation and len(first) == 4 == len(second) and len(rest) == 1 and first[3] not in written
    if not plain or not _is_view(given, softmax):
        return None
    item, head, query, key = list(first)
    depth = rest.pop()
    inner, outer = f"{item}{head}{key}{depth}", f"{item}{head}{query}{depth}"
    kept = torch.einsum(f"{second}->{inner}", value)
    return Product(
        given,
        kept,
        lambda changed: torch.einsum(f"{first},{inner}->{written}", changed, kept),
        lambda output: torch.einsum(f"{written}->{outer}", output),
        lambda output: torch.einsum(f"{outer}->{written}", output),
    )


def _is_view(tensor: Any, softmax: Tensor) -> bool:
    """Whether a tensor lies in the softmax's own memory: reshaped, or without a column that stood for no key."""
    return (
        isinstance(tensor, Tensor)
        and tensor.dim() > 2
        and tensor.untyped_storage().data_ptr() == softmax.untyped_storage().data_ptr()
    )
