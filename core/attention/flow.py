"""Carrying one row of the product of all layers' attention from the last layer to the first.

A row r (Nq,) says where the answer is read from; each layer moves it on to what those queries attended to. Only the
maps of the queries that carry something are asked for, a block at a time: no product of whole maps is ever formed.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from core.attention.subject import Subject
from core.attention.trace import Kind

Maps = Callable[[Kind, int, Tensor], Tensor]  # (kind, layer, queries) -> (queries, Nk): the heads of a layer as one map
BLOCK = 512  # queries whose maps are in memory at once


def through(row: Tensor, maps: Callable[[Tensor], Tensor]) -> Tensor:
    """row (Nq,) @ map, a block of queries at a time; queries that carry nothing are left out: (Nk,)."""
    parts = []
    for queries in row.nonzero()[:, 0].split(BLOCK):
        found = maps(queries)
        parts.append(row[queries].to(found) @ found)
    return sum(parts[1:], parts[0]).cpu()


def _mixed(row: Tensor, maps: Callable[[Tensor], Tensor], keys: int) -> tuple[Tensor, Tensor]:
    """One attention with the residual beside it, rows of (A, I) over their sum: what goes on through the attention
    (Nk,), what stays in its place (Nq,)."""
    moved, stays = torch.zeros(keys), torch.zeros_like(row)
    for queries in row.nonzero()[:, 0].split(BLOCK):
        found = maps(queries).cpu()
        share = row[queries] / (1 + found.sum(-1))
        moved += share @ found
        stays[queries] = share
    return moved, stays


def rolled(subject: Subject, maps: Maps) -> Tensor:
    """The reader's row of the product of all layers' (A + I) / (row sum)."""
    row, count = subject.reader, len(subject.axis)
    if subject.last == "cross":
        source = torch.zeros(count)
        for layer in reversed(range(subject.depth["decoder"])):
            read, row = _mixed(row, partial(maps, "cross", layer), count)
            source += read
            moved, row = _mixed(row, partial(maps, "decoder", layer), len(row))
            row = row + moved
        row = source
    for layer in reversed(range(subject.depth["encoder"])):
        moved, stays = _mixed(row, partial(maps, "encoder", layer), count)
        row = moved + stays
    return row


def added(row: Tensor, kind: Kind, layers: int, maps: Maps) -> Tensor:
    """The row of the product of all layers' I + A."""
    for layer in reversed(range(layers)):
        row = row + through(row, partial(maps, kind, layer))
    return row


def _only(maps: Maps, layer: int) -> Maps:
    """The maps of one layer, whichever layer is asked for."""
    return lambda kind, _, rows: maps(kind, layer, rows)


def compounded(subject: Subject, maps: Maps) -> Tensor:
    """The reader's row of the product of all layers' I + A, without what no layer has moved."""
    row, depth = subject.reader, subject.depth
    if subject.last == "encoder":
        return added(row, "encoder", depth["encoder"], maps) - row
    source = torch.zeros(len(subject.axis))
    for layer in reversed(range(depth["decoder"])):
        source = source + through(row, partial(maps, "cross", layer))
        row = added(row, "decoder", 1, _only(maps, layer))
    return added(source, "encoder", depth["encoder"], maps)


def normalised(own: Tensor) -> Tensor:
    """N(R) = (R - I) / (row sums) + I."""
    eye = torch.eye(len(own))
    rest = own - eye
    sums = rest.sum(-1, keepdim=True)
    return torch.where(sums > 0, rest / sums.clamp_min(1e-30), rest) + eye
