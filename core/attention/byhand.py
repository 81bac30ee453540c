"""By hand: keys shut, or given another share of the row, for a query, a head, a layer or all; the rest of each row
takes over in proportion, and the model runs on. A shut key is as if the softmax had never seen it (Geva et al. 2023,
"Dissecting Recall of Factual Associations in Auto-Regressive Language Models", section 4: attention knockout); another
share is what it gives with one number added to the scores of these keys.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.attention.placed import Placed
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, for_each_query_head
from core.attention.trace import Kind

ALL = "a"  # in the text of an edit


@dataclass(frozen=True)
class Edit:
    """keys: positions. layer, head, queries: None stands for all of them; queries are positions, too. share: of each
    row, what its keys get together, from 0, shut, to 1."""

    kind: Kind
    layer: int | None
    head: int | None
    queries: tuple[int, ...] | None
    keys: tuple[int, ...]
    share: float = 0.0

    @property
    def text(self) -> str:
        """Short and plain, as "cross-2-a-3-1.2", counted from 1, or "cross-2-a-3-1.2-40" with a share in percent;
        `edit_of` and edits.js read it."""
        one = [ALL if number is None else str(number + 1) for number in (self.layer, self.head)]
        rows = ALL if self.queries is None else _listed(self.queries)
        share = [f"{100 * self.share:.4g}"] if self.share else []
        return "-".join([self.kind, *one, rows, _listed(self.keys), *share])


def edit_of(text: str, subject: Subject) -> Edit | None:
    """The edit that this text stands for, or None where it stands for none of this subject's."""
    parts = text.split("-")
    trace = next((trace for kind, trace in subject.traces.items() if len(parts) in (5, 6) and parts[0] == kind), None)
    share = _share(parts[5]) if len(parts) == 6 else 0.0
    if trace is None or share is None:
        return None
    sizes = (trace.layers, trace.heads, len(trace.query_axis), len(trace.key_axis))
    numbers = [None if part == ALL else _numbers(part, size) for part, size in zip(parts[1:5], sizes, strict=True)]
    layer, head, queries, keys = numbers
    alone = all(one is None or len(one) == 1 for one in (layer, head))
    if () in numbers or keys is None or not alone:
        return None
    return Edit(
        trace.kind, None if layer is None else layer[0], None if head is None else head[0], queries, keys, share
    )


def elsewhere(edit: Edit, subject: Subject, draw: torch.Generator) -> Edit:
    """The same with as many other keys, drawn at random: the control. All keys that it leaves are taken where there are
    fewer."""
    others = [n for n in range(len(subject.traces[edit.kind].key_axis)) if n not in edit.keys]
    chosen = torch.randperm(len(others), generator=draw)[: len(edit.keys)].tolist()
    return replace(edit, keys=tuple(sorted(others[n] for n in chosen)))


class ByHand(Placed):
    """Every pass and every search inside its `with` block has these edits, one after the other. A query whose keys are
    all shut reads nothing: its head gives zeros. A key that a query may not see stays unseen."""

    def __init__(self, subject: Subject, edits: Sequence[Edit]) -> None:
        super().__init__(subject)
        self._edits = edits

    def _at(self, place: tuple[Kind, int], call: AttentionCall, output: Tensor) -> Tensor:
        kind, layer = place
        own = [edit for edit in self._edits if edit.kind == kind and edit.layer in (None, layer)]
        if not own:
            return output
        weights = call.weights()  # (B, H, Nq, Nk)
        count = self.subject.traces[kind].heads
        first = 0 if kind == "encoder" else self.first
        touched = torch.zeros(weights.shape[1:3], dtype=torch.bool, device=weights.device)
        for edit in own:
            cells = _cells(edit, (count, *weights.shape[2:]), first).to(weights.device)
            cells = cells.repeat(weights.shape[1] // count, 1, 1)  # items and heads may share a dimension
            weights = changed(weights, cells, edit.share)
            touched |= cells.any(-1)
        value = for_each_query_head(call.recorded_value, weights.shape[1]).float()
        return torch.where(touched[..., None], (weights @ value).to(output.dtype), output)


def changed(weights: Tensor, cells: Tensor, share: float) -> Tensor:
    """Rows (..., Nk) in which the marked cells have this share together and the others what is left, each in
    proportion. A row stays as it is where no marked cell has any weight; and where none of the others has, unless its
    cells are shut."""
    whole, held = weights.sum(-1, keepdim=True), torch.where(cells, weights, 0.0)
    others = weights - held
    mine, rest = (part.sum(-1, keepdim=True) for part in (held, others))
    after = whole * (share * held / mine.clamp_min(1e-30) + (1 - share) * others / rest.clamp_min(1e-30))
    return torch.where((mine > 0) & ((rest > 0) | (share == 0)), after, weights)


def _cells(edit: Edit, shape: Sequence[int], first: int) -> Tensor:
    """(H, Nq, Nk): what is shut, where the first query is the `first` position."""
    heads, queries, keys = (torch.zeros(size, dtype=torch.bool) for size in shape)
    heads[slice(None) if edit.head is None else edit.head] = True
    chosen = range(first, first + len(queries)) if edit.queries is None else edit.queries
    queries[[n - first for n in chosen if 0 <= n - first < len(queries)]] = True
    keys[[n for n in edit.keys if n < len(keys)]] = True
    return heads[:, None, None] & queries[:, None] & keys


def _listed(positions: Sequence[int]) -> str:
    return ".".join(str(position + 1) for position in positions)


def _share(text: str) -> float | None:
    """Of a number of percent between 0 and 100."""
    return min(1.0, float(text) / 100) if re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text, re.ASCII) else None


def _numbers(text: str, size: int) -> tuple[int, ...]:
    """Numbers from 0, in order, each once; empty where one of them is none or out of range."""
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() and 1 <= int(part[:9]) <= size for part in parts):
        return ()
    return tuple(sorted({int(part) - 1 for part in parts}))
