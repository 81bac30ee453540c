"""The one way attention is captured, whichever library makes the call.

Fused attention (`torch.nn.functional.scaled_dot_product_attention`) never forms the attention matrix. The tape sees
every such call made inside its `with` block and keeps what determines the matrix: query, key, mask and scale. Of models
that form the matrix themselves it keeps the matrix (`core.attention.formed`). `core.attention.trace` gives the recorded
calls their meaning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from core.attention.formed import ROOM, SOFTMAX, Product, over_keys, product_of
from core.errors import SidelightError

NEVER = -1e4  # an added score from which on a mask says never: libraries write this, the dtype's least number or -inf
PROBES = 2  # about as many queries a call have their output recomputed to check the record


@dataclass(eq=False)
class AttentionCall:
    """One attention call. Leading dimensions (batch, windows) are folded into B.

    query: (B, H, Nq, d). key: (B, Hk, Nk, d), with Hk dividing H (grouped-query attention).
    value: (B, Hk, Nk, dv), or None where it was not asked for.
    mask: None, or broadcastable to (B, H, Nq, Nk); boolean (True takes part) or added to the scores.
    is_causal: whether query i sees keys 0..i only, on top of the mask.
    deviation: largest difference between the recomputed and the model's own output on a few queries,
        relative to the largest output.
    attention: (B, H, Nq, Nk), in the autograd graph under `Tape.differentiate`; else only of a call whose model formed
        it. Then it is all that is known: query and key have no width (d = 0). A row may sum to less than 1, where the
        model has a sink that is no key.
    """

    index: int
    query: Tensor
    key: Tensor
    value: Tensor | None
    mask: Tensor | None
    scale: float
    is_causal: bool
    deviation: float = 0.0
    attention: Tensor | None = None

    def weights(
        self, queries: Tensor | slice = slice(None), item: int | None = None, head: int | None = None
    ) -> Tensor:
        """softmax(q k^T * scale + mask) in float32 for the chosen queries (all by default): (B, H, queries, Nk).

        `item` and `head` keep their dimension, with length 1. A query that may see no key gets zeros.
        """
        items = slice(None) if item is None else slice(item, item + 1)
        heads = slice(None) if head is None else slice(head, head + 1)
        if self.is_formed:
            return self.explicit[items, heads, queries].float()
        with torch._C.DisableTorchFunction():  # a tape around this one would take it for the model's own
            return self.normalised(self.scores(items, heads, queries), items, heads, queries)

    def normalised(self, scores: Tensor, items: slice, heads: slice, queries: Tensor | slice) -> Tensor:
        return torch.softmax(scores, -1).nan_to_num(0.0)

    def scores(self, items: slice, heads: slice, queries: Tensor | slice) -> Tensor:
        """q k^T * scale + mask in float32, -inf where a key is not seen: (B, H, queries, Nk)."""
        query = self.query[items, heads, queries].float() * self.scale
        scores = query @ for_each_query_head(self.key[items], self.query.shape[1])[:, heads].float().transpose(-2, -1)
        if self.mask is not None:
            mask = self.mask.expand(*self.query.shape[:3], self.key.shape[2])[items, heads, queries]
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask.float()
        if self.is_causal:
            positions = torch.arange(self.query.shape[2], device=scores.device)[queries]
            future = torch.arange(scores.shape[-1], device=scores.device) > positions[:, None]
            scores = scores.masked_fill(future, -torch.inf)
        return scores

    def output(self, queries: Tensor | slice, value: Tensor, item: int | None = None) -> Tensor:
        """The attention output, recomputed: (B, H, queries, dv)."""
        items = slice(None) if item is None else slice(item, item + 1)
        return self.weights(queries, item) @ for_each_query_head(value[items], self.query.shape[1]).float()

    def mask_of(self, item: int) -> Tensor | None:
        """The mask of one item of the batch: (1 or H, 1 or Nq, Nk)."""
        if self.mask is None:
            return None
        mask = self.mask[item if len(self.mask) > 1 else 0]
        return mask.expand(*mask.shape[:2], self.key.shape[2])

    def visible(self, item: int, queries: Tensor | slice = slice(None)) -> Tensor:
        """Which keys each chosen query of an item may see, by flag and mask: (1 or H, queries, Nk), bool.

        A query to which an added mask says never for all keys, short of -inf, sees them all: its scores vanish beside
        such numbers. Of formed weights no mask is known: all keys, or those of the past where no later one has weight.
        """
        count, keys = self.query.shape[2], self.key.shape[2]
        mask = self.mask_of(item)
        if mask is None:
            mask = torch.ones(1, 1, keys, dtype=torch.bool, device=self.query.device)
        found = mask.expand(-1, count, keys)[:, queries]  # (1 or H, queries, Nk)
        if found.dtype != torch.bool:
            most = found.amax(-1, keepdim=True)
            found = (found > NEVER) | ((most <= NEVER) & found.isfinite())
        if self.is_causal or (self.is_formed and self.is_forward_only(item)):
            at = torch.arange(keys, device=found.device)
            found = found & (at <= torch.arange(count, device=found.device)[queries][:, None])
        return found

    def is_forward_only(self, item: int) -> bool:
        """Whether the flag or the mask keeps every query of an item from every later key, in all heads."""
        mask = self.explicit[item] != 0 if self.is_formed else self.mask_of(item)
        if self.is_causal or mask is None:
            return self.is_causal
        open_ = mask if mask.dtype == torch.bool else mask > NEVER
        return not bool(open_.expand(-1, self.query.shape[2], self.key.shape[2]).triu(1).any())

    @property
    def is_formed(self) -> bool:
        """Whether the model formed the weights, so that they are kept in place of query and key."""
        return self.query.shape[-1] == 0

    @property
    def recorded_value(self) -> Tensor:
        """`value`. Raises ValueError where it was not asked for."""
        if self.value is None:
            raise ValueError("recorded without values")
        return self.value

    @property
    def explicit(self) -> Tensor:
        """`attention`. Raises ValueError for a call that was not computed step by step."""
        if self.attention is None:
            raise ValueError("recorded from a fused call")
        return self.attention

    @property
    def tolerance(self) -> float:
        """How large a `deviation` rounding alone explains."""
        return 1e-4 if self.query.dtype in (torch.float32, torch.float64) else 2e-2

    @property
    def nbytes(self) -> int:
        """Bytes that this record keeps alive, shared masks counted in full."""
        formed = self.attention if self.is_formed else None
        kept = [t for t in (self.query, self.key, self.value, self.mask, formed) if t is not None]
        return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}.values())


class Tape(TorchFunctionMode):
    """Sees every attention call inside its `with` block; make one with `record`, `differentiate` or `intervene`.

    The mode belongs to the thread and leaves no hook on the model, so sessions may share one model.
    """

    def __init__(
        self, values: bool, explicit: int | None = None, change: Callable[[AttentionCall, Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.calls: list[AttentionCall] = []
        self._values, self._explicit, self._change = values, explicit, change
        self._softmax: Tensor | None = None  # the last one, until its product with the values is seen

    @classmethod
    def record(cls, values: bool = False) -> "Tape":
        """Keep query, key, mask and scale of each call, detached; the value too where asked."""
        return cls(values)

    @classmethod
    def differentiate(cls, first: int = 0) -> "Tape":
        """Compute each attention, from the `first` call on, explicitly and keep it in the graph, with its gradient
        after a backward pass."""
        return cls(values=True, explicit=first)

    @classmethod
    def intervene(cls, change: Callable[[AttentionCall, Tensor], Tensor]) -> "Tape":
        """Replace each output (B, H, Nq, dv) by `change(call, output)`, e.g. to switch a head off."""
        return cls(values=True, change=change)

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        if self._softmax is not None and (product := product_of(self._softmax, func, args)):
            return self._weigh(product)
        return self._noted(func, args, kwargs, func(*args, **kwargs))

    def _noted(self, func: Any, args: tuple, kwargs: dict, found: Any) -> Any:
        if func in SOFTMAX:
            self._softmax = over_keys(found, args, kwargs)
        return found

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        call = AttentionCall(
            index=len(self.calls),
            query=_fold(query),
            key=_fold(key),
            value=_fold(value),
            mask=None if attn_mask is None else _fold_mask(attn_mask, query),
            scale=query.shape[-1] ** -0.5 if scale is None else scale,
            is_causal=is_causal,
        )
        if self._explicit is not None and call.index >= self._explicit:
            output = self._attend_explicitly(call, dropout_p).reshape(*query.shape[:-1], value.shape[-1])
        else:
            output = F.scaled_dot_product_attention(
                query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
            )
            if dropout_p == 0.0:
                call.deviation = _deviation(call, output)
            self._keep(call)
        if self._change is not None:
            output = self._change(call, _fold(output)).reshape(output.shape)
        return output

    def _attend_explicitly(self, call: AttentionCall, dropout_p: float) -> Tensor:
        call.attention = call.weights().to(call.query.dtype)
        if call.attention.requires_grad:
            call.attention.retain_grad()
        self.calls.append(call)
        value = for_each_query_head(call.recorded_value, call.query.shape[1])
        return F.dropout(call.attention, dropout_p) @ value

    def _weigh(self, product: Product) -> Tensor:
        """The product of weights that the model formed with the values."""
        weights, self._softmax = product.weights, None
        queries, keys = (weights.new_empty(*weights.shape[:2], count, 0) for count in weights.shape[2:])
        call = AttentionCall(len(self.calls), queries, keys, product.value, None, 1.0, False, attention=weights)
        if self._explicit is not None:
            if weights.requires_grad:
                weights.retain_grad()
            self.calls.append(call)
        else:
            self._keep(call)
        output = self._multiply(product)
        return output if self._change is None else product.unfold(self._change(call, product.fold(output)))

    def _multiply(self, product: Product) -> Tensor:
        return product.run(product.weights)

    def _keep(self, call: AttentionCall) -> None:
        if call.is_formed:
            call.attention = _alone(call.explicit)
            kept = sum(one.explicit.nbytes for one in self.calls if one.is_formed) + call.attention.nbytes
            if kept > ROOM:
                raise SidelightError("attention.too_large", limit=f"{ROOM / 1e9:g}")
        call.query, call.key = _alone(call.query), _alone(call.key)
        call.mask = None if call.mask is None else call.mask.detach()
        call.value = _alone(call.recorded_value) if self._values else None
        self.calls.append(call)


def _fold(tensor: Tensor) -> Tensor:
    """(..., H, N, d) -> (B, H, N, d); a tensor without heads gets one."""
    if tensor.dim() < 4:
        tensor = tensor.unsqueeze(-3)  # (..., 1, N, d)
    return tensor if tensor.dim() == 4 else tensor.reshape(-1, *tensor.shape[-3:])  # (B, H, N, d)


def _fold_mask(mask: Tensor, query: Tensor) -> Tensor:
    """A mask that broadcasts to (..., H, Nq, Nk) -> one that broadcasts to (B, H, Nq, Nk), copying no head or query."""
    if query.dim() < 4:
        mask = mask.unsqueeze(-3) if mask.dim() > 2 else mask  # (..., 1, Nq, Nk) or (Nq, Nk)
        return mask.reshape(-1, *(1,) * (3 - min(3, mask.dim())), *mask.shape[-3:])  # (B, 1, Nq, Nk)
    mask = mask[(None,) * (query.dim() - mask.dim())]  # as many dimensions as the query
    if query.dim() == 4:
        return mask
    mask = mask.expand(*query.shape[:-3], *mask.shape[-3:])
    return mask.reshape(-1, *mask.shape[-3:])  # (B, 1 or H, 1 or Nq, Nk)


def for_each_query_head(tensor: Tensor, heads: int) -> Tensor:
    """(B, Hk, N, d) -> (B, H, N, d): grouped keys and values serve H / Hk query heads each."""
    return tensor if tensor.shape[1] == heads else tensor.repeat_interleave(heads // tensor.shape[1], 1)


def _alone(tensor: Tensor) -> Tensor:
    """Detached, and copied where it is a view that would keep a larger buffer alive (q inside a fused qkv)."""
    tensor = tensor.detach()
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.contiguous().clone() if tensor.is_contiguous() else tensor.contiguous()


def _deviation(call: AttentionCall, output: Tensor) -> float:
    """Recompute a few queries of the first item and compare, in few operations: a small model feels each."""
    probes = slice(None, None, max(1, call.query.shape[2] // PROBES))
    with torch.no_grad():
        own, again = _fold(output)[:1, :, probes].float(), call.output(probes, call.recorded_value, item=0)
        return float(torch.dist(own, again, torch.inf)) / max(float(torch.linalg.vector_norm(own, torch.inf)), 1e-6)
