"""One input of one model and one question about it: what methods explain and what faithfulness and ablation ask again.

`core.models.subjects` makes them; nothing here or in the methods knows which model, or even which modality, it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.attention.axes import Axis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Kind, Traces

Score = Callable[[Tensor, str], Tensor]
Run = Callable[[], tuple[Tensor, Tensor]]  # (what is asked about, a scalar; the leaf that the model read)
Copies = Callable[[int], Tensor]


def _no_copies(count: int) -> Tensor:
    raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Gradients:
    """Of what is asked about, with respect to every attention, to the last read values and to what the model reads.

    attention, gradient: by kind, a layer each, (H, Nq, Nk).
    value, value_gradient: of the last attention that reads the input, (H, N, dv).
    leaf, leaf_gradient: (N, D): each position's embedding, or the pixels of each patch; prefix tokens are zeros.
    """

    attention: Mapping[Kind, tuple[Tensor, ...]]
    gradient: Mapping[Kind, tuple[Tensor, ...]]
    value: Tensor
    value_gradient: Tensor
    leaf: Tensor
    leaf_gradient: Tensor


@dataclass(frozen=True, eq=False)
class Subject:
    """traces: "encoder"; for a translator "decoder" and "cross" too. N: positions of the input.

    axis: the input's positions: the prefix tokens and patches, or the source pieces.
    target: a class or an output position; None is the CLS representation or the whole output.
    reader: (Nq,), sums to 1: the rows of the last attention from which the answer is read.
    fills: how a position can be taken away, the usual way first.
    score: kept (B, N) -> (B,), see `scores`. run: one differentiable pass. unfold: the leaf as (N, D).
    projections: the matrix (D, H dv) behind each attention, None where it is not known.
    copies: so many copies of the input -> logits of all answers at each position that is asked about (copies, n,
    answers), or the representation (copies, 1, D). asked: the answers asked about (n,), None of a representation.
    before: attention calls of a pass that belong to no trace and come first, as those of a vision tower whose features
    a decoder reads. places: where each position of the axis stands in the model's own sequence, (N,), if in another
    order.
    """

    traces: Traces
    axis: Axis
    target: int | None
    reader: Tensor
    fills: tuple[str, ...]
    score: Score
    run: Run
    unfold: Callable[[Tensor], Tensor]
    projections: Mapping[Kind, tuple[Tensor | None, ...]] = field(default_factory=dict)
    copies: Copies = _no_copies
    asked: Tensor | None = None
    before: int = 0
    places: Tensor | None = None

    @property
    def encoder(self) -> AttentionTrace:
        return self.traces["encoder"]

    @property
    def last(self) -> Kind:
        """The attention that the answer is read from: the decoder's on the source where there is one."""
        return "cross" if "cross" in self.traces else "encoder"

    @property
    def writes(self) -> tuple[Kind, ...]:
        """The kinds that add to the stream which ends in the answer: of a translator its decoder's two."""
        return tuple(kind for kind in self.traces if kind != "encoder") or ("encoder",)

    @property
    def depth(self) -> dict[Kind, int]:
        """Layers of each kind."""
        return {kind: trace.layers for kind, trace in self.traces.items()}

    @property
    def units(self) -> Tensor:
        """(N,): the patch or the word that each position belongs to; -1 for special positions, which always stay."""
        content = [-1 if special else unit for unit, special in zip(self.axis.units, self.axis.special, strict=True)]
        found = torch.tensor(content)
        _, consecutive = found.unique(return_inverse=True)
        return consecutive - int((found < 0).any())

    def scores(self, kept: Tensor, fill: str) -> Tensor:
        """How sure the model is of the target when only the kept positions (B, N), bool, are left as they were: (B,).

        A probability (of a whole output the geometric mean over its pieces), the difference of two answers' logits, or
        the cosine of the representation with that of the whole input. One batched pass without gradients, seen by
        whichever tape is active.
        """
        with torch.inference_mode():
            return self.score(kept | (self.units < 0), fill)

    def place(self, index: int) -> tuple[Kind, int] | None:
        """Kind and layer of the `index`-th fused call of a pass, or of a whole search; None of a head that pools."""
        encoder, index = self.depth["encoder"], index - self.before
        if index < 0:
            return None
        if index < encoder:
            return "encoder", index
        if "decoder" not in self.depth:
            return None
        layer, across = divmod(index - encoder, 2)
        return ("cross" if across else "decoder"), layer % self.depth["decoder"]

    def arranged(self, found: Tensor, square: bool = True) -> Tensor:
        """Of the model's own positions (H, N, N), or (H, N, D) if not `square`, in the order of the axis."""
        if self.places is None:
            return found
        found = found.index_select(1, self.places.to(found.device))
        return found.index_select(2, self.places.to(found.device)) if square else found

    def by_kind(self, calls: Sequence[AttentionCall]) -> dict[Kind, list[AttentionCall]]:
        """The fused calls of one pass, layer by layer, without those that belong to no trace."""
        found: dict[Kind, list[AttentionCall]] = {kind: [] for kind in self.traces}
        for call in calls:
            if (place := self.place(call.index)) is not None:
                found[place[0]].append(call)
        return found

    def gradients(self) -> Gradients:
        """One pass with explicit attention, and one back; no parameter's gradient is touched."""
        with torch.enable_grad(), Tape.differentiate(self.before) as tape:
            asked, leaf = self.run()
        calls = self.by_kind(tape.calls)
        maps = [call.explicit for of_kind in calls.values() for call in of_kind]
        read = calls[self.last][-1].recorded_value
        found = torch.autograd.grad(asked, [*maps, read, leaf], allow_unused=True)
        slopes = [torch.zeros_like(x) if slope is None else slope for x, slope in zip(maps, found, strict=False)]
        left = iter(slopes)
        return Gradients(
            attention={kind: tuple(self.arranged(call.explicit[0].detach()) for call in calls[kind]) for kind in calls},
            gradient={kind: tuple(self.arranged(next(left)[0]) for _ in calls[kind]) for kind in calls},
            value=self.arranged(read[0].detach(), square=False),
            value_gradient=self.arranged(found[-2][0], square=False),
            leaf=self.unfold(leaf.detach()),
            leaf_gradient=self.unfold(found[-1]),
        )
