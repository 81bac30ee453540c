"""Numbers that describe a head, the same for vision and language."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from core.attention.axes import Axis
from core.attention.parts import PartCall
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace

QUERIES = 400  # up to so many, all queries count; of a longer input at most so many evenly spaced ones
NAMES = ("entropy", "distance", "sink", "diagonal", "variation")
SINK = "sink "  # before the kind of a special position: its part of the sink mass


def entropy(trace: AttentionTrace, layer: int, heads: Sequence[int] | None = None) -> Tensor:
    """Entropy of each row in bits, for the chosen heads (all by default): (H, Nq).

    0 where one key takes all, log2(n) where n keys share evenly.
    """
    heads = range(trace.heads) if heads is None else heads
    return torch.stack([_bits(trace.map(layer, head)) for head in heads])


def effective_keys(trace: AttentionTrace, layer: int, heads: Sequence[int] | None = None) -> float:
    """How many keys a query of this layer really uses: 2^entropy, averaged over heads and queries."""
    return float(torch.exp2(entropy(trace, layer, heads)).mean())


def head_statistics(trace: AttentionTrace, layers: Sequence[int] | None = None) -> dict[str, Tensor]:
    """Five numbers of each head of the chosen layers (all by default), each (L, H); one scale for both modalities. Of
    an input of more than `QUERIES` positions they are those of `queries`.

    entropy: of the rows, over that of uniform attention. 0: one key takes all; 1: all share evenly.
    distance: mean distance from query to key (patches or tokens; across, relative positions), over that of uniform
        attention. 0: looks at itself; 1: as far as chance. Special positions (CLS, tags, end) have no place: left out.
        Uniform attention is over the keys that the query may see: those of its past, its window, without the padding.
    sink: share of the weight on special keys.
    diagonal: weight on the query's own position; across, on the source position at the same relative place.
    variation: how far rows lie from their mean row (total variation). 0: all queries look alike.
    """
    found = _measured(trace, layers)
    return {name: found[name] for name in NAMES}


def queries(axis: Axis) -> slice:
    """The queries that statistics are taken over: all of them up to `QUERIES`, of a longer input every n-th.

    n shares no factor with the grid's width, so that every column of patches is met as often as any other.
    """
    step = max(1, math.ceil(len(axis) / QUERIES))
    while math.gcd(step, axis.grid[1]) > 1:
        step += 1
    return slice(None, None, step)


def average_statistics(traces: Iterable[AttentionTrace]) -> dict[str, Tensor]:
    """The mean of `head_statistics` over traces of one model and one kind, each (L, H), an input of any length counting
    once; and the parts of the sink mass by `sink_kinds`, "sink CLS" and so on, which sum to "sink".

    Traces are read one by one, so a generator need keep none. A trace without positions of a kind puts 0 on them.
    Raises ValueError without a trace.
    """
    total: dict[str, Tensor] = {}
    count, nothing = 0, torch.zeros(())
    for trace in traces:
        with torch.no_grad():
            found = _measured(trace)
        total = {name: total.get(name, nothing) + found.get(name, nothing) for name in total | found}
        count += 1
    if not count:
        raise ValueError("no trace to average")
    return {name: value / count for name, value in total.items()}


def sink_kinds(axis: Axis) -> dict[str, Tensor]:
    """Which special positions there are, (N,) bool by kind: "CLS", "register", "extra" before patches; "tag", "prompt",
    "start", "end" and other "mark"s in a sentence."""
    kinds: dict[str, Tensor] = {}
    for position, special in enumerate(axis.special):
        if special:
            kinds.setdefault(axis.kind_of(position), torch.zeros(len(axis)).bool())[position] = True
    return kinds


def _measured(trace: AttentionTrace, layers: Sequence[int] | None = None) -> dict[str, Tensor]:
    """`head_statistics` with the parts of the sink mass."""
    chosen = queries(trace.query_axis)
    place = _Place(trace, torch.arange(len(trace.query_axis))[chosen])
    calls = trace.calls if layers is None else [trace.calls[layer] for layer in layers]
    found = [place.measure(_rows(call, chosen, trace.item), call.visible(trace.item, chosen).cpu()) for call in calls]
    return {name: torch.stack([layer[name] for layer in found]) for name in found[0]}


class _Place:
    """What the queries and keys of a trace have to do with each other, layer and head apart."""

    def __init__(self, trace: AttentionTrace, queries: Tensor) -> None:
        keys, across = len(trace.key_axis), trace.kind == "cross"
        self.special = torch.tensor(trace.key_axis.special)
        self.kinds = sink_kinds(trace.key_axis)
        at, there = (axis.coordinates(relative=across) for axis in (trace.query_axis, trace.key_axis))
        pooled = across and trace.query_axis.input_place and trace.key_axis.input_place  # two grids of one picture
        if pooled:
            scale = torch.tensor(trace.query_axis.grid) / torch.tensor(trace.key_axis.grid)
            there = (there + 0.5) * scale - 0.5
        self.distance = torch.cdist(at[queries], there)  # (q, Nk)
        self.content = ~torch.tensor(trace.query_axis.special)[queries][:, None] & ~self.special  # (q, Nk)
        own = (queries * (keys - 1) / max(1, len(trace.query_axis) - 1)).round().long() if across else queries
        if pooled:
            own = self.distance.argmin(-1)
        self.own = own[None, :, None]

    def measure(self, weights: Tensor, visible: Tensor) -> dict[str, Tensor]:
        """weights: (H, q, Nk); visible: which keys a query may see, (1 or H, q, Nk) -> each (H,)."""
        places = (self.content & visible).float()
        near = weights * places
        near = near / near.sum(-1, keepdim=True).clamp_min(1e-12)
        even = places / places.sum(-1, keepdim=True).clamp_min(1)
        most = visible.sum(-1).clamp_min(1).log2().sum(-1)  # the entropy of uniform attention, summed over queries
        mean = weights.mean(1, keepdim=True)
        return {
            "entropy": _bits(weights).sum(-1) / most.clamp_min(1e-12),
            "distance": (near * self.distance).sum((1, 2)) / (even * self.distance).sum((1, 2)).clamp_min(1e-12),
            "sink": weights[..., self.special].sum(-1).mean(-1),
            "diagonal": weights.gather(-1, self.own.expand(len(weights), -1, 1)).mean((1, 2)),
            "variation": (weights - mean).abs().sum(-1).mean(-1) / 2,
            **{SINK + kind: weights[..., which].sum(-1).mean(-1) for kind, which in self.kinds.items()},
        }


def _rows(call: AttentionCall, chosen: slice, item: int) -> Tensor:
    """(H, q, Nk); of a part of an attention, as shares of what the part gets."""
    rows = call.weights(chosen, item)[0].cpu()
    return rows / rows.sum(-1, keepdim=True).clamp_min(1e-12) if isinstance(call, PartCall) else rows


def _bits(weights: Tensor) -> Tensor:
    return -(weights * weights.clamp_min(1e-12).log2()).sum(-1)
