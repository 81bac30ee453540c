"""A trace as what the browser needs to compute any of its weights: exp(q_i . k_j + bias_ij - lse_i).

At N positions this is 4 H d N bytes a layer in float16, where 8-bit maps are H N^2: the same at 257 positions of a
ViT-S, and N / 256 times smaller above. A layer whose scores float16 does not hold well enough (ERROR) goes in float32.
The log-sum-exp is taken from the numbers as sent, with the bias and the flag of the call, so that the rows sum to 1.
Weights that a model formed by itself have no query and key (d = 0): their logarithms are the bias, H N^2 a layer, and
they are sent as they are, for a row may have lost a share to a sink.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from core.attention.parts import PartCall
from core.attention.statistics import head_statistics
from core.attention.tape import NEVER, AttentionCall
from core.attention.trace import AttentionTrace
from core.attention.windows import WindowedCall
from core.views.linked.arrays import Arrays
from core.views.linked.windowed import NOTHING, windowed_bytes, windowed_layer

BUDGET = 40 * 2**20  # bytes of one trace that are sent whole; above it, one layer at a time
ERROR = 0.01  # of the largest weight of its row: how far off a weight may be before a layer is sent in float32
JUDGED = 64  # queries a head by which that is judged: those of the largest norm, whose scores rounding moves most
ROWS = 1024  # queries whose weights are in memory at once

_judged: WeakKeyDictionary[AttentionCall, dict[int, bool]] = WeakKeyDictionary()  # `holds_half` of an item


@dataclass(frozen=True)
class Scores:
    """What one layer's scores are made of: q . k + bias.

    query: (H, Nq, d), times the scale. key: (H, Nk, d). bias: (1 or H, 1 or Nq, Nk) or None. causal: whether keys j > i
    are left out on top. No width (d = 0): the bias is the logarithm of finished weights. lse: (H, Nq), where the keys
    are a part of what the queries read.
    """

    query: Tensor
    key: Tensor
    bias: Tensor | None
    causal: bool
    lse: Tensor | None = None

    @property
    def are_finished(self) -> bool:
        return self.query.shape[-1] == 0

    def rounded(self) -> "Scores":
        """As float16 holds them."""
        bias = None if self.bias is None else self.bias.half().float()
        return Scores(self.query.half().float(), self.key.half().float(), bias, self.causal, self.lse)

    def weights(self, queries: Tensor) -> Tensor:
        """(H, n, Nk), as `rows`."""
        rows = self.rows(queries)
        if self.lse is None:
            return torch.softmax(rows, -1).nan_to_num(0)
        return (rows - self.lse.gather(1, queries.expand(len(self.query), -1))[..., None]).exp()

    def rows(self, queries: Tensor) -> Tensor:
        """Scores (H, n, Nk) of queries by their numbers, (n,) for all heads or (H, n); -inf where a key is not seen."""
        queries = queries.expand(len(self.query), -1)  # (H, n)
        chosen = self.query.gather(1, queries[..., None].expand(-1, -1, self.query.shape[-1]))
        scores = chosen @ self.key.transpose(-2, -1)  # (H, n, Nk)
        if self.bias is not None and self.bias.shape[1] == 1:
            scores += self.bias
        elif self.bias is not None:
            heads = torch.arange(len(queries))[:, None] if len(self.bias) > 1 else torch.zeros(len(queries), 1).long()
            scores += self.bias[heads, queries]
        if self.causal:
            ahead = torch.arange(self.key.shape[1]) > queries[..., None]
            scores = scores.masked_fill(ahead, -torch.inf)
        return scores


def trace_header(trace: AttentionTrace, arrays: Arrays, layers: tuple[int, ...] | None = None) -> dict[str, Any]:
    """The header of the chosen layers (all by default); their numbers go to `arrays`."""
    chosen = tuple(range(trace.layers)) if layers is None else layers
    places: dict[tuple, dict[str, Any]] = {}  # of the masks, which layers share
    found = head_statistics(trace, chosen)
    return {
        "kind": trace.kind,
        "layers": chosen,
        "depth": trace.layers,
        "heads": trace.heads,
        "queries": len(trace.query_axis),
        "keys": len(trace.key_axis),
        "causal": trace.is_causal,
        "scores": [_layer(trace.calls[layer], trace.item, arrays, places) for layer in chosen],
        "statistics": {name: grid.tolist() for name, grid in found.items()},
    }


def fits_budget(trace: AttentionTrace) -> bool:
    """Whether all layers of a trace are sent at once. Which of them need float32 is asked only where it decides."""
    if _bytes(trace, lambda call: 4) <= BUDGET:
        return True
    if _bytes(trace, lambda call: 2) > BUDGET:
        return False
    return _bytes(trace, lambda call: 2 if holds_half(call, trace.item) else 4) <= BUDGET


def _bytes(trace: AttentionTrace, width: Callable[[AttentionCall], int]) -> int:
    """What is sent of a trace. width: bytes of a number; a mask is counted once for all layers that share it."""
    total, masks = 0, set()
    for call in trace.calls:
        if isinstance(call, WindowedCall):
            total += windowed_bytes(call)
            continue
        (_, heads, queries, size), keys = call.query.shape, call.key.shape[2]
        count = heads * size * (queries + keys)
        if call.is_formed:
            count += call.explicit[0].numel()
        if call.mask is not None and call.mask.data_ptr() not in masks:
            masks.add(call.mask.data_ptr())
            count += call.mask[0].numel()
        total += width(call) * count + 4 * heads * (2 * queries + keys)
    return total


def _layer(call: AttentionCall, item: int, arrays: Arrays, places: dict[tuple, dict[str, Any]]) -> dict[str, Any]:
    if isinstance(call, WindowedCall):
        return windowed_layer(call, _norms(call, item), arrays)
    scores = scores_of(call, item)
    if half := holds_half(call, item, scores):
        scores = scores.rounded()
    norms = _norms(call, item)
    lse, flow = _row_sums(scores, norms)
    others = None
    if isinstance(call, PartCall):
        flow, others = call.flow[item].cpu(), arrays.single(call.others.float().cpu())
    put = arrays.half if half else arrays.single
    place = None
    if scores.bias is not None and (source := call.explicit if call.is_formed else call.mask) is not None:
        name = (source.data_ptr(), source.shape, source.stride(), scores.causal, half)
        if name not in places:
            places[name] = {"heads": len(scores.bias), "queries": scores.bias.shape[1], "at": put(scores.bias)}
        place = places[name]
    return {
        "half": half,
        "width": scores.query.shape[-1],
        "causal": scores.causal,
        "q": put(scores.query),
        "k": put(scores.key),
        "bias": place,
        "norms": arrays.single(norms),
        "lse": arrays.single(lse),
        "flow": arrays.single(flow),
        "others": others,
    }


def scores_of(call: AttentionCall, item: int) -> Scores:
    """What the weights of one item are made of, in float32 on the CPU.

    Two shifts change no weight, as each moves a row's scores alike: the mean key of a head is taken from all its keys,
    which float16 then holds about eight times better, and the bias of each query has a largest value of 0. Where the
    mask is added and says never to every key, the scores vanish beside it: such a query asks nothing and reads all
    evenly, as the model does.
    """
    if call.is_formed:
        weights = call.explicit[item].float().cpu()
        lost = (weights == 0) & (weights > 0).any(0)  # another head sees the key
        bias = weights.log().masked_fill(lost, NOTHING)
        return Scores(call.query[item].float().cpu(), call.key[item].float().cpu(), bias, False)
    query = (call.query[item].float() * call.scale).cpu()
    key = call.key[item].repeat_interleave(call.query.shape[1] // call.key.shape[1], 0).float().cpu()
    shift = key.mean(1, keepdim=True)
    key = key - shift
    mask = call.mask_of(item)
    if isinstance(call, PartCall):
        lse = call.lse[item].float().cpu() - (query @ shift.transpose(-2, -1))[..., 0]
        if mask is not None and mask.dtype == torch.bool:
            mask = torch.zeros(mask.shape).masked_fill(~mask.cpu(), -torch.inf)
        return Scores(query, key, None if mask is None else mask.float().cpu(), False, lse)
    if mask is None:
        return Scores(query, key, None, call.is_causal)
    if mask.dtype == torch.bool:
        bias = torch.zeros(mask.shape).masked_fill(~mask.cpu(), -torch.inf)
    else:
        bias = mask.float().cpu()
    most = bias.amax(-1, keepdim=True)
    drowned = (most <= NEVER) & most.isfinite()
    if bool(drowned.any()):
        bias = bias.expand(-1, query.shape[1], -1)
        query = query.masked_fill(drowned, 0)
    bias = bias - most.clamp_min(torch.finfo(torch.float32).min)
    triangle = call.is_forward_only(item) and len(query[0]) == len(key[0])
    if triangle and bool((bias.expand(-1, len(query[0]), -1).tril() == 0).all()):
        return Scores(query, key, None, True)  # a plain triangle, which needs no numbers
    return Scores(query, key, bias if bool((bias != 0).any()) else None, call.is_causal)


def holds_half(call: AttentionCall, item: int, scores: Scores | None = None) -> bool:
    """Whether float16 holds the scores of a layer well enough (ERROR); judged once. scores: its own, where there."""
    known = _judged.setdefault(call, {})
    if item not in known:
        exact = scores or scores_of(call, item)
        known[item] = not _error(exact, exact.rounded()) > ERROR  # an overflow is an error without bounds
    return known[item]


def _error(exact: Scores, rounded: Scores) -> float:
    """The largest difference of a weight over the largest weight of its row, on the queries that are judged."""
    count = min(JUDGED, exact.query.shape[1])
    queries = exact.query.norm(dim=-1).topk(count, -1).indices  # (H, n)
    weights, found = exact.weights(queries), rounded.rows(queries)
    if bool(found.isnan().any() | (found == torch.inf).any()):
        return float("inf")
    off = (rounded.weights(queries) - weights).abs().amax(-1)
    return float((off / weights.amax(-1).clamp_min(1e-9)).max())


def _norms(call: AttentionCall, item: int) -> Tensor:
    """Length of each value vector, (H, Nk), over its mean in the head; ones where values were not recorded."""
    if call.value is None:
        return torch.ones(call.query.shape[1], call.key.shape[2])
    norms = call.value[item].float().norm(dim=-1)
    groups = call.query.shape[1] // norms.shape[0]
    mean = 1 if isinstance(call, PartCall) else norms.mean(-1, keepdim=True).clamp_min(1e-9)
    return (norms / mean).repeat_interleave(groups, 0).cpu()


def _row_sums(scores: Scores, norms: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row, (H, Nq) both: the log-sum-exp of its scores, or of all those that they are a part of, infinite where
    no key is seen, so that its weights are 0; and the sum of weight x value length (the total that the method `value`
    divides by)."""
    blocks, flows = [], []
    for queries in torch.arange(scores.query.shape[1]).split(ROWS):
        rows = scores.rows(queries)  # (H, n, Nk)
        lse = torch.logsumexp(rows, -1)
        if scores.lse is not None:
            lse = scores.lse[:, queries]
        none = lse == -torch.inf
        blocks.append((torch.zeros_like(lse) if scores.are_finished else lse).masked_fill(none, torch.inf))
        weights = rows.sub_(blocks[-1][..., None]).exp_()
        flows.append((weights @ norms[..., None])[..., 0])
    return torch.cat(blocks, 1), torch.cat(flows, 1)
