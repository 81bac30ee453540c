"""Layer-wise relevance propagation: how much of the answer passes through each attention weight.

Chefer, Gur & Wolf 2021 ("Transformer Interpretability Beyond Attention Visualization", CVPR), sections 3.1 and 3.2. The
tape sees every operation of a pass, whichever model makes it, and has it hand back relevance by a rule where autograd
would hand back a gradient. So one backward pass is the whole propagation, and what a tensor's readers say adds up.

- A linear layer: the positive part of each product, in proportion (equation 5); its bias gets nothing.
- A residual: in proportion, then each side scaled so that no relevance is made or lost (equations 9 and 10).
- A product of two activations (QK^T, AV): in proportion, half of it to each, which is that scaling for a product.
- Softmax, norms and activation functions hand on what they get.
- LayerScale is a part of the linear layer before it. Any other operation: x * dy/dx * R / y (equation 2).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.attention.formed import Product, product_of
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape, for_each_query_head
from core.attention.trace import Kind

Rule = Callable[[Tensor], Sequence[Tensor]]  # relevance of the output -> of each input
THROUGH = {"layer_norm", "rms_norm", "group_norm", "softmax", "gelu", "silu", "relu", "tanh", "sigmoid"}
MOVED = {"reshape", "view", "flatten", "transpose", "permute", "contiguous", "expand", "__getitem__", "gather"}
WHOLE = "sum"  # of a whole output: each piece is asked about, not a share of it


def relevances(subject: Subject) -> dict[Kind, tuple[Tensor, ...]]:
    """Of every attention, by kind a layer each, (H, Nq, Nk): one pass, and one back with a relevance of 1 for what is
    asked. Nothing on the model is touched."""
    with torch.enable_grad(), Propagation(subject.before) as tape:
        asked, _ = subject.run()
    calls = subject.by_kind(tape.calls)
    maps = [call.explicit for of_kind in calls.values() for call in of_kind]
    found = torch.autograd.grad(asked, maps, allow_unused=True)
    left = iter(torch.zeros_like(x) if one is None else one for x, one in zip(maps, found, strict=True))
    return {kind: tuple(subject.arranged(next(left)[0]) for _ in of_kind) for kind, of_kind in calls.items()}


class Propagation(Tape):
    """A pass inside its `with` block has relevance for gradients; `call.attention` of its calls is in that graph."""

    def __init__(self, first: int = 0) -> None:
        super().__init__(values=True, explicit=first)
        self._linear: tuple[Tensor, Tensor, Tensor] | None = None  # the last one: output, input, weight

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        if self._softmax is not None and (weighted := product_of(self._softmax, func, args)):
            return self._weigh(weighted)
        inputs = [x for x in args if isinstance(x, Tensor) and x.requires_grad and not isinstance(x, nn.Parameter)]
        if not inputs or name in MOVED or name == WHOLE:
            return func(*args, **kwargs)
        if name == "dropout":  # a model that is explained does not train
            return args[0]
        value = func(*args, **kwargs)
        if not isinstance(value, Tensor) or not value.requires_grad:  # parts of a tensor, or no part of the answer
            return value
        rule, moved = self._rule(name, func, args, kwargs, inputs)
        handed = _hand(value.detach(), rule, *moved)
        if name == "linear":
            self._linear = handed, args[0], args[1]
        return self._noted(func, args, kwargs, handed)

    def _rule(
        self, name: str, func: Any, args: tuple, kwargs: dict, inputs: list[Tensor]
    ) -> tuple[Rule, Sequence[Tensor]]:
        if name == "linear":
            return linear(args[0], args[1]), args[:1]
        if name == "mul" and self._linear and any(x is self._linear[0] for x in inputs):
            scale = next((x for x in args if isinstance(x, nn.Parameter) and x.dim() == 1), None)
            if scale is not None:
                return linear(self._linear[1], scale[:, None] * self._linear[2]), [self._linear[1]]
        if name in THROUGH or (name == "add" and len(inputs) == 1):
            return (lambda relevance: (relevance,)), inputs[:1]
        if name == "add" and inputs[0].shape == inputs[1].shape:
            return residual(*inputs), inputs
        return in_proportion(func, args, kwargs, inputs), inputs

    def _multiply(self, product: Product) -> Tensor:
        value = for_each_query_head(product.value, product.weights.shape[1])  # (B, H, Nk, dv)
        return product.unfold(_product(product.weights, value))

    def _attend_explicitly(self, call: AttentionCall, dropout_p: float) -> Tensor:
        heads = call.query.shape[1]
        key, value = (for_each_query_head(part, heads).float() for part in (call.key, call.recorded_value))
        products = _product(call.query.float(), key.transpose(-2, -1))  # (B, H, Nq, Nk)
        call.attention = _hand(call.weights().detach(), lambda relevance: (relevance,), products)
        self.calls.append(call)
        return _product(call.attention, value).to(call.query.dtype)


def linear(x: Tensor, weight: Tensor) -> Rule:
    """x (..., D), weight (D', D): what x_j w_ij adds where it is positive, over all that is positive in output i."""
    x, weight = x.detach(), weight.detach()

    def rule(relevance: Tensor) -> tuple[Tensor]:
        up, down, above, below = weight.clamp(min=0), weight.clamp(max=0), x.clamp(min=0), x.clamp(max=0)
        share = _over(relevance, above @ up.T + below @ down.T)  # (..., D')
        return (above * (share @ up) + below * (share @ down),)

    return rule


def residual(x: Tensor, y: Tensor) -> Rule:
    """Of x + y, element by element in proportion; then the sums of both sides are in proportion too."""
    x, y = x.detach(), y.detach()

    def rule(relevance: Tensor) -> tuple[Tensor, Tensor]:
        share = _over(relevance, x + y)
        parts = x * share, y * share
        sums = torch.stack([part.sum() for part in parts])
        scale = _over(_over(sums.abs(), sums.abs().sum()) * relevance.sum(), sums)
        return parts[0] * scale[0], parts[1] * scale[1]

    return rule


def product(x: Tensor, y: Tensor) -> Rule:
    """Of x @ y, (..., N, D) and (..., D, M): in proportion, half to each."""
    x, y = x.detach(), y.detach()

    def rule(relevance: Tensor) -> tuple[Tensor, Tensor]:
        share = _over(relevance, x @ y) / 2  # (..., N, M)
        return x * (share @ y.transpose(-2, -1)), y * (x.transpose(-2, -1) @ share)

    return rule


def in_proportion(func: Any, args: tuple, kwargs: dict, inputs: Sequence[Tensor]) -> Rule:
    """Of any function of the inputs, which are among its arguments: x * dy/dx * R / y, shared evenly among those that
    count: one may only lend its type, as Gemma's `type_as` has it."""

    def rule(relevance: Tensor) -> list[Tensor]:
        with torch.enable_grad():
            leaves = [x.detach().requires_grad_() for x in inputs]
            places = {id(x): leaf for x, leaf in zip(inputs, leaves, strict=True)}
            y = func(*(places.get(id(x), x) for x in args), **kwargs)
        slopes = torch.autograd.grad(y, leaves, _over(relevance, y.detach()), allow_unused=True)
        count = sum(slope is not None for slope in slopes)
        return [
            torch.zeros_like(leaf) if slope is None else leaf.detach() * slope / count
            for leaf, slope in zip(leaves, slopes, strict=True)
        ]

    return rule


class _Handed(torch.autograd.Function):
    """A value whose backward pass is a rule."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, rule: Rule, *inputs: Tensor) -> Tensor:
        ctx.rule = rule
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> Any:
        return None, None, *ctx.rule(relevance[0])


def _hand(value: Tensor, rule: Rule, *inputs: Tensor) -> Tensor:
    return _Handed.apply(value, rule, *inputs)


def _product(x: Tensor, y: Tensor) -> Tensor:
    return _hand((x @ y).detach(), product(x, y), x, y)


def _over(relevance: Tensor, total: Tensor) -> Tensor:
    """relevance / total, 0 where the total is 0: there is nothing to give it to."""
    return torch.where(total == 0, 0.0, relevance / torch.where(total == 0, 1.0, total))
