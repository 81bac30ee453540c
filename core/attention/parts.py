"""A part of an attention: some of its queries and some of its keys, where one attention reads several things.

A decoder-only model of pictures and words reads the photo, the prompt and what it has written in one softmax. Each part
is a call of its own on axes of its own, whose rows sum to the share of the whole that it gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from core.attention.axes import Axis
from core.attention.tape import AttentionCall, for_each_query_head
from core.attention.trace import AttentionTrace, Kind

SINK = 5.0  # times an even share


@dataclass(eq=False)
class PartCall(AttentionCall):
    """Its rows sum to at most 1. value: lengths alone, over their mean in the whole call, (B, Hk, Nk, 1).

    lse: (B, H, Nq), the log-sum-exp of the scores of all keys of the whole call; of formed weights of no effect.
    flow: (B, H, Nq), the sum of weight x value length over all keys. others: (Nq,), how many keys elsewhere each query
    may see.
    """

    lse: Tensor = field(default_factory=lambda: torch.zeros(0))
    flow: Tensor = field(default_factory=lambda: torch.zeros(0))
    others: Tensor = field(default_factory=lambda: torch.zeros(0))

    def normalised(self, scores: Tensor, items: slice, heads: slice, queries: Tensor | slice) -> Tensor:
        return (scores - self.lse[items, heads, queries][..., None]).exp()


def split(call: AttentionCall, queries: Tensor, parts: Sequence[Tensor]) -> list[PartCall]:
    """A call of one item, of which only some queries (n,) are asked, as one call for each set of keys (m,)."""
    with torch.no_grad():
        weights = call.weights(queries)  # (1, H, n, N)
        lse = weights.new_zeros(weights.shape[:3]) if call.is_formed else _log_sum(call, queries)
        lengths = call.recorded_value.float().norm(dim=-1)  # (1, Hk, N)
        lengths = lengths / lengths.mean(-1, keepdim=True).clamp_min(1e-9)
        flow = (weights @ for_each_query_head(lengths[..., None], weights.shape[1]))[..., 0]
        seen = call.visible(0, queries)  # (1 or H, n, N)
        found = []
        for keys in parts:
            found.append(
                PartCall(
                    call.index,
                    call.query[:, :, queries],
                    call.key[:, :, keys],
                    lengths[..., keys, None],
                    None if call.is_formed else _mask(call, seen, queries, keys),
                    call.scale,
                    False,
                    call.deviation,
                    weights[..., keys] if call.is_formed else None,
                    lse,
                    flow,
                    (seen.sum(-1) - seen[..., keys].sum(-1)).amax(0),
                )
            )
        return found


def sinks(parts: Sequence[AttentionTrace], least: float = SINK) -> list[tuple[int, ...]]:
    """Of each part the keys that draw attention from every query, whatever it asks (Xiao et al. 2024, "Efficient
    Streaming Language Models with Attention Sinks"; for patches Kang et al. 2025, "See What You Are Told: Visual
    Attention Sink in Large Multimodal Models"): the least that a query gives, mean over layers and heads, is `least`
    times an even share of the keys of all parts. None where one query alone asks."""
    if len(parts[0].query_axis) < 2:
        return [()] * len(parts)
    share = least / sum(len(one.key_axis) for one in parts)
    return [tuple((one.mean().amin(0) >= share).nonzero()[:, 0].tolist()) for one in parts]


def arranged(call: AttentionCall, places: Tensor) -> AttentionCall:
    """A call of one item whose queries and keys (N,) stand in another order."""
    return replace(
        call,
        query=call.query[:, :, places],
        key=call.key[:, :, places],
        value=call.recorded_value[:, :, places],
        mask=None if call.is_formed else _mask(call, call.visible(0, places), places, places),
        is_causal=False,
        attention=call.explicit[:, :, places][..., places] if call.is_formed else None,
    )


def part_traces(
    kinds: Sequence[Kind],
    calls: Sequence[AttentionCall],
    queries: Tensor,
    asks: Axis,
    parts: Sequence[Tensor],
    axes: Sequence[Axis],
) -> list[AttentionTrace]:
    """Of all layers one trace for each part, with its kind and the axis of its keys."""
    layers = [split(call, queries, parts) for call in calls]
    return [
        AttentionTrace.from_calls(kind, [layer[n] for layer in layers], asks, axis)
        for n, (kind, axis) in enumerate(zip(kinds, axes, strict=True))
    ]


def _log_sum(call: AttentionCall, queries: Tensor) -> Tensor:
    """(1, H, n)."""
    return torch.logsumexp(call.scores(slice(None), slice(None), queries), -1)


def _mask(call: AttentionCall, seen: Tensor, queries: Tensor, keys: Tensor) -> Tensor | None:
    """What the part adds to its scores, or which keys it sees; None where it sees all."""
    given = call.mask_of(0)
    if given is not None and given.dtype != torch.bool:
        own = given.expand(-1, call.query.shape[2], -1)[:, queries][..., keys].float()
        own = own.masked_fill(~seen[..., keys], -torch.inf)
        return own[None] if bool((own != 0).any()) else None
    return None if bool(seen[..., keys].all()) else seen[None][..., keys]
