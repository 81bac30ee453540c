"""From the answer back to the input: which head handed on how much, from which position to which.

Information flow routes (Ferrando & Voita 2024, "Information Flow Routes: Automatically Interpreting Language Models at
Scale"; the measure is that of ALTI, Ferrando et al. 2022, "Measuring the Mixing of Contextual Information in the
Transformer"). After an attention the stream at query i is y_i = x_i + b + sum over heads h and keys j of z_hij, where
z_hij = a_hij W_o^h v_j. What a part z gives of it is how much nearer it brings y, max(0, |y|_1 - |y - z|_1), over the
sum of this of all parts; what was there before, x_i + b, is one of them. From the answer's positions on, what arrives
at a query is shared out so, layer by layer, down to the input. An MLP reads its own position alone and moves nothing.

It follows how much is handed on, not what it says: where the answer is read from counts, which answer it is does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.attention.repeated import Recording, call_of, projection_after, record, sums_after
from core.attention.subject import Subject
from core.attention.tape import for_each_query_head
from core.attention.trace import Kind
from core.errors import SidelightError

KEPT = 200  # edges of each attention, the largest
LEAST = 1e-6  # what carries less is not shared out further: it stays
NEAR = 1e-3  # of the largest number: how exactly a sum must be that of its parts

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Edge:
    """share: of the answer, what this head handed from `key` to `query`; 1 is all of it."""

    kind: Kind
    layer: int
    head: int
    query: int
    key: int
    share: float


@dataclass(frozen=True, eq=False)
class Routes:
    """edges: the largest of each attention, the last layer's first, of a layer the largest first. arrives: of each
    stream ("encoder", and a decoder's) what is at each position on each level, (L + 1, N); level 0 is what the layers
    begin with. stays: by kind of attention, what goes past it at its own position, (L, N)."""

    edges: tuple[Edge, ...]
    arrives: dict[Kind, Tensor]
    stays: dict[Kind, Tensor]


def routes(subject: Subject, on_step: OnStep | None = None) -> Routes:
    """One pass, and a walk back through its attentions.

    Raises SidelightError `flow.not_known` for a model whose sums after attention are not those of its heads.
    """
    recording, _ = record(subject)
    edges: list[Edge] = []
    lengths = {kind: len(trace.query_axis) for kind, trace in subject.traces.items()}
    stays = {kind: torch.zeros(subject.depth[kind], lengths[kind]) for kind in subject.traces}
    arrives: dict[Kind, Tensor] = {
        kind: torch.zeros(depth + 1, lengths[kind]) for kind, depth in subject.depth.items() if kind != "cross"
    }
    for done, (kind, layer) in enumerate(order := _backwards(subject)):
        if on_step:
            on_step(done, len(order))
        stream: Kind = "decoder" if kind == "cross" else kind
        level = arrives[stream]
        if kind != "decoder" and layer == subject.depth[kind] - 1 and stream in (subject.last, "decoder"):
            level[-1] = subject.reader
        row = stays["cross"][layer] if kind == "decoder" else level[layer + 1]
        own, moved, stays[kind][layer] = _shared(subject, recording, kind, layer, row)
        edges += sorted(own, key=lambda edge: -edge.share)[:KEPT]
        if kind == "cross":
            arrives["encoder"][-1] += moved
        else:
            level[layer] = stays[kind][layer] + moved
    return Routes(tuple(edges), arrives, stays)


def drawn(found: Routes, each: int) -> list[Edge]:
    """A graph that hangs together: from where the answer is read, of each attention the `each` largest edges that lead
    on from a position reached so far; without what a position handed itself."""
    reached = {
        stream: {n for n, share in enumerate(levels[-1].tolist()) if share > LEAST}
        for stream, levels in found.arrives.items()
    }
    if "decoder" in reached:
        reached["encoder"] = set()
    edges: list[Edge] = []
    for kind, layer in dict.fromkeys((edge.kind, edge.layer) for edge in found.edges):
        writes: Kind = "decoder" if kind == "cross" else kind
        reads: Kind = "encoder" if kind == "cross" else kind
        own = [
            edge
            for edge in found.edges
            if (edge.kind, edge.layer) == (kind, layer)
            and edge.query in reached[writes]
            and (writes != reads or edge.query != edge.key)
        ][:each]
        edges += own
        reached[reads] = reached[reads] | {edge.key for edge in own}
    return edges


def taken_away(subject: Subject, arrived: Tensor, draws: int = 10) -> tuple[float, float, float]:
    """The control: how sure the answer is as it is, without the tenth of all patches or words at which most arrives,
    and without as many in random orders as smooth as maps are, the mean. arrived: (N,)."""
    units = subject.units
    count = int(units.max()) + 1
    sums = torch.zeros(count).index_add(0, units[units >= 0], arrived[units >= 0])
    draw = torch.Generator().manual_seed(0)
    orders = [sums.argsort(descending=True), *subject.axis.random_orders(count, draws, draw)]
    gone = [order[: max(1, round(count / 10))] for order in orders]
    kept = torch.stack([torch.ones(len(units), dtype=torch.bool), *(~torch.isin(units, one) for one in gone)])
    scores = subject.scores(kept, subject.fills[0])
    return float(scores[0]), float(scores[1]), float(scores[2:].mean())


def _backwards(subject: Subject) -> list[tuple[Kind, int]]:
    """Every attention, the last first: where a query got something from came before it."""
    calls = range(sum(subject.depth.values()))
    return [place for index in reversed(calls) if (place := subject.place(index)) is not None]


def _shared(
    subject: Subject, recording: Recording, kind: Kind, layer: int, row: Tensor
) -> tuple[list[Edge], Tensor, Tensor]:
    """row: what arrives at each query (Nq,). The largest edges; what goes to each key (Nk,); what stays (Nq,)."""
    total, parts_of = _parts(subject, recording, kind, layer)
    moved = torch.zeros(len(subject.traces[kind].key_axis))
    stays = torch.where(row > LEAST, 0.0, row)
    edges: list[Edge] = []
    for query in (row > LEAST).nonzero()[:, 0].tolist():
        shares, rest = contributions(total[query], parts_of(query))
        given = shares.cpu() * row[query]
        stays[query] = rest * row[query]
        moved += given.sum(0)
        values, places = given.flatten().topk(min(KEPT, given.numel()))
        for value, place in zip(values.tolist(), places.tolist(), strict=True):
            head, key = divmod(place, given.shape[1])
            edges.append(Edge(kind, layer, head, query, key, value))
    return edges, moved, stays


def contributions(total: Tensor, parts: Tensor) -> tuple[Tensor, float]:
    """total (D,), parts (H, Nk, D): each part's share (H, Nk), and that of what is left of the total without them. They
    sum to 1; where nothing brings it nearer, all is left."""
    size = total.abs().sum()
    near = (size - (total - parts).abs().sum(-1)).clamp_min(0)  # (H, Nk)
    rest = (size - parts.sum((0, 1)).abs().sum()).clamp_min(0)  # |y - (y - sum of parts)|
    whole = near.sum() + rest
    return (near / whole, float(rest / whole)) if whole > 0 else (torch.zeros_like(near), 1.0)


def _parts(subject: Subject, recording: Recording, kind: Kind, layer: int) -> tuple[Tensor, Callable[[int], Tensor]]:
    """The stream after an attention (Nq, D), and of a query what each head adds from each key (H, Nk, D)."""
    index = call_of(subject, kind, layer)
    heads = recording.outputs[index].shape[1]
    call = recording.calls[index]
    weights = call.weights(item=0)[0]  # (H, Nq, Nk)
    value = for_each_query_head(call.recorded_value, heads)[0].float()  # (H, Nk, dv)
    joins = [recording.steps[number] for number in sums_after(subject, recording, kind, layer, words_first=True)]
    for matrix in _projections(subject, recording, kind, layer) if joins else ():
        if matrix.shape[1] != heads * value.shape[-1]:
            continue
        through = torch.einsum("hkv,dhv->hkd", value, matrix.float().reshape(len(matrix), heads, -1))  # (H, Nk, D)
        added = torch.einsum("hqk,hkd->qd", weights, through)
        if any(_is_it_with_a_bias(one.flatten(0, 1).float(), added) for one in joins[0].operands):
            return joins[0].found.flatten(0, 1).float(), partial(_of_query, weights, through)
    raise SidelightError("flow.not_known")


def _projections(subject: Subject, recording: Recording, kind: Kind, layer: int) -> list[Tensor]:
    """What may stand behind an attention: the matrix that is known of this model, and the one that the pass met."""
    known = subject.projections.get(kind, ())
    both = (known[layer] if layer < len(known) else None, projection_after(recording, call_of(subject, kind, layer)))
    return [matrix for matrix in both if matrix is not None]


def _of_query(weights: Tensor, through: Tensor, query: int) -> Tensor:
    return weights[:, query, :, None] * through


def _is_it_with_a_bias(operand: Tensor, added: Tensor) -> bool:
    """Whether two (Nq, D) differ by the same vector everywhere."""
    apart = operand - added
    return float((apart - apart[:1]).abs().max()) <= NEAR * max(float(operand.abs().max()), 1e-6)
