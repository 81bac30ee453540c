"""What in the input an answer rests on: the methods the field knows, as plain functions of a `Subject`.

Each gives one number a position, (N,), larger where it counts more; what a number means differs from method to method.
Rollout and its kin are one row carried through the layers (`core.attention.flow`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, Literal

import torch
from torch import Tensor

from core.attention.flow import Maps, compounded, normalised, rolled, through
from core.attention.propagation import relevances
from core.attention.subject import Gradients, Subject
from core.attention.trace import AttentionTrace, Kind

Fusion = Literal["mean", "max", "min"]
FUSE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mean": torch.add, "max": torch.maximum, "min": torch.minimum}
LARGEST = 3 * 2**30  # bytes of attention and gradient above which a gradient method is refused


@dataclass(frozen=True)
class Options:
    """fusion: how the heads of a layer become one map. discard: the share of each row's smallest weights that rollout
    leaves out. depth: of the one layer that raw attention and value norms show, 0 the first to 1 the last. head: that
    one alone."""

    fusion: Fusion = "mean"
    discard: float = 0.0
    depth: float = 0.91
    head: int | None = None


@dataclass(frozen=True)
class Method:
    """explain: (N,), of a subject, options and gradients. gradient: whether it needs those, else they may be None.
    alone: whether it is made for self-attention only. equation: LaTeX. Wording: `method.<name>` and
    `method.<name>_help` with its limits."""

    name: str
    paper: str
    url: str
    equation: str
    explain: Callable[[Subject, Options, Any], Tensor]
    gradient: bool = False
    alone: bool = False


def explain(subject: Subject, name: str, options: Options | None = None, gradients: Gradients | None = None) -> Tensor:
    """The map of one method, (N,). gradients: of `subject.gradients()`, where the caller has them already.

    Raises KeyError for an unknown name, ValueError where `refusal` gives a reason.
    """
    method = METHODS[name]
    if reason := refusal(subject, method):
        raise ValueError(reason)
    if method.gradient and gradients is None:
        gradients = subject.gradients()
    with torch.no_grad():  # a method that needs a graph asks for it
        return method.explain(subject, options or Options(), gradients).float().cpu()


def refusal(subject: Subject, method: Method) -> str:
    """Why a method does not apply, as `explain.<reason>` in the wording; empty where it does."""
    if method.alone and subject.last == "cross":
        return "only_self_attention"
    if method.gradient and gradient_bytes(subject) > LARGEST:
        return "too_large"
    return ""


def gradient_bytes(subject: Subject) -> int:
    """What a pass with gradients keeps: each map, its softmax input and its gradient."""
    return sum(
        3 * 4 * trace.layers * trace.heads * len(trace.query_axis) * len(trace.key_axis)
        for trace in subject.traces.values()
    )


def raw(subject: Subject, options: Options, _: Gradients | None) -> Tensor:
    """a = sum_q r_q A_q: what the reader attends to in one layer. It shows where a layer looks, not what comes of it:
    values may be small, later layers mix, and weight can gather where nothing is (Jain & Wallace 2019)."""
    trace, layer = subject.traces[subject.last], _layer(subject, options)
    return through(subject.reader, lambda rows: _fused(trace, layer, rows, options))


def value_norm(subject: Subject, options: Options, _: Gradients | None) -> Tensor:
    """||sum_h a^h_qk v^h_k W_O^h||, Kobayashi et al. 2020, equation 4, read by the reader: how long the vector is that
    a position really adds; W_O with LayerScale. Where it is not known, heads are taken as if they did not meet. One
    layer only."""
    layer, kind = _layer(subject, options), subject.last
    call, trace = subject.traces[kind].calls[layer], subject.traces[kind]
    value = call.recorded_value[trace.item].float()
    value = value.repeat_interleave(trace.heads // len(value), 0)  # (H, N, dv)
    projection = (subject.projections.get(kind) or (None,) * trace.layers)[layer]
    total = torch.zeros(value.shape[1])
    for query in subject.reader.nonzero()[:, 0].tolist():
        weights = call.weights(slice(query, query + 1), trace.item)[0, :, 0]  # (H, N)
        if options.head is not None:
            weights = weights * (torch.arange(trace.heads)[:, None] == options.head).to(weights)
        parts = (weights[..., None] * value).transpose(0, 1).reshape(value.shape[1], -1)  # (N, H dv)
        total += (
            subject.reader[query] * (parts if projection is None else parts @ projection.float().T).norm(dim=-1).cpu()
        )
    return total


def rollout(subject: Subject, options: Options, _: Gradients | None) -> Tensor:
    """Abnar & Zuidema 2020, section 3: A~ = 0.5 (A + I), multiplied over the layers. Across (not in the paper), a
    decoder row's mass is split in the same way between its own past, itself and the source; what reaches the source
    goes on through the encoder. It treats all heads and all values alike, and no class is asked for."""
    return rolled(
        subject, lambda kind, layer, rows: _discard(_fused(subject.traces[kind], layer, rows, options), options)
    )


def gradient_attention(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """mean over layers and heads of relu(dy/dA * A) in the reader's rows; Barkan et al. 2021 (Grad-SAM), equation 5.
    Asks for the target, but only of the rows that are read: what earlier layers mixed is not traced back."""
    maps, kind = _weighted(gradients), subject.last
    layers = range(subject.depth[kind])
    found = [through(subject.reader, partial(maps, kind, layer)) for layer in layers]
    return torch.stack(found).mean(0)


def gradient_rollout(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """Rollout over the mean over heads of relu(dy/dA * A), rows of A + I divided by their sum (after Gildenblat's
    vit-explain, 2020, and Chefer et al. 2021). Gradients are small, so most of each row stays on the diagonal."""
    return rolled(subject, _weighted(gradients))


def relevance(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """Chefer et al. 2021 (ICCV), equations 5 to 10: A- = E_h[relu(dy/dA * A)]; R += A- R for self-attention;
    R_ti += N(R_tt)^T A- N(R_ii) for cross-attention, with N of equations 8 and 9. Negative evidence is dropped."""
    maps, reader = _weighted(gradients), subject.reader
    if subject.last == "encoder":
        return compounded(subject, maps)
    whole = {kind: torch.arange(len(trace.query_axis)) for kind, trace in subject.traces.items()}
    source = torch.eye(len(subject.axis))
    for layer in range(subject.depth["encoder"]):
        source = source + maps("encoder", layer, whole["encoder"]).cpu() @ source
    own = torch.eye(len(reader))
    across = torch.zeros(len(reader), len(subject.axis))
    for layer in range(subject.depth["decoder"]):
        looked = maps("decoder", layer, whole["decoder"]).cpu()
        own, across = own + looked @ own, across + looked @ across
        read = maps("cross", layer, whole["cross"]).cpu()
        across = across + normalised(own).T @ read @ normalised(source)
    return reader @ across


def attribution(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """After Chefer et al. 2021 (CVPR), equations 13 and 14: product over layers of I + E_h[relu(dy/dA * R_A)]. The
    paper gets R_A, the relevance of the attention, by layer-wise propagation; here R_A = relu(dy/dA) * A, which needs
    no rule for any layer. Only the positive gradient counts: its square alone would give evidence against the target
    the same weight as evidence for it. Self-attention only."""
    return compounded(subject, _weighted(gradients, power=2))


def propagation(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """Chefer et al. 2021 (CVPR), equations 13 and 14, with R_A by layer-wise relevance propagation as the paper has it
    (`core.attention.propagation`): product over layers of I + E_h[relu(dy/dA * R_A)]. The paper is about
    self-attention; across, a decoder's row goes on through its own past and, layer by layer, to the source."""
    found = relevances(subject)

    def maps(kind: Kind, layer: int, rows: Tensor) -> Tensor:
        return (gradients.gradient[kind][layer][:, rows] * found[kind][layer][:, rows]).float().relu().mean(0)

    return compounded(subject, maps)


def grad_cam(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """Selvaraju et al. 2017, equations 1 and 2, with the values of the last attention that reads the input as feature
    maps: relu(sum_c alpha_c v_kc), alpha_c the mean gradient of channel c. A control that uses no attention weight."""
    channels = gradients.value_gradient.float().mean(1, keepdim=True)  # (H, 1, dv)
    return (channels * gradients.value.float()).sum((0, 2)).relu()


def input_gradient(subject: Subject, options: Options, gradients: Gradients) -> Tensor:
    """|sum_d x_d dy/dx_d| over a patch's pixels or a piece's embedding (Shrikumar et al. 2017, section 3.2). A control
    that knows nothing of attention; noisy, since a gradient is local."""
    return (gradients.leaf.float() * gradients.leaf_gradient.float()).sum(-1).abs()


def _layer(subject: Subject, options: Options) -> int:
    return round(options.depth * (subject.depth[subject.last] - 1))


def _fused(trace: AttentionTrace, layer: int, rows: Tensor, options: Options) -> Tensor:
    """The heads of a layer as one map, a head in memory at a time: (queries, Nk)."""
    heads = range(trace.heads) if options.head is None else (options.head % trace.heads,)
    maps = (trace.calls[layer].weights(rows, trace.item, head)[0, 0] for head in heads)
    total = reduce(FUSE[options.fusion], maps)
    return total / len(heads) if options.fusion == "mean" else total


def _discard(maps: Tensor, options: Options) -> Tensor:
    """Without the smallest weights of each row."""
    count = int(options.discard * maps.shape[-1])
    return maps.scatter(-1, maps.topk(count, -1, largest=False).indices, 0.0) if count else maps


def _weighted(gradients: Gradients, power: int = 1) -> Maps:
    """E_h[relu(dy/dA)^power * A]; A is never negative, so power 1 is E_h[relu(dy/dA * A)]."""

    def maps(kind: Kind, layer: int, rows: Tensor) -> Tensor:
        attention, gradient = gradients.attention[kind][layer][:, rows], gradients.gradient[kind][layer][:, rows]
        return (attention.float() * gradient.float().relu() ** power).mean(0)

    return maps


_CHEFER = r"\bar A=\mathbb E_h\!\left[(\nabla A\odot A)^+\right]"
METHODS = {
    method.name: method
    for method in (
        Method(
            "raw",
            "Vaswani et al. 2017",
            "https://arxiv.org/abs/1706.03762",
            r"A=\operatorname{softmax}\!\big(QK^\top/\sqrt{d_k}\big)",
            raw,
        ),
        Method(
            "value_norm",
            "Kobayashi et al. 2020",
            "https://arxiv.org/abs/2004.10102",
            r"\Big\lVert\textstyle\sum_h \alpha^h_{qk}\,v^h_k W_O^h\Big\rVert",
            value_norm,
        ),
        Method(
            "rollout",
            "Abnar & Zuidema 2020",
            "https://arxiv.org/abs/2005.00928",
            r"\tilde A_1\cdots\tilde A_L,\quad \tilde A=\tfrac12(A+I)",
            rollout,
        ),
        Method(
            "gradient_attention",
            "Barkan et al. 2021",
            "https://arxiv.org/abs/2204.11073",
            r"\tfrac1L\textstyle\sum_l \mathbb E_h\!\left[(\nabla A_l\odot A_l)^+\right]",
            gradient_attention,
            True,
        ),
        Method(
            "gradient_rollout",
            "Gildenblat 2020; Chefer et al. 2021",
            "https://github.com/jacobgil/vit-explain",
            r"\textstyle\prod_l \operatorname{norm}(I+\bar A_l),\quad " + _CHEFER,
            gradient_rollout,
            True,
        ),
        Method(
            "relevance",
            "Chefer et al. 2021 (ICCV)",
            "https://arxiv.org/abs/2103.15679",
            r"R\leftarrow R+\bar A R,\quad " + _CHEFER,
            relevance,
            True,
        ),
        Method(
            "attribution",
            "Chefer et al. 2021 (CVPR)",
            "https://arxiv.org/abs/2012.09838",
            r"\textstyle\prod_l\big(I+\mathbb E_h[(\nabla A_l)^+\odot(\nabla A_l)^+\odot A_l]\big)",
            attribution,
            True,
            alone=True,
        ),
        Method(
            "propagation",
            "Chefer et al. 2021 (CVPR)",
            "https://arxiv.org/abs/2012.09838",
            r"\textstyle\prod_l\big(I+\mathbb E_h[(\nabla A_l\odot R_{A_l})^+]\big)",
            propagation,
            True,
        ),
        Method(
            "grad_cam",
            "Selvaraju et al. 2017",
            "https://arxiv.org/abs/1610.02391",
            r"\big(\textstyle\sum_c \alpha_c v_{kc}\big)^+,\quad \alpha_c=\tfrac1N\sum_k \partial y/\partial v_{kc}",
            grad_cam,
            True,
        ),
        Method(
            "input_gradient",
            "Shrikumar et al. 2017",
            "https://arxiv.org/abs/1704.02685",
            r"\big|\textstyle\sum_d x_{kd}\,\partial y/\partial x_{kd}\big|",
            input_gradient,
            True,
        ),
    )
}
