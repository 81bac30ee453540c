"""What if a part of one run stood in another: activation patching (Vig et al. 2020, "Investigating Gender Bias in
Language Models Using Causal Mediation Analysis"; Meng et al. 2022, "Locating and Editing Factual Associations in GPT").

Two inputs of the same shape, A and B. A part of A's run is put into B's, which runs on from there; how much of A's
answer comes over is its recovery, (patched - B) / (A - B): 0 where nothing changes, 1 where the answer is A's. Parts
that do the same job share it, and parts that only work together get none, so recoveries need not sum to 1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from core.attention.repeated import Again, Recording, layer_ends, record, resumes
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, for_each_query_head
from core.attention.trace import Kind
from core.errors import SidelightError

Part = Literal["output", "pattern"]  # of a head: what it gives, or only where it looks, with B's values
LEAST = 1e-3  # of a difference of answers, below which there is nothing to recover
BATCH = 24  # copies that run at once


@dataclass(frozen=True, eq=False)
class Row:
    """Of one layer: the recovery of each head or group. idle: of B's own part, put into B: what rounding alone does."""

    kind: Kind
    layer: int
    recovery: Tensor
    idle: float


@dataclass(frozen=True, eq=False)
class Swap:
    """Both runs, and the number that is told of an answer: the logit of what A's side asks about less that of the
    likeliest other answer to B, averaged over the positions asked; of a representation the cosine with A's.

    a, b: that number of A and of B. rivals: the other answers (n,), None of a representation. resumes: whether B's run
    can be taken up in the middle; else all of it is done each time.
    """

    subject: Subject
    donor: Recording
    taker: Recording
    answer: Callable[[Tensor], Tensor]
    a: float
    b: float
    rivals: Tensor | None
    resumes: bool

    def recovery(self, logits: Tensor) -> Tensor:
        """(copies, n, answers) -> (copies,)"""
        return ((self.answer(logits) - self.b) / (self.a - self.b)).float().cpu()


def swap(a: Subject, b: Subject) -> Swap:
    """a, b: the same question to the same model.

    Raises SidelightError `whatif.shapes` where they are not of the same shape, `whatif.same` where both inputs have the
    same answer.
    """
    shapes = [{kind: (len(one.query_axis), len(one.key_axis)) for kind, one in s.traces.items()} for s in (a, b)]
    if shapes[0] != shapes[1]:
        raise SidelightError("whatif.shapes", a=len(a.axis), b=len(b.axis))
    donor, of_a = record(a)
    taker, of_b = record(b)
    rivals = None if a.asked is None else _rivals(of_b, a.asked.to(of_b.device))
    answer = _measure(a, of_a, rivals)
    numbers = [float(answer(one[None])[0]) for one in (of_a, of_b)]
    if not abs(numbers[0] - numbers[1]) > LEAST:
        raise SidelightError("whatif.same")
    return Swap(b, donor, taker, answer, numbers[0], numbers[1], rivals, resumes(b, taker, of_b))


def _rivals(logits: Tensor, asked: Tensor) -> Tensor:
    """The likeliest other answer at each position: (n,)."""
    return logits.scatter(-1, asked[:, None], -torch.inf).argmax(-1)


def _measure(a: Subject, of_a: Tensor, rivals: Tensor | None) -> Callable[[Tensor], Tensor]:
    if a.asked is None or rivals is None:
        return lambda given: F.cosine_similarity(given[:, 0].double(), of_a[0].double())
    both = torch.stack([a.asked.to(rivals.device), rivals], -1)  # (n, 2)

    def difference(logits: Tensor) -> Tensor:
        found = logits.double().gather(-1, both.expand(len(logits), -1, -1))  # (copies, n, 2)
        return (found[..., 0] - found[..., 1]).mean(1)

    return difference


def heads(pair: Swap, part: Part = "output") -> Iterator[Row]:
    """Each head of A in its place in B, a layer at a time, the last layers first: they cost least."""
    subject = pair.subject
    for index in reversed(range(sum(subject.depth.values()))):
        place = subject.place(index)
        if place is None:
            continue
        kind, layer = place
        every = torch.arange(subject.traces[kind].heads)
        found = [_patched_heads(pair, index, some, part) for some in every.split(BATCH - 1)]
        yield Row(kind, layer, torch.cat([row for row, _ in found]), max(idle for _, idle in found))


def _patched_heads(pair: Swap, index: int, chosen: Tensor, part: Part) -> tuple[Tensor, float]:
    """A copy a head, and one with B's own parts put back."""
    copies, count = len(chosen) + 1, pair.taker.outputs[index].shape[1]

    def change(call: AttentionCall, output: Tensor) -> Tensor:
        own, given = (_part(record, index, pair.taker, part) for record in (pair.taker, pair.donor))  # (H, Nq, dv)
        found = output.reshape(copies, count, *output.shape[2:]).clone()  # items and heads may share a dimension
        found[torch.arange(len(chosen)), chosen] = given[chosen].to(found.dtype)
        found[-1] = own.to(found.dtype)
        return found.reshape(output.shape)

    tape = Again(pair.taker, copies, pair.resumes * pair.taker.before(index), call=index, change=change)
    return _run(pair, copies, tape)


def _part(of: Recording, index: int, taker: Recording, part: Part) -> Tensor:
    """What the heads of `of` give, or what they would give of the taker's values: (H, Nq, dv)."""
    if part == "output":
        return of.outputs[index][0]
    value = for_each_query_head(taker.calls[index].recorded_value, taker.outputs[index].shape[1])[0]
    return of.calls[index].weights(item=0)[0] @ value.float()


def positions(pair: Swap, groups: Mapping[Kind, Sequence[Sequence[int]]]) -> Iterator[Row]:
    """A's state after a layer in its place in B, at one group of positions at a time; the last layers first. groups: of
    each stream, "encoder" and a decoder's.

    Raises SidelightError `whatif.no_stream` where the stream of this model is not found.
    """
    ends, others = (layer_ends(pair.subject, one) for one in (pair.taker, pair.donor))
    if ends != others or not groups.keys() <= ends.keys():
        raise SidelightError("whatif.no_stream")
    for kind in reversed(list(groups)):
        for layer in reversed(range(len(ends[kind]))):
            split = [groups[kind][n : n + BATCH - 1] for n in range(0, len(groups[kind]), BATCH - 1)]
            found = [_patched_positions(pair, ends[kind][layer], some) for some in split]
            yield Row(kind, layer, torch.cat([row for row, _ in found]), max(idle for _, idle in found))


def _patched_positions(pair: Swap, step: int, chosen: Sequence[Sequence[int]]) -> tuple[Tensor, float]:
    copies = len(chosen) + 1

    def edit(stream: Tensor) -> Tensor:
        found = stream.clone()
        for item, group in enumerate(chosen):
            found[item, group] = pair.donor.steps[step].found[0, group]
        found[-1] = pair.taker.steps[step].found[0]
        return found

    return _run(pair, copies, Again(pair.taker, copies, pair.resumes * (step + 1), step=step, edit=edit))


def _run(pair: Swap, copies: int, tape: Again) -> tuple[Tensor, float]:
    with torch.inference_mode(), tape:
        logits = pair.subject.copies(copies)
    found = pair.recovery(logits)
    return found[:-1], abs(float(found[-1]))
