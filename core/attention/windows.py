"""Attention that sees a part of a picture: windows, shifted or spread over it, and keys that are pooled.

Hierarchical transformers (Swin, MaxViT, PVT) have a grid of their own in each stage, and each query a set of keys of
its own. A layer here knows where on those grids its calls' queries and keys lie. What lies outside a query's window is
not a weight of zero: it cannot be seen, and every row says which keys can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from core.attention.axes import PatchAxis
from core.attention.formed import ROOM
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace, Kind
from core.errors import SidelightError

SHUT = 1e-30  # a weight below it was masked: libraries add -100 to the score, and e^-100 is 4e-44


@dataclass(frozen=True, eq=False)
class Row:
    """What one query looks at. weights: (Nk,), its sum 1, or less where padding takes a share. seen: (Nk,), whether the
    query can see the key at all."""

    weights: Tensor
    seen: Tensor


@dataclass(frozen=True, eq=False)
class WindowedLayer:
    """call: windows are its items. queries: (windows, Nq of the call), keys: (windows, Nk): of each its position on the
    stage's axis, -1 for padding. Every position is a query once."""

    call: AttentionCall
    query_axis: PatchAxis
    key_axis: PatchAxis
    queries: Tensor
    keys: Tensor

    def __post_init__(self) -> None:
        items, _, queries, _ = self.call.query.shape
        if self.queries.shape != (items, queries) or self.keys.shape != (items, self.call.key.shape[2]):
            raise ValueError(f"call {self.call.index} has other windows")
        if not torch.equal(self.queries[self.queries >= 0].sort().values, torch.arange(len(self.query_axis))):
            raise ValueError(f"call {self.call.index} does not ask from every position once")

    @property
    def heads(self) -> int:
        return self.call.query.shape[1]

    def row(self, heads: Sequence[int], query: int) -> Row:
        """The mean over heads of what a position of the query axis looks at. IndexError where there is none."""
        if not 0 <= query < len(self.query_axis):
            raise IndexError(f"no position {query}")
        window, place = (self.queries == query).nonzero()[0].tolist()
        with torch.no_grad():
            every = self.call.weights(slice(place, place + 1), item=window)[0, :, 0].cpu()  # (H, Nk of the window)
        inside = self.keys[window] >= 0
        weights, seen = torch.zeros(len(self.key_axis)), torch.zeros(len(self.key_axis), dtype=torch.bool)
        weights[self.keys[window][inside]] = every[list(heads)].mean(0)[inside]
        seen[self.keys[window][inside]] = (every > SHUT).any(0)[inside]
        return Row(weights.masked_fill(~seen, 0.0), seen)

    def dense(self) -> AttentionCall:
        """The same weights over the whole grid, (1, H, Nq, Nk), as a call whose weights are finished: exactly 0 for
        what is not seen. O(Nq Nk) memory."""
        with torch.no_grad():
            weights = self.call.weights().cpu()  # (windows, H, Nq, Nk)
        weights = weights.masked_fill(~(weights > SHUT).any(1, keepdim=True), 0.0)
        found = torch.zeros(self.heads, len(self.query_axis), len(self.key_axis))
        for window, queries, keys in zip(weights, self.queries, self.keys, strict=True):
            asks, read = queries >= 0, keys >= 0
            found[:, queries[asks, None], keys[None, read]] = window[:, asks][..., read]
        empty = (found.new_empty(1, self.heads, len(axis), 0) for axis in (self.query_axis, self.key_axis))
        query, key = empty
        return AttentionCall(self.call.index, query, key, None, None, 1.0, False, self.call.deviation, found[None])


@dataclass(frozen=True, eq=False)
class WindowedTrace:
    """All layers that attend within windows or to pooled keys, in their order."""

    layers: tuple[WindowedLayer, ...]

    def row(self, layer: int, heads: Sequence[int], query: int) -> Row:
        return self.layers[layer].row(heads, query)

    @property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the layers that share their grids and their number of heads, stage by stage."""
        numbers = groupby(range(len(self.layers)), lambda i: _form(self.layers[i]))
        return tuple(tuple(run) for _, run in numbers)

    def stage(self, number: int) -> AttentionTrace:
        """A stage's layers over its whole grid, for maps, views and files. Raises SidelightError `attention.too_large`
        where they would take more than a record may."""
        layers = [self.layers[i] for i in self.stages[number]]
        first = layers[0]
        if 4 * len(layers) * first.heads * len(first.query_axis) * len(first.key_axis) > ROOM:
            raise SidelightError("attention.too_large", limit=f"{ROOM / 1e9:g}")
        kind: Kind = "encoder" if first.query_axis == first.key_axis else "cross"
        calls = [layer.dense() for layer in layers]
        return AttentionTrace.from_calls(kind, calls, first.query_axis, first.key_axis)


def _form(layer: WindowedLayer) -> tuple[PatchAxis, PatchAxis, int]:
    return layer.query_axis, layer.key_axis, layer.heads
