"""What every view and method takes: the attention of one input, with the meaning of its positions.

Vision self-attention, encoder and decoder self-attention and cross-attention are all one type. Rows and maps are
computed from query and key when asked for; never all layers x heads x N x N at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.attention.axes import Axis
from core.attention.tape import AttentionCall

Kind = Literal["encoder", "decoder", "cross"]


@dataclass(frozen=True)
class Problem:
    """A layer (from 0) whose recomputed output is off by `deviation`, relative to the largest output."""

    layer: int
    deviation: float


@dataclass(frozen=True)
class AttentionTrace:
    """The attention of all layers of one kind for one item of a batch.

    problems: what the guard found; empty when the recomputed outputs equal the model's own.
    """

    kind: Kind
    calls: tuple[AttentionCall, ...]
    query_axis: Axis
    key_axis: Axis
    item: int = 0

    @classmethod
    def from_calls(
        cls, kind: Kind, calls: Sequence[AttentionCall], query_axis: Axis, key_axis: Axis, item: int = 0
    ) -> "AttentionTrace":
        """Raises ValueError where a call's shape does not fit the axes, or there is no call."""
        if not calls:
            raise ValueError(f"no attention call for {kind}")
        for call in calls:
            shape = (call.query.shape[2], call.key.shape[2])
            if shape != (len(query_axis), len(key_axis)):
                raise ValueError(f"{kind} call {call.index} is {shape}, not {(len(query_axis), len(key_axis))}")
        return cls(kind, tuple(calls), query_axis, key_axis, item)

    @property
    def layers(self) -> int:
        return len(self.calls)

    @property
    def heads(self) -> int:
        return self.calls[0].query.shape[1]

    @property
    def is_causal(self) -> bool:
        """Whether no query of any layer may see a later key, by each call's flag or mask."""
        if self.kind == "cross" or len(self.query_axis) != len(self.key_axis) or len(self.key_axis) == 1:
            return False
        return all(call.is_forward_only(self.item) for call in self.calls)

    @property
    def is_formed(self) -> bool:
        """Whether the model formed the weights of some layer, so that no query and key stand behind them."""
        return any(call.is_formed for call in self.calls)

    @property
    def nbytes(self) -> int:
        """Bytes kept alive by this trace."""
        return sum(call.nbytes for call in self.calls)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The layers whose recomputed output is not the model's own."""
        return tuple(
            Problem(layer, call.deviation)
            for layer, call in enumerate(self.calls)
            if not call.deviation <= call.tolerance
        )

    def row(self, layer: int, head: int, query: int) -> Tensor:
        """What one query looks at: (Nk,), summing to 1, or to less where the model has a sink that is no key."""
        return self._weights(layer, head, slice(query, query + 1))[0]

    def column(self, layer: int, head: int, key: int) -> Tensor:
        """Who looks at one key: (Nq,)."""
        return self.map(layer, head)[:, key]

    def map(self, layer: int, head: int) -> Tensor:
        """(Nq, Nk), each row summing to 1."""
        return self._weights(layer, head, slice(None))

    def mean(self, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None) -> Tensor:
        """The average map over the chosen layers and heads (all by default), one map in memory at a time: (Nq, Nk)."""
        layers = range(self.layers) if layers is None else layers
        heads = range(self.heads) if heads is None else heads
        total = torch.zeros(len(self.query_axis), len(self.key_axis), device=self.calls[0].query.device)
        for layer in layers:
            for head in heads:
                total += self.map(layer, head)
        return total / (len(layers) * len(heads))

    def _weights(self, layer: int, head: int, queries: slice) -> Tensor:
        with torch.no_grad():
            return self.calls[layer].weights(queries, self.item, head)[0, 0]


Traces = Mapping[Kind, AttentionTrace]  # what every result carries: of each kind that was captured, in this order


def encoder_decoder_traces(calls: Sequence[AttentionCall], encoder: int, source: Axis, given: Axis) -> Traces:
    """Of one pass: the `encoder` layers' calls come first; then each decoder layer attends to itself and across.
    Raises ValueError for calls that do not fit the axes."""
    return {
        "encoder": AttentionTrace.from_calls("encoder", calls[:encoder], source, source),
        "decoder": AttentionTrace.from_calls("decoder", calls[encoder::2], given, given),
        "cross": AttentionTrace.from_calls("cross", calls[encoder + 1 :: 2], given, source),
    }
