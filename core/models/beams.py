"""The beam search as it went: what every step kept and what it let go, read from the library's own search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from transformers import LogitsProcessor

from core.models import tokenizing
from core.models.families import ends

Fate = Literal["best", "kept", "finished", "pruned"]


class Writer(Protocol):
    """A translator or a captioner."""

    @property
    def module(self) -> Any: ...

    @property
    def tokenizer(self) -> Any: ...

    def pieces(self, ids: Tensor) -> list[str]: ...


@dataclass(frozen=True)
class Node:
    """A piece that some beam could write. parent: index of the node before it, -1 at the start. score: log-probability
    (natural) of all pieces so far; chance: of this piece alone."""

    step: int
    parent: int
    piece: str
    score: float
    chance: float
    fate: Fate


@dataclass(frozen=True)
class BeamTree:
    """nodes in the order of steps. output: ids of the winner, the start mark first; text: what they say."""

    nodes: tuple[Node, ...]
    output: tuple[int, ...]
    text: str


class Recorder(LogitsProcessor):
    """Keeps what the search has at each step; stands last, so that it sees the scores the search goes by.

    ends: how many marks end a text: the search looks at so many more candidates, as each may end one.
    """

    def __init__(self, beams: int, ends: int) -> None:
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []
        self.beams, self.width = beams, max(2, 1 + ends) * beams

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        top = scores.topk(min(self.width, scores.shape[-1]), -1)
        self.steps.append((input_ids.cpu().clone(), top.indices.cpu(), top.values.cpu()))
        return scores


def beam_tree(writer: Writer, search: Callable[[Recorder], Tensor], beams: int) -> BeamTree:
    """For each step of a search the candidates that were in reach. search: the writer's own, by which the recorder
    stands; ids (1, 1 + n), the start mark first.

    A step takes the best `beams` of all continuations of all beams. A continuation that ends the sentence leaves the
    beam and waits as finished. Sutskever et al. 2014, section 3.2; Wu et al. 2016, section 7.
    """
    marks = ends(writer.module)
    recorder = Recorder(beams, len(marks))
    output = tuple(search(recorder)[0].tolist())
    text = tokenizing.said(writer.tokenizer, list(output[1:])).strip()
    return BeamTree(tuple(_grow(writer, recorder, output, marks)), output, text)


def _grow(writer: Writer, recorder: Recorder, output: tuple[int, ...], marks: tuple[int, ...]) -> list[Node]:
    nodes: list[Node] = []
    steps, beams = recorder.steps, recorder.beams
    alive: dict[tuple[int, ...], tuple[int, float]] = {tuple(steps[0][0][0].tolist()): (-1, 0.0)}  # node, score so far
    for number, (rows, indices, values) in enumerate(steps):
        following = {tuple(row) for row in steps[number + 1][0].tolist()} if number + 1 < len(steps) else set()
        found = []  # score, chance, sequence, parent
        for row, pieces, chances in zip(rows.tolist(), indices.tolist(), values.tolist(), strict=True):
            if tuple(row) not in alive:
                continue
            parent, score = alive.pop(tuple(row))  # the first step has the same row in every beam
            found += [
                (score + chance, chance, (*row, piece), parent)
                for piece, chance in zip(pieces, chances, strict=True)
                if chance > -torch.inf
            ]
        found.sort(key=lambda candidate: -candidate[0])
        alive = {}
        for rank, (score, chance, sequence, parent) in enumerate(found[: recorder.width]):
            fate: Fate = "pruned"
            if sequence == output[: len(sequence)]:
                fate = "best"
            elif sequence[-1] in marks and rank < beams:
                fate = "finished"
            elif sequence in following:
                fate = "kept"
            if sequence in following:
                alive[sequence] = (len(nodes), score)
            name = writer.pieces(torch.tensor(sequence[-1:]))[0]
            nodes.append(Node(number, parent, name, score, float(torch.tensor(chance).exp()), fate))
    return nodes
