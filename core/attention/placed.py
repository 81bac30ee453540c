"""A tape that knows of each attention call which layer's it is, in passes and in searches, however many there are."""

import torch
from torch import Tensor

from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import Kind


class Placed(Tape):
    """Changes what attention gives by `_at`, for models of the subject's kind; which input it has does not matter. It
    keeps no call. first: the position of a decoder's first query."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(values=True, change=self._change_in_place)
        self.subject, self.next, self.first = subject, 0, 0

    def _at(self, place: tuple[Kind, int], call: AttentionCall, output: Tensor) -> Tensor:
        """What this layer's attention gives in place of `output`, (B, H, Nq, dv)."""
        raise NotImplementedError

    def _keep(self, call: AttentionCall) -> None:
        """A search over a whole set would keep every call of it."""

    def _change_in_place(self, call: AttentionCall, output: Tensor) -> Tensor:
        place = self._place(call)
        return self._at(place, call, output) if place else output

    def _place(self, call: AttentionCall) -> tuple[Kind, int] | None:
        """Kind and layer of a call. A pass begins anew after the last layer, or where a whole source attends to itself
        although the decoder's next step was to come: only a search knows how many steps it has. The one query of a head
        that pools by attention is of no layer."""
        depth = self.subject.depth
        if "decoder" not in depth:
            if call.query.shape[2] != call.key.shape[2]:
                return None
            self.next = self.next % depth["encoder"]
        elif self.subject.place(self.next) == ("decoder", 0) and _sees_all(call):
            self.next = 0
        place = self.subject.place(self.next)
        self.next += 1
        if place and place[0] == "decoder":
            self.first = call.key.shape[2] - call.query.shape[2]  # what was written before is in a search's cache
        return place


def _sees_all(call: AttentionCall) -> bool:
    """Whether several positions attend to themselves, and the first sees every key that the last does."""
    queries, keys = call.query.shape[2], call.key.shape[2]
    if call.is_causal or queries != keys or queries < 2:
        return False
    if call.is_formed:
        first, last = (call.explicit[..., row, :] == 0 for row in (0, -1))
        return not bool((first & ~last).any())
    if call.mask is None:
        return True
    first, last = (_hidden(call.mask.expand(*call.mask.shape[:2], queries, keys)[..., row, :]) for row in (0, -1))
    return not bool((first & ~last).any())


def _hidden(row: Tensor) -> Tensor:
    """Where a mask lets nothing through: False, or so low a number that softmax makes it zero."""
    return ~row if row.dtype == torch.bool else row < -1e4
