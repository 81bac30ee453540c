"""Who wrote the answer: its logit as the exact sum of what each head and each MLP put into the residual stream.

Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"): everything that is
added to the stream reaches the logit along residuals, norms and the head alone, and with each norm's scale held at what
it was in the run, that way is linear. So one backward pass gives every part its share. As in the other methods the tape
sees operations and not layer types: what attention gives, what an activation function gives and every product of two
things that depend on the input is where a part begins, whichever model computes it, before its norms or after them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape, for_each_query_head
from core.attention.trace import Kind

ACTIVATIONS = {"gelu", "relu", "silu", "tanh", "sigmoid", "softplus", "leaky_relu", "hardswish", "mish", "erf", "exp"}
PRODUCTS = {"mul", "multiply", "matmul", "bmm", "baddbmm", "einsum"}


@dataclass(frozen=True, eq=False)
class Direct:
    """The parts of one logit; they sum to `total`.

    heads: by kind, (layers, H); of an encoder that only a decoder reads, zeros: it writes nothing itself. keys: the
    same parts by the position that was read, (layers, H, Nk). mlps: of the stream that ends in the answer, (layers,).
    biases: all that layers, norms and the head add whatever the input is. start: what the stream began with, its
    embeddings and positions, and whatever else no part above stands for.
    """

    total: float
    start: float
    heads: Mapping[Kind, Tensor]
    keys: Mapping[Kind, Tensor]
    mlps: Tensor
    biases: float


def direct(subject: Subject) -> Direct:
    """One differentiable pass, and one back; nothing on the model is touched. Of a whole output, the parts of the sum
    of its pieces' logits. What tells two answers apart is the difference of their subjects' parts."""
    with torch.enable_grad(), Stream(subject) as stream:
        asked, _ = subject.run()
    attended, written, biases = stream.attended, stream.written, stream.biases
    leaves = [*attended, *(leaf for _, leaf in written), *biases]
    slopes = [
        torch.zeros_like(leaf) if slope is None else slope
        for leaf, slope in zip(leaves, torch.autograd.grad(asked, leaves, allow_unused=True), strict=True)
    ]
    parts = [float((leaf.detach().double() * slope.double()).sum()) for leaf, slope in zip(leaves, slopes, strict=True)]
    mlps = torch.zeros(subject.depth[subject.last])
    for (before, _), part in zip(written, parts[len(attended) :], strict=False):
        place = subject.place(before - 1)
        if place is not None and place[0] == subject.last:
            mlps[place[1]] += part
    keys = {
        kind: torch.stack([_by_key(call, slopes[call.index]) for call in of_kind])
        for kind, of_kind in subject.by_kind(stream.calls).items()
    }
    total, fixed = float(asked.detach()), sum(parts[len(attended) + len(written) :])
    heads = {kind: found.sum(-1) for kind, found in keys.items()}
    start = total - fixed - float(mlps.sum()) - sum(float(found.sum()) for found in heads.values())
    return Direct(total, start, heads, keys, mlps, fixed)


def _by_key(call: AttentionCall, slope: Tensor) -> Tensor:
    """What each head took from each position: the slope of the logit by the head's output at query i, along v_j, times
    the weight of j, over all queries: (H, Nk). slope: as the call's output."""
    heads = call.query.shape[1]
    toward = slope.reshape(-1, *slope.shape[-3:])[0].float()  # (H, Nq, dv)
    reads = toward.abs().amax((0, 2)).nonzero()[:, 0]  # the streams of these queries lead to the answer: of CLS, one
    value = for_each_query_head(call.recorded_value, heads)[0].float()  # (H, Nk, dv)
    return (call.weights(reads, item=0)[0] * (toward[:, reads] @ value.transpose(-2, -1))).sum(1).cpu()


class Stream(Tape):
    """Makes a pass linear in what is added to the residual stream. A head that pools by attention, which belongs to no
    layer, reads the stream with its weights held.

    attended: what each attention call gave. written: what an activation or a product gave, with the number of calls
    before it. biases: of linear layers and norms after the first call.
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__(values=True)
        self._subject = subject
        self.attended: list[Tensor] = []
        self.written: list[tuple[int, Tensor]] = []
        self.biases: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "").strip("_")
        if func is F.scaled_dot_product_attention:
            return self._cut(self._attend(*args, **kwargs), args[2] if len(args) > 2 else kwargs["value"])
        if func is F.layer_norm:
            return self._layer_norm(*args, **kwargs)
        if func is F.linear and self.calls:
            return self._linear(*args, **kwargs)
        found = func(*args, **kwargs)
        if not isinstance(found, Tensor) or not found.requires_grad:
            return found
        if name in ("rsqrt", "var", "std"):  # a norm that is written out
            return found.detach()
        if name in ACTIVATIONS or (name in PRODUCTS and _depending(args) > 1):
            self.written.append((len(self.calls), _leaf(found)))
            return self.written[-1][1]
        return found

    def _cut(self, output: Tensor, value: Tensor) -> Tensor:
        self.attended.append(_leaf(output))
        if self._subject.place(len(self.calls) - 1) is not None:
            return self.attended[-1]
        return self.calls[-1].weights().reshape(*output.shape[:-1], -1) @ value

    def _layer_norm(
        self, x: Tensor, shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
    ) -> Tensor:
        axes = tuple(range(-len(shape), 0))
        scale = (x.var(axes, unbiased=False, keepdim=True) + eps).rsqrt().detach()
        found = (x - x.mean(axes, keepdim=True)) * scale
        if weight is not None:
            found = found * weight.detach()
        return found if bias is None else found + self._bias(bias)

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.linear(x, weight.detach(), None if bias is None else self._bias(bias))

    def _bias(self, bias: Tensor) -> Tensor:
        if not self.calls:
            return bias.detach()
        self.biases.append(_leaf(bias))
        return self.biases[-1]


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()


def _depending(args: tuple) -> int:
    """How many of these are the input's doing."""
    return sum(isinstance(one, Tensor) and one.requires_grad and not isinstance(one, nn.Parameter) for one in args)
