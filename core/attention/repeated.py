"""One pass, recorded so that it can be taken up again in the middle: what patching, and every other change of a run,
starts from.

As the tape, it sees operations and not layers. A pass over copies of one input does the same operations in the same
order; until the first change each gives what the recording has, so that only what comes after it is computed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import Kind

ATTENTION, SUM, LINEAR = "scaled_dot_product_attention", "add", "linear"
NORMS = {"layer_norm", "rms_norm"}
KEPT = NORMS | {ATTENTION, SUM, LINEAR, "gelu", "silu", "relu", "conv2d", "embedding", "mul"}


@dataclass(frozen=True, eq=False)
class Step:
    """An operation of the pass. given: its first operand's shape. calls: attention calls up to its end. operands: both
    streams (1, N, D) of a sum of two, else none. weight: the matrix of a linear map."""

    name: str
    given: torch.Size
    found: Tensor
    calls: int
    operands: tuple[Tensor, ...]
    weight: Tensor | None = None

    @property
    def joins(self) -> bool:
        """Whether it added two streams."""
        return len(self.operands) == 2


class Recording(Tape):
    """A pass of one input. outputs: of each attention call, (1, H, Nq, dv)."""

    def __init__(self) -> None:
        super().__init__(values=True, change=self._hear)
        self.steps: list[Step] = []
        self.outputs: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        found = super().__torch_function__(func, types, args, kwargs)
        if (name := _name(func)) in KEPT and isinstance(found, Tensor):
            first = _first(args, kwargs)
            streams = _streams(args) if name == SUM else ()
            matrix = args[1] if name == LINEAR and len(args) > 1 else None
            self.steps.append(Step(name, first.shape, found, len(self.calls), streams, matrix))
        return found

    def _hear(self, call: AttentionCall, output: Tensor) -> Tensor:
        self.outputs.append(output)
        return output

    def before(self, call: int) -> int:
        """How many steps come before this attention call."""
        return next(number for number, step in enumerate(self.steps) if step.calls > call)


class Again(Tape):
    """The recorded pass on so many copies, its first `start` steps taken from the recording.

    change: as of `Tape.intervene`, of call `call` alone. edit: of what step `step` gives.
    """

    def __init__(
        self,
        recording: Recording,
        copies: int,
        start: int,
        *,
        call: int = -1,
        change: Callable[[AttentionCall, Tensor], Tensor] | None = None,
        step: int = -1,
        edit: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(values=True, change=self._at_call)
        self._recording, self._copies, self._start = recording, copies, start
        self._call, self._at, self._step, self._edit = call, change, step, edit
        self._done = 0

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if _name(func) not in KEPT:
            return super().__torch_function__(func, types, args, kwargs)
        number, self._done = self._done, self._done + 1
        step = self._recording.steps[number] if number < self._start else None
        if step and self._is_the_same(step, _name(func), _first(args, kwargs)):
            if step.name == ATTENTION:
                self.calls.append(self._recording.calls[len(self.calls)])
            found = step.found.expand(self._copies, *step.found.shape[1:])
        else:
            found = super().__torch_function__(func, types, args, kwargs)
        return self._edit(found) if self._edit and number == self._step else found

    def _is_the_same(self, step: Step, name: str, first: Tensor) -> bool:
        """Whether it is that step on copies, one beside the other; what is shared by all of them is done again."""
        alone = len(step.given) > 0 and step.given[0] == 1 and step.found.dim() > 0 and step.found.shape[0] == 1
        return step.name == name and alone and first.shape == (self._copies, *step.given[1:])

    def _keep(self, call: AttentionCall) -> None:
        """Of no use but to be counted."""
        self.calls.append(call)

    def _at_call(self, call: AttentionCall, output: Tensor) -> Tensor:
        return self._at(call, output) if self._at and call.index == self._call else output


def record(subject: Subject) -> tuple[Recording, Tensor]:
    """A pass of the subject's input, and what it gives (n, answers)."""
    with torch.inference_mode(), Recording() as recording:
        given = subject.copies(1)[0]
    return recording, given


def resumes(subject: Subject, recording: Recording, given: Tensor) -> bool:
    """Whether copies that take what they can from the recording give what it gave. Not those of a model that changes
    in place what it computed, or lays copies into one another."""
    try:
        with torch.inference_mode(), Again(recording, 2, len(recording.steps)):
            again = subject.copies(2)
    except RuntimeError:  # torch's own, where a view or a change in place is not possible
        return False
    return torch.allclose(again.nan_to_num(), given.expand_as(again).nan_to_num(), rtol=1e-4, atol=1e-4)


def call_of(subject: Subject, kind: Kind, layer: int) -> int:
    """Which attention call of a pass it is: `Subject.place` the other way round."""
    return next(index for index in range(sum(subject.depth.values())) if subject.place(index) == (kind, layer))


def layer_ends(subject: Subject, recording: Recording) -> dict[Kind, list[int]]:
    """Of each stream ("encoder", and the decoder's) the step that gives each layer's output: the last sum before the
    next layer's attention. A norm behind it sees each position by itself, so it may stand there too. Empty where a
    layer has no such sum."""
    streams: dict[Kind, Kind] = {"encoder": "encoder"}
    if "decoder" in subject.depth:
        streams["decoder"] = "cross"
    found: dict[Kind, list[int]] = {}
    for stream, last in streams.items():
        sums = [sums_after(subject, recording, last, layer) for layer in range(subject.depth[last])]
        # After the last layer others may follow that are no longer of this stream.
        usual = len(sums[0]) if len(sums) > 1 else _linked(recording, sums[0])
        found[stream] = [of_layer[usual - 1] for of_layer in sums if 0 < usual <= len(of_layer)]
    return {stream: ends for stream, ends in found.items() if len(ends) == subject.depth[streams[stream]]}


def sums_after(subject: Subject, recording: Recording, kind: Kind, layer: int, words_first: bool = False) -> list[int]:
    """The steps between this attention and the next that add two streams of its queries, (1, Nq, D). words_first: or
    (Nq, 1, D), as some models have them."""
    call, shape = call_of(subject, kind, layer), (1, len(subject.traces[kind].query_axis))
    shapes = (shape, shape[::-1]) if words_first else (shape,)
    steps = enumerate(recording.steps)
    return [n for n, step in steps if step.joins and step.calls == call + 1 and step.found.shape[:2] in shapes]


def projection_after(recording: Recording, call: int) -> Tensor | None:
    """The matrix (D, H dv) of the first linear map that takes what an attention call gave, by its size."""
    given = recording.outputs[call]
    width, size = given.shape[1] * given.shape[3], given.numel()
    maps = (step for step in recording.steps if step.name == LINEAR and step.calls == call + 1)
    found = next((step.weight for step in maps if step.given[-1] == width and step.given.numel() == size), None)
    return None if found is None else found.detach()


def _linked(recording: Recording, sums: list[int]) -> int:
    """How many sums are of one stream: each adds to the one before, or to what a norm makes of it."""
    for count, (before, after) in enumerate(zip(sums, sums[1:], strict=False), 1):
        norms = [step for step in recording.steps[before:after] if step.name in NORMS]
        reached = [recording.steps[before].found, *(step.found for step in norms)]
        if not any(one is operand for one in reached for operand in recording.steps[after].operands):
            return count
    return len(sums)


def _name(func: Any) -> str:
    return getattr(func, "__name__", "").removeprefix("__").removesuffix("__")


def _first(args: tuple, kwargs: dict | None) -> Any:
    return args[0] if args else next(iter((kwargs or {}).values()))


def _streams(args: tuple) -> tuple[Tensor, ...]:
    both = tuple(one for one in args[:2] if isinstance(one, Tensor))
    return both if len(both) == 2 and both[0].dim() == 3 and both[0].shape == both[1].shape else ()
