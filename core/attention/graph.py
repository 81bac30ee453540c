"""Every operation of one pass at one position: what it was given, what it gave, and which operation gave it that.

As the other tapes it sees operations and not layer types, whichever library runs them. What only changes a shape (a
view, heads taken apart, dropout at rest) is followed and not kept. `core.attention.walk` finds the layers in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.weak import WeakIdKeyDictionary

from core.attention.direct import ACTIVATIONS
from core.attention.tape import Tape

SHAPES = {
    *("view", "reshape", "transpose", "permute", "unbind", "chunk", "split", "flatten", "unflatten", "squeeze"),
    *("unsqueeze", "contiguous", "expand", "getitem", "to", "float", "type_as", "clone", "dropout", "index_select"),
    *("select", "narrow", "movedim", "swapaxes"),
}
SUMS, PRODUCTS = {"add", "iadd", "radd"}, {"mul", "imul", "rmul", "multiply"}


@dataclass(frozen=True, eq=False)
class Operation:
    """kind: "norm", "linear", "attention", "scale" (times learnt numbers), "bias" (plus learnt numbers), "sum" and
    "product" (of two things that depend on the input), "activation", "pool", or "other".

    name: the function's. parents: the operations whose results it was given; of attention that of query, key and value.
    given: their vectors at the position, (D,) each; found: its own; empty where it has no vector for each position.
    weight, bias: of a norm, a scale or a bias all of it; of a linear map its first row and the first number. names:
    what the model calls the two. eps: of a norm. options: an activation's. deviation: how far `found` lies from what
    its formula gives of `given`, relative to the largest number.
    """

    kind: str
    name: str
    parents: tuple[int, ...]
    given: tuple[Tensor, ...]
    found: Tensor
    weight: Tensor | None = None
    bias: Tensor | None = None
    names: tuple[str, str] = ("", "")
    eps: float = 0.0
    options: tuple[tuple[str, Any], ...] = ()
    deviation: float = 0.0


class Graph(Tape):
    """position: whose vectors are kept; in a batch of one. names: of the model's parameters, by their id."""

    def __init__(self, position: int, names: Mapping[int, str]) -> None:
        super().__init__(values=False)
        self.operations: list[Operation] = []
        self.attention: list[int] = []  # which operations these are, call by call
        self._position, self._names = position, names
        self._made: WeakIdKeyDictionary = WeakIdKeyDictionary()  # by which operation each living tensor was made

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        found = super().__torch_function__(func, types, args, kwargs)
        outputs = [one for one in _tensors((found,)) if one.is_floating_point()]
        if outputs:
            self._note(func, getattr(func, "__name__", "").strip("_"), args, kwargs or {}, outputs)
        return found

    def maker(self, tensor: Tensor) -> int:
        """The operation that gave a tensor; -1 where none is known."""
        return self._made.get(tensor, -1)

    def _note(self, func: Any, name: str, args: tuple, kwargs: dict, outputs: list[Tensor]) -> None:
        every = list(_tensors((*args, *kwargs.values())))
        made = [one for one in every if one in self._made]
        if name == "cat":  # with an empty cache
            made = [one for one in made if one.numel()]
        is_whole = name == "cat" and len(made) == 1 and made[0].numel() == outputs[0].numel()
        if made and (name in SHAPES or is_whole):
            number = self._made[made[0]]
        else:
            self.operations.append(self._operation(func, name, args, kwargs, made, outputs[0]))
            number = len(self.operations) - 1
        for one in outputs:
            self._made[one] = number

    def _operation(
        self, func: Any, name: str, args: tuple, kwargs: dict, made: list[Tensor], output: Tensor
    ) -> Operation:
        rows, found = tuple(self._row(one) for one in made), self._row(output)
        parents = tuple(self._made[one] for one in made)
        known: dict[str, Any] = {"name": name, "parents": parents, "given": rows, "found": found}
        alike = len(made) == 2 and made[0].shape == made[1].shape
        learnt = [one for one in _tensors(args) if one not in self._made and one.numel() == len(found) > 1]
        if func is F.scaled_dot_product_attention:
            self.attention.append(len(self.operations))
            return Operation(**{**known, "kind": "attention", "found": self._joined(output)})
        if func is F.layer_norm and made and len(rows[0]):
            return self._norm(known, *args, **kwargs)
        if func is F.linear and made and len(rows[0]):
            return self._linear(known, *args, **kwargs)
        if name in SUMS and alike:
            return Operation(**known, kind="sum", deviation=_apart(rows[0] + rows[1], found))
        if name in PRODUCTS and alike:
            return Operation(**known, kind="product", deviation=_apart(rows[0] * rows[1], found))
        if name in SUMS | PRODUCTS and len(made) == len(learnt) == 1:
            return self._elementwise(known, learnt[0], name in SUMS)
        if name in ACTIVATIONS and rows and len(rows[0]):
            away = _apart(func(rows[0], *args[1:], **kwargs), found)
            return Operation(**known, kind="activation", options=tuple(kwargs.items()), deviation=away)
        return Operation(**known, kind="pool" if name == "mean" and output.dim() == 2 else "other")

    def _norm(
        self,
        known: dict[str, Any],
        x: Tensor,
        shape: Any,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Operation:
        row, gain, shift = known["given"][0], _kept(weight), _kept(bias)
        away = _apart(F.layer_norm(row, row.shape, gain, shift, eps), known["found"])
        return Operation(
            **known, kind="norm", weight=gain, bias=shift, names=self._called(weight, bias), eps=eps, deviation=away
        )

    def _linear(self, known: dict[str, Any], x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Operation:
        again = F.linear(known["given"][0].to(weight), weight, bias).float().cpu()
        first, shift = _kept(weight[0]), None if bias is None else _kept(bias[:1])
        away = _apart(again, known["found"])
        return Operation(
            **known, kind="linear", weight=first, bias=shift, names=self._called(weight, bias), deviation=away
        )

    def _elementwise(self, known: dict[str, Any], learnt: Tensor, is_sum: bool) -> Operation:
        row, numbers = known["given"][0], learnt.detach().float().cpu().reshape(-1).clone()
        away = _apart(row + numbers if is_sum else row * numbers, known["found"])
        if is_sum:
            return Operation(**known, kind="bias", bias=numbers, names=self._called(None, learnt), deviation=away)
        return Operation(**known, kind="scale", weight=numbers, names=self._called(learnt, None), deviation=away)

    def _called(self, weight: Tensor | None, bias: Tensor | None) -> tuple[str, str]:
        return self._names.get(id(weight), ""), self._names.get(id(bias), "")

    def _joined(self, output: Tensor) -> Tensor:
        """The heads' outputs (1, H, N, d) at the position, one after the other: (H d,)."""
        if output.dim() != 4 or output.shape[0] != 1 or self._position >= output.shape[2]:
            return torch.zeros(0)
        return output[0, :, self._position].detach().flatten().float().cpu()

    def _row(self, tensor: Tensor) -> Tensor:
        """The vector at the position of (1, N, D), or the only one of (1, D); empty of any other form."""
        if tensor.dim() == 3 and tensor.shape[0] == 1 and self._position < tensor.shape[1]:
            return tensor[0, self._position].detach().float().cpu().clone()
        if tensor.dim() == 2 and tensor.shape[0] == 1:
            return tensor[0].detach().float().cpu().clone()
        return torch.zeros(0)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def _kept(tensor: Tensor | None) -> Tensor | None:
    """A copy, so that no record keeps a model."""
    return None if tensor is None else tensor.detach().float().cpu().clone()


def _apart(again: Tensor, found: Tensor) -> float:
    if again.shape != found.shape or not len(found):
        return 0.0
    return float((again - found).abs().max()) / max(float(found.abs().max()), 1e-6)


def parameter_names(module: nn.Module) -> dict[int, str]:
    """What a model calls its parameters and buffers, by their id; of a tied one the first name."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {id(one): name for name, one in reversed(named)}
