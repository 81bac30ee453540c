"""How far training moved each head: the same input through the model before and after, head against head."""

from difflib import SequenceMatcher

import torch
from torch import Tensor

from core.attention.axes import Axis
from core.attention.statistics import head_statistics, queries
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace

CHANGES = ("entropy", "distance")  # of head_statistics, given as after minus before


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon distance of the distributions in the last dimension, (..., N) and (..., N) to (...), 0 to 1.

    The square root of the divergence of Lin 1991, equation 4.1 with equal weights and log base 2: it is a metric
    (Endres & Schindelin 2003). 0: the same; 1: nothing in common. Rows of zeros (no key to see) are at distance 0.
    """
    p, q, dtype = p.double(), q.double(), p.dtype
    middle = ((p + q) / 2).clamp_min(torch.finfo(torch.float64).tiny)
    bits = [torch.special.xlogy(part, part / middle).sum(-1) / torch.log(torch.tensor(2.0)) for part in (p, q)]
    return ((bits[0] + bits[1]) / 2).clamp(0, 1).sqrt().to(dtype)


def head_drift(before: AttentionTrace, after: AttentionTrace) -> dict[str, Tensor]:
    """What changed in each head between two traces of one input, each (L, H).

    js: `jensen_shannon` of the rows before and after, mean over the queries (of a long input those that
        head_statistics takes). entropy, distance: of `head_statistics`, after minus before.

    Prompt tuning adds positions: register tokens to a Vision Transformer, special pieces to a sentence. Only the
    positions that both traces have are compared (CLS and patches, or the pieces without the prompt), and each row is
    renormalised over them, before and after; how much a head looks at the prompt itself is therefore not counted.
    Raises ValueError where the inputs differ in anything else, or the layers and heads do.
    """
    if (before.kind, before.layers, before.heads) != (after.kind, after.layers, after.heads):
        raise ValueError("the traces are of different kinds of attention, layers or heads")
    before, after = _on_shared_positions(before, after)
    chosen = queries(before.query_axis)
    pairs = zip(before.calls, after.calls, strict=True)
    moved = [
        jensen_shannon(old.weights(chosen, before.item)[0].cpu(), new.weights(chosen, after.item)[0].cpu()).mean(-1)
        for old, new in pairs
    ]
    old, new = head_statistics(before), head_statistics(after)
    return {"js": torch.stack(moved), **{name: new[name] - old[name] for name in CHANGES}}


def _on_shared_positions(before: AttentionTrace, after: AttentionTrace) -> tuple[AttentionTrace, AttentionTrace]:
    queries = _shared(before.query_axis, after.query_axis)
    keys = _shared(before.key_axis, after.key_axis)
    return _only(before, queries[0], keys[0]), _only(after, queries[1], keys[1])


def _shared(before: Axis, after: Axis) -> tuple[list[int], list[int]]:
    """The positions that both axes have, in order. Raises ValueError unless one has just more special ones."""
    if before == after:
        return list(range(len(before))), list(range(len(after)))
    names = [list(zip(axis.labels, axis.special, strict=True)) for axis in (before, after)]
    kept: tuple[list[int], list[int]] = ([], [])
    for block in SequenceMatcher(None, names[0], names[1], autojunk=False).get_matching_blocks():
        kept[0].extend(range(block.a, block.a + block.size))
        kept[1].extend(range(block.b, block.b + block.size))
    longer = max((0, 1), key=lambda side: len(names[side]))
    more = set(range(len(names[longer]))) - set(kept[longer])
    whole = len(kept[0]) == len(names[1 - longer])
    apart = before.input_place != after.input_place
    if apart or not whole or not all(names[longer][i][1] for i in more):
        raise ValueError("the traces are not of the same input")
    return kept


def _only(trace: AttentionTrace, queries: list[int], keys: list[int]) -> AttentionTrace:
    """The same attention between these positions alone: a softmax over fewer keys is the row, renormalised."""
    if len(queries) == len(trace.query_axis) and len(keys) == len(trace.key_axis):
        return trace
    calls = []
    for call in trace.calls:
        mask = None if (full := _mask(call, trace.item)) is None else full[..., queries, :][..., keys]
        item = slice(trace.item, trace.item + 1)
        query, key = call.query[item][:, :, queries], call.key[item][:, :, keys]
        formed = call.explicit[item][:, :, queries][..., keys] if call.is_formed else None
        formed = None if formed is None else formed / formed.sum(-1, keepdim=True).clamp_min(1e-30)
        calls.append(AttentionCall(call.index, query, key, None, mask, call.scale, False, attention=formed))
    return AttentionTrace.from_calls(trace.kind, calls, trace.query_axis.part(queries), trace.key_axis.part(keys))


def _mask(call: AttentionCall, item: int) -> Tensor | None:
    """The call's mask for one item with its causality written out: None, or (1, H, Nq, Nk)."""
    count, heads, queries, _ = call.query.shape
    shape = (count, heads, queries, call.key.shape[2])
    mask = None if call.mask is None else call.mask.expand(shape)[item : item + 1]
    if not call.is_causal:
        return mask
    past = torch.ones(shape[2:], dtype=torch.bool, device=call.query.device).tril().expand(1, *shape[1:])
    if mask is None:
        return past
    return mask & past if mask.dtype == torch.bool else mask.masked_fill(~past, -torch.inf)
