"""Heads switched off: what the answer, or the quality on held-out data, is without them.

A head is off when its attention output is zero before the output projection, as in Michel et al. 2019 ("Are Sixteen
Heads Really Better than One?", equation 2 with the mask variable at 0). Nothing on the model is changed or hooked.
"""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.attention.placed import Placed
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import Kind

Head = tuple[Kind, int, int]  # kind, layer, head
OnStep = Callable[[int, int], None]  # (done, all); may raise to stop


class Without(Placed):
    """Switches heads off in every pass and every search inside its `with` block, however many there are.

    heads: what is off for all items of a batch, or for each item its own. Raises RuntimeError where a
    batch is not of as many items as `each` has.
    """

    def __init__(self, subject: Subject, heads: Sequence[Head], each: Sequence[Sequence[Head]] = ()) -> None:
        super().__init__(subject)
        rows = [[*heads, *own] for own in each] or [list(heads)]
        self.off: dict[tuple[Kind, int], Tensor] = {}  # (items, H, 1, 1), True where off; items is 1 for "all"
        for item, row in enumerate(rows):
            for kind, layer, head in row:
                blank = torch.zeros(len(rows), subject.traces[kind].heads, 1, 1, dtype=torch.bool)
                self.off.setdefault((kind, layer), blank)[item, head] = True

    def _at(self, place: tuple[Kind, int], call: AttentionCall, output: Tensor) -> Tensor:
        off = self.off.get(place)
        if off is None:
            return output
        if output.shape[1] != off.shape[1]:  # the model has its items and heads in one dimension
            items = output.shape[1] // off.shape[1]
            off = off.expand(items if len(off) == 1 else -1, -1, -1, -1).reshape(1, -1, 1, 1)  # (1, B H, 1, 1)
        if len(off) not in (1, len(output)) or off.shape[1] != output.shape[1]:
            raise RuntimeError(f"heads for {len(off)} items, but the batch has {len(output)}")
        return output.masked_fill(off.to(output.device), 0.0)


def without(subject: Subject, heads: Sequence[Head]) -> Tape:
    """A tape under which these heads are off, in passes of any number of items and in `generate`.

    subject: of the model that runs under it; which input it has does not matter.
    """
    return Without(subject, heads)


def all_heads(subject: Subject) -> list[Head]:
    """Every head of the model: kind by kind, layer by layer."""
    return [
        (kind, layer, head)
        for kind, trace in subject.traces.items()
        for layer in range(trace.layers)
        for head in range(trace.heads)
    ]


def importance(subject: Subject, batch: int = 16, on_step: OnStep | None = None) -> dict[Kind, Tensor]:
    """What each head is worth for this answer: the score with all heads minus that without it, (layers, heads) a kind.

    Above 0: the answer is less sure without the head; below 0: surer. One pass does `batch` copies of the input, each
    with a head of its own off.
    """
    heads = all_heads(subject)
    whole = torch.ones(1, len(subject.axis), dtype=torch.bool)
    fill = subject.fills[0]  # nothing is taken away
    full = float(subject.scores(whole, fill)[0])
    lost: list[float] = []
    for start in range(0, len(heads), batch):
        if on_step:
            on_step(start, len(heads))
        chosen = heads[start : start + batch]
        with Without(subject, (), each=[[head] for head in chosen]):
            scores = subject.scores(whole.expand(len(chosen), -1), fill)
        lost += [full - score for score in scores.tolist()]
    if on_step:
        on_step(len(heads), len(heads))
    grids = {kind: torch.zeros(trace.layers, trace.heads) for kind, trace in subject.traces.items()}
    for (kind, layer, head), value in zip(heads, lost, strict=True):
        grids[kind][layer, head] = value
    return grids


def importance_order(grids: dict[Kind, Tensor]) -> list[Head]:
    """All heads, least important first; of equals the earlier kind, layer and head comes first."""
    cells = [
        (float(value), (kind, layer, head))
        for kind, grid in grids.items()
        for layer, row in enumerate(grid)
        for head, value in enumerate(row)
    ]
    return [head for _, head in sorted(cells, key=lambda cell: cell[0])]


def random_order(heads: Sequence[Head], seed: int = 0) -> list[Head]:
    """The same heads, shuffled: what pruning by importance must be compared with."""
    return random.Random(seed).sample(list(heads), len(heads))


def pruning(
    evaluate: Callable[[], float],
    subject: Subject,
    order: Sequence[Head],
    counts: Sequence[int],
    on_step: OnStep | None = None,
) -> list[tuple[int, float]]:
    """(k, `evaluate()` with the first k heads of `order` off) for each of `counts`.

    on_step: told how many of the counts are done; `evaluate` may tell more by itself, and raise to stop.
    """
    found: list[tuple[int, float]] = []
    for done, count in enumerate(counts):
        if on_step:
            on_step(done, len(counts))
        with without(subject, order[:count]):
            found.append((count, evaluate()))
    if on_step:
        on_step(len(counts), len(counts))
    return found
