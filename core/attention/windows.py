"""Attention that sees a part of a picture: windows, shifted or spread over it, and keys that are pooled.

Hierarchical transformers (Swin, MaxViT, PVT) have a grid of their own in each stage, and each query a set of keys of
its own. A layer here knows where on those grids its calls' queries and keys lie. What lies outside a query's window is
not a weight of zero: it cannot be seen, and every row says which keys can.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
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

    def over_grid(self) -> "WindowedCall":
        """The same weights as one call of the whole grid, exactly 0 for what is not seen."""
        with torch.no_grad():
            weights = self.call.weights().cpu()  # (windows, H, Nq of the call, Nk)
        weights = weights.masked_fill(~(weights > SHUT).any(1, keepdim=True), 0.0)
        query, key = (weights.new_empty(1, self.heads, len(axis), 0) for axis in (self.query_axis, self.key_axis))
        call = self.call
        return WindowedCall(
            call.index,
            query,
            key,
            self._value(),
            None,
            1.0,
            False,
            call.deviation,
            weights,
            queries=self.queries,
            keys=self.keys,
        )

    def _value(self) -> Tensor | None:
        """(1, Hk, Nk, dv) of the whole grid."""
        value = self.call.value
        if value is None:
            return None
        inside = self.keys >= 0
        found = torch.zeros(len(self.key_axis), *value.shape[1::2])
        found[self.keys[inside]] = value.float().cpu().movedim(2, 1)[inside]
        return found.movedim(0, 1)[None]


@dataclass(eq=False)
class WindowedCall(AttentionCall):
    """The finished weights of a layer on its whole grid, kept window by window: attention (windows, H, n, nk), of which
    nothing is formed but the rows that are asked for. queries: (windows, n), keys: (windows, nk): as of
    `WindowedLayer`. query, key: of the whole grid, without width."""

    queries: Tensor = field(default_factory=lambda: torch.zeros(0, 0).long())
    keys: Tensor = field(default_factory=lambda: torch.zeros(0, 0).long())

    @property
    def place(self) -> Tensor:
        """Of each query the window that it asks in, and its row there: (2, Nq)."""
        inside = (self.queries >= 0).nonzero()  # (Nq, 2)
        found = torch.empty_like(inside)
        found[self.queries[self.queries >= 0]] = inside
        return found.T

    @property
    def is_formed(self) -> bool:
        """Who formed the weights is not told: they are the layer's, window by window."""
        return False

    @property
    def nbytes(self) -> int:
        return self.by_window.nbytes + (0 if self.value is None else self.value.nbytes)

    @property
    def by_window(self) -> Tensor:
        """(windows, H, n, nk)"""
        return super().explicit

    @property
    def explicit(self) -> Tensor:
        """(1, H, Nq, Nk). Raises SidelightError `attention.too_large`."""
        (_, heads, queries, _), keys = self.query.shape, self.key.shape[2]
        if 4 * heads * queries * keys > ROOM:
            raise SidelightError("attention.too_large", limit=f"{ROOM / 1e9:g}")
        return self.weights()

    def weights(
        self, queries: Tensor | slice = slice(None), item: int | None = None, head: int | None = None
    ) -> Tensor:
        heads = slice(None) if head is None else slice(head, head + 1)
        window, place = self.place[:, queries]
        return self._spread(self.by_window[window, heads, place], window)

    def visible(self, item: int, queries: Tensor | slice = slice(None)) -> Tensor:
        window, place = self.place[:, queries]
        seen = (self.by_window[window, :, place] > 0).any(1, keepdim=True)  # (q, 1, nk)
        return self._spread(seen.float(), window)[0] > 0

    def is_forward_only(self, item: int) -> bool:
        return False  # a window lies on both sides of who asks in it

    def _spread(self, rows: Tensor, window: Tensor) -> Tensor:
        """Rows of these windows, (q, H, nk), on the whole grid of keys: (1, H, q, Nk)."""
        count = self.key.shape[2]
        found = rows.new_zeros(*rows.shape[:2], count + 1)
        at = self.keys[window].where(self.keys[window] >= 0, count)  # padding falls off the end
        found.scatter_(2, at[:, None].expand(-1, rows.shape[1], -1), rows)
        return found[..., :count].movedim(1, 0)[None]


@dataclass(frozen=True, eq=False)
class WindowedTrace:
    """All layers that attend within windows or to pooled keys, in their order. left_out: recorded attention calls of
    which it is not known where their queries and keys lie."""

    layers: tuple[WindowedLayer, ...]
    left_out: int = 0

    def row(self, layer: int, heads: Sequence[int], query: int) -> Row:
        return self.layers[layer].row(heads, query)

    @property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the layers that share their grids and their number of heads, stage by stage."""
        numbers = groupby(range(len(self.layers)), lambda i: _form(self.layers[i]))
        return tuple(tuple(run) for _, run in numbers)

    def stage(self, number: int) -> AttentionTrace:
        """A stage's layers over its whole grid, for maps, views and files."""
        layers = [self.layers[i] for i in self.stages[number]]
        first = layers[0]
        kind: Kind = "encoder" if first.query_axis == first.key_axis else "cross"
        calls = [layer.over_grid() for layer in layers]
        return AttentionTrace.from_calls(kind, calls, first.query_axis, first.key_axis)


def _form(layer: WindowedLayer) -> tuple[PatchAxis, PatchAxis, int]:
    return layer.query_axis, layer.key_axis, layer.heads
