"""A layer's steps as lines of PyTorch that compute them, as text that is read aloud, and as a file."""

from collections.abc import Iterable, Sequence

from torch import Tensor

from core.attention.graph import Operation
from core.attention.walk import Step
from core.views.arithmetic import SHOWN, factor, number, product_sum
from core.views.tables import as_csv

PARAMETERS = "p = model.state_dict()"
IN_F = {"gelu", "relu", "silu", "softplus", "leaky_relu", "hardswish", "mish"}
FIRST = ("encoder", "decoder")  # the attention that a layer begins with
SLOTS = {"query": "qkv", "key": "qkv", "value": "qkv", "gate": "activation", "other": "activation"}


def slots(steps: Iterable[Step]) -> dict[tuple[str, str], list[int]]:
    """Which steps are told together, by place and name: the same for norms before a part and after it, and for a layer
    that attends once or twice. What scales a part belongs to what gave it."""
    found: dict[tuple[str, str], list[int]] = {}
    for count, step in enumerate(steps):
        place = "first" if step.group in FIRST else step.group
        if step.role == "scale" and found:
            found[list(found)[-1]].append(count)
        else:
            found.setdefault((place, SLOTS.get(step.role, step.role)), []).append(count)
    return found


def lines(steps: Sequence[Step], heads: int, scale: float, position: int, is_post: bool) -> list[str]:
    """A line of PyTorch a step, or a few. x: the stream (1, N, D); h: what a part makes of it; p: the model's own
    parameters by their names. position: that the head reads."""
    found, part, width = [], "x", 0  # part, width: what the next line reads, and how many numbers it has
    for step in steps:
        did, role = step.did, step.role
        ends = is_post or step.group == "answer"  # whether a norm changes the stream itself
        options = "".join(f", {name}={value!r}" for name, value in did.options)
        read = "x" if part == "pooled" else f"x[:, {position}]"
        joined = "" if width in (0, len(did.given[0])) else "  # of several vectors, joined"
        line, part = {
            "norm": (f"{'x' if ends else 'h'} = {_norm(did, part)}", "x" if ends else "h"),
            "query": (f"q = F.linear({part}, {_learnt(did)})", part),
            "key": (f"k = F.linear({part}, {_learnt(did)})", part),
            "value": (f"v = F.linear({part}, {_learnt(did)})", part),
            "qkv": (f"q, k, v = F.linear({part}, {_learnt(did)}).chunk(3, -1)", part),
            "attention": (_attention(step, heads, scale), "h"),
            "scale": (f"h = h * {_learnt(did)}", "h"),
            "residual": ("x = x + h", "x"),
            "activation": (f"h = {'F' if did.name in IN_F else 'torch'}.{did.name}(h{options})", "h"),
            "gate": (f"h = h * g  # {did.name}: the gate", "h"),
            "head": (f"logits = F.linear({read}, {_learnt(did)}){joined}", "logits"),
            "bias": (f"logits = logits + {_learnt(did)}", "logits"),
            "pool": ("x = x.mean(1)  # of the positions that the head reads", "pooled"),
            "other": (f"h = …  # several operations, {did.name} the last", "h"),
        }.get(role, (f"h = F.linear({part}, {_learnt(did)})", "h"))
        found.append(line)
        width = len(did.found)
    return found


def _norm(did: Operation, part: str) -> str:
    if did.kind != "norm":
        return f"…  # a norm that is written out, {_learnt(did)}"
    return f"F.layer_norm({'x' if part == 'pooled' else part}, ({len(did.found)},), {_learnt(did)}, {did.eps:g})"


def _learnt(did: Operation) -> str:
    named = [f'p["{name}"]' for name in did.names if name]
    return ", ".join(named) if named else "None"


def _attention(step: Step, heads: int, scale: float) -> str:
    split = f".unflatten(-1, ({heads}, -1)).transpose(1, 2)"
    mask = ", attn_mask=bias" if step.is_biased else ", is_causal=True" if step.group == "decoder" else ""
    lines = [
        "# k, v: linear maps of the encoder's last states, (1, m, D)" if step.group == "cross" else "",
        f"q, k, v = (t{split} for t in (q, k, v))",
        "# q, k: normalised or rotated here, head by head" if step.is_turned else "",
        "# bias: the model's own, added to the scores" if step.is_biased else "",
        f"h = F.scaled_dot_product_attention(q, k, v, scale={scale:.6g}{mask})",
        "h = h.transpose(1, 2).flatten(2)",
    ]
    return "\n".join(line for line in lines if line)


def written(step: Step, more: str) -> str:
    """The first component, written out; empty where there is no short formula. more: what is said of the rest of a sum,
    with {count} and {value}."""
    did = step.did
    forms = {"norm": _written_norm, "sum": _written_sum, "activation": _written_activation}
    if did.kind == "linear":
        return _written_linear(did, more)
    if did.kind in forms:
        return forms[did.kind](step)
    sign = {"scale": "×", "product": "×", "bias": "+"}.get(did.kind)
    if sign is None:
        return ""
    other = did.weight if did.kind == "scale" else did.bias if did.kind == "bias" else did.given[1]
    return f"{_first(did.given[0])} {sign} {_factor(other)} = {_first(did.found)}"


def _first(vector: Tensor) -> str:
    return number(float(vector[0]))


def _factor(vector: Tensor | None) -> str:
    return "1" if vector is None else factor(float(vector[0]))


def _written_norm(step: Step) -> str:
    did, x = step.did, step.did.given[0]
    mean, variance = float(x.mean()), float(x.var(unbiased=False))
    shift = "" if did.bias is None else f" + {_factor(did.bias)}"
    above, below = f"({_first(x)} − {factor(mean)})", f"√({number(variance)} + {did.eps:g})"
    return (
        f"μ = {number(mean)}, σ² = {number(variance)}\n"
        f"y[1] = {above} / {below} × {_factor(did.weight)}{shift} = {_first(did.found)}"
    )


def _written_linear(did: Operation, more: str) -> str:
    assert did.weight is not None  # a linear map has one
    total = float(did.weight.double() @ did.given[0].double())
    text = f"W[1]·x = {product_sum(did.weight, did.given[0], total, more)}"
    if did.bias is None:
        return text
    return f"{text}\ny[1] = {number(total)} + {_factor(did.bias)} = {_first(did.found)}"


def _written_sum(step: Step) -> str:
    stream, part = step.did.given[step.stream], step.did.given[1 - step.stream]
    lengths = f"‖x‖ = {number(float(stream.norm()))}, ‖h‖ = {number(float(part.norm()))}"
    return f"x[1] + h[1] = {_first(stream)} + {_factor(part)} = {_first(step.did.found)}\n{lengths}"


def _written_activation(step: Step) -> str:
    pairs = zip(step.did.given[0][:SHOWN].tolist(), step.did.found[:SHOWN].tolist(), strict=True)
    return "\n".join(f"{step.did.name}({number(x)}) = {number(y)}" for x, y in pairs)


def steps_csv(steps: Sequence[Step]) -> str:
    """A line a component of every vector that a step was given and gave, as the run had it."""
    rows: list[list[object]] = []
    for count, step in enumerate(steps, 1):
        given = [(f"given {n}", vector) for n, vector in enumerate(step.did.given, 1)]
        for name, vector in (*given, ("found", step.did.found)):
            start = [count, step.group, step.role, step.did.names[0], name]
            rows += [[*start, n, value] for n, value in enumerate(vector.tolist(), 1)]
    return as_csv(["step", "part", "operation", "parameters", "vector", "component", "value"], rows)
