"""The beam search as it went: what every step kept and what it let go, read from the library's own search."""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor
from transformers import GenerationMixin, LogitsProcessor

from core.models.decoding import rules
from core.models.translation import Translator

Fate = Literal["best", "kept", "finished", "pruned"]


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
    """nodes in the order of steps. output: ids of the winner, the start mark first. length_penalty: the winner has the
    highest score / pieces^length_penalty."""

    nodes: tuple[Node, ...]
    output: tuple[int, ...]
    beams: int
    length_penalty: float


class _Recorder(LogitsProcessor):
    """Keeps what the search has at each step; stands last, so that it sees the scores the search goes by."""

    def __init__(self, width: int) -> None:
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []
        self.width = width

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        log = scores if float(scores.max()) <= 0 else scores.log_softmax(-1)  # one beam is handed plain logits
        top = log.topk(self.width, -1)
        self.steps.append((input_ids.cpu().clone(), top.indices.cpu(), top.values.cpu()))
        return scores


def beam_tree(translator: Translator, sentence: str, target: str | None, beams: int, max_pieces: int = 128) -> BeamTree:
    """Search with the translator's own settings and keep, for each step, the candidates that were in reach.

    A step takes the best `beams` of all continuations of all beams. A continuation that ends the sentence leaves the
    beam and waits as finished. Sutskever et al. 2014, section 3.2; Wu et al. 2016, section 7.
    """
    source, _ = translator.source_pieces(sentence, target)
    mask, recorder = torch.ones_like(source), _Recorder(2 * beams)
    with torch.inference_mode():
        output = (
            cast(GenerationMixin, translator.module)
            .generate(
                input_ids=source,
                attention_mask=mask,
                num_beams=beams,
                max_new_tokens=max_pieces,
                logits_processor=[*rules(translator.module, source, mask), recorder],
                **translator.forced(target),
            )[0]
            .cpu()
        )
    end = translator.module.config.eos_token_id
    penalty = translator.module.generation_config.length_penalty
    nodes = _grow(translator, recorder.steps, tuple(output.tolist()), beams, end)
    return BeamTree(tuple(nodes), tuple(output.tolist()), beams, 1.0 if penalty is None else float(penalty))


def _grow(
    translator: Translator, steps: list[tuple[Tensor, Tensor, Tensor]], output: tuple[int, ...], beams: int, end: int
) -> list[Node]:
    nodes: list[Node] = []
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
        for rank, (score, chance, sequence, parent) in enumerate(found[: 2 * beams]):
            fate: Fate = "pruned"
            if sequence == output[: len(sequence)]:
                fate = "best"
            elif sequence[-1] == end and rank < beams:
                fate = "finished"
            elif sequence in following:
                fate = "kept"
            if sequence in following:
                alive[sequence] = (len(nodes), score)
            name = translator.pieces(torch.tensor(sequence[-1:]))[0]
            nodes.append(Node(number, parent, name, score, float(torch.tensor(chance).exp()), fate))
    return nodes
