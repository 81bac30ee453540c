"""One position's way through a layer, step by step with the run's own vectors, and after the last one to the logits.

A layer is found in the record of a pass (`core.attention.graph`) and not looked up by its type: the sum that
attention's output enters is its residual, the other side of that sum is where the layer begins, and the next sum with
that stream ends its MLP. So it is the same for norms before a part (ViT, GPT-2) and after it (the first Transformer,
Marian).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

import torch
from torch import nn

from core.attention.graph import Graph, Operation, parameter_names
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.errors import SidelightError


@dataclass(frozen=True, eq=False)
class Step:
    """An operation and what it is in its layer.

    group: "encoder", "decoder" or "cross" for what belongs to that attention, "mlp", "end" for what follows, "answer"
    for what leads from the last layer to the logits. role: "norm", "query", "key", "value" or "qkv", "attention",
    "projection", "scale", "residual", "expand", "activation", "gate", "contract", "pool", "head", "bias" or "other".
    stream: of a residual, which of the two that are added came past the part: 0 or 1. is_turned, is_biased: of
    attention, whether its query or key was normalised or rotated first, and whether its scores were given a tensor.
    """

    group: str
    role: str
    did: Operation
    stream: int = 0
    is_turned: bool = False
    is_biased: bool = False


@dataclass(frozen=True, eq=False)
class Walk:
    """steps: of the layer. answer: from the last layer to the logits; empty for others, and for an encoder that only a
    decoder reads. is_post: whether norms stand after the sums. is_last: whether the answer is read from this layer."""

    steps: tuple[Step, ...]
    answer: tuple[Step, ...]
    is_post: bool
    is_last: bool


def walk(subject: Subject, module: nn.Module, kind: Kind, layer: int, position: int) -> Walk:
    """position: of the stream that this kind of attention belongs to; a decoder's two share one. One plain pass.

    Raises SidelightError `walk.not_known` where the layer is not made of attention and an MLP that are added to a
    stream one after the other.
    """
    with torch.no_grad(), Graph(position, parameter_names(module)) as graph:
        asked, _ = subject.run()
    kinds: tuple[Kind, ...] = ("encoder",) if kind == "encoder" else ("decoder", "cross")
    calls = {subject.place(number): call for number, call in enumerate(graph.attention)}
    found = {one: calls[one, layer] for one in kinds if (one, layer) in calls}
    if len(found) != len(kinds):
        raise SidelightError("walk.not_known")
    try:
        way = _Way(graph.operations, found)
        is_last = kind in (subject.last, "decoder") and layer == subject.depth[kind] - 1
        answer = way.answer(graph.maker(asked)) if is_last else ()
        return Walk(way.steps(), answer, way.is_post, is_last)
    except (StopIteration, IndexError, ValueError) as error:
        raise SidelightError("walk.not_known") from error


class _Way:
    """A layer in the record. attention: its calls, by kind, in their order."""

    def __init__(self, operations: list[Operation], attention: dict[Kind, int]) -> None:
        self.operations, self.attention = operations, attention
        self.sums = [self._residual(call) for call in attention.values()]
        first = next(iter(attention.values()))
        below = self._after(first)
        self.begin = next(one for one in operations[self.sums[0]].parents if one not in below)
        self.sums.append(self._next_sum(self.sums[-1]))
        linear = operations[first].parents[0]
        while operations[linear].kind != "linear":
            linear = operations[linear].parents[0]
        self.is_post = operations[linear].parents[0] == self.begin
        self.end = self.sums[-1]
        if self.is_post:
            follows = next((n for n, one in enumerate(operations) if self.end in one.parents), self.end)
            self.end = follows if self._is(follows, "norm") else self.end

    def _is(self, number: int, kind: str) -> bool:
        return self.operations[number].kind == kind

    def _after(self, start: int) -> set[int]:
        """What depends on an operation, itself too."""
        found = {start}
        for number in range(start + 1, len(self.operations)):
            if not found.isdisjoint(self.operations[number].parents):
                found.add(number)
        return found

    def _before(self, start: int) -> set[int]:
        """What an operation depends on, itself too."""
        found, left = set(), [start]
        while left:
            number = left.pop()
            if number not in found:
                found.add(number)
                left += self.operations[number].parents
        return found

    def _residual(self, call: int) -> int:
        """The first sum of what comes of a call with what does not."""
        below = self._after(call)
        sums = (n for n in sorted(below) if self._is(n, "sum"))
        return next(n for n in sums if not below.issuperset(self.operations[n].parents))

    def _next_sum(self, last: int) -> int:
        """Of the stream, which goes on from the last sum, or from a norm after it."""
        stream = {last, *(n for n, one in enumerate(self.operations) if one.kind == "norm" and last in one.parents)}
        sums = (n for n in sorted(self._after(last)) if n > last and self._is(n, "sum"))
        return next(n for n in sums if stream & set(self.operations[n].parents))

    def steps(self) -> tuple[Step, ...]:
        inside = self._after(self.begin) & self._before(self.end)
        return self._told(number for number in sorted(inside) if number > self.begin)

    def answer(self, asked: int) -> tuple[Step, ...]:
        """Up to the last linear map on the way, and what is added to it."""
        way = sorted((self._after(self.end) & self._before(asked)) - {self.end})
        linear = max((n for n in way if self._is(n, "linear")), default=None)
        if linear is not None:
            way = [n for n in way if n <= linear or (self._is(n, "bias") and linear in self.operations[n].parents)]
        names = {"scale": "norm"}  # the last of a norm that is written out
        kept = ((n, self.operations[n]) for n in way if len(self.operations[n].found))
        roles = ((one, "head" if n == linear else names.get(one.kind, one.kind)) for n, one in kept)
        return tuple(Step("answer", role, one) for one, role in roles if role != "other")

    def _told(self, numbers: Iterable[int]) -> tuple[Step, ...]:
        """With their names. What is done to heads alone has no vector of the position and is left out."""
        found: list[Step] = []
        for number in numbers:
            one, passed = self.operations[number], sum(number > total for total in self.sums)
            if len(one.found):
                group = [*self.attention, "mlp", "end"][passed]
                found.append(Step(group, self._role(number, passed), one, self._stream(one), *self._before_scores(one)))
        parts = [(group, _whole_norm(part)) for group, part in _grouped(found)]
        return tuple(step for group, part in parts for step in (_named_mlp(part) if group == "mlp" else part))

    def _role(self, number: int, passed: int) -> str:
        kind = self.operations[number].kind
        if kind != "linear" or passed >= len(self.attention):
            return {"sum": "residual", "product": "gate"}.get(kind, kind)
        call = list(self.attention.values())[passed]
        return self._reads(number, call) if number < call else "projection"

    def _reads(self, number: int, call: int) -> str:
        """Which of an attention's three a linear map gives."""
        given = [number in self._before_until(one) for one in self.operations[call].parents[:3]]
        if all(given):
            return "qkv"
        return ("query", "key", "value")[given.index(True)]

    def _before_until(self, start: int) -> set[int]:
        """What leads from the last linear maps to an operation."""
        found, left = set(), [start]
        while left:
            number = left.pop()
            found.add(number)
            if not self._is(number, "linear"):
                left += [one for one in self.operations[number].parents if one > self.begin]
        return found

    def _before_scores(self, one: Operation) -> tuple[bool, bool]:
        if one.kind != "attention":
            return False, False
        return not all(self._is(number, "linear") for number in one.parents[:2]), len(one.parents) > 3

    def _stream(self, one: Operation) -> int:
        return int(one.kind == "sum" and one.parents[0] > one.parents[1])


def _grouped(steps: list[Step]) -> list[tuple[str, list[Step]]]:
    return [(group, list(part)) for group, part in groupby(steps, lambda step: step.group)]


def _whole_norm(steps: list[Step]) -> list[Step]:
    """A norm that is written out in several operations, as T5's, becomes one step: the last of them."""
    parts = [n for n, step in enumerate(takewhile(lambda step: step.role in ("other", "scale"), steps))]
    return steps if not parts else [replace(steps[parts[-1]], role="norm"), *steps[parts[-1] + 1 :]]


def _named_mlp(steps: list[Step]) -> list[Step]:
    """The last linear map contracts, those before it expand. An activation that is written out in several operations
    becomes one step."""
    maps = [n for n, step in enumerate(steps) if step.role == "linear"]
    first, last = maps[0], maps[-1]
    between = [step for step in steps[first:last] if step.role != "linear"]
    if not {step.role for step in between} <= {"activation", "gate", "norm"}:
        between = [replace(between[-1], role="other")]
    expand = [replace(steps[n], role="expand") for n in maps[:-1]]
    return [*steps[:first], *expand, *between, replace(steps[last], role="contract"), *steps[last + 1 :]]
