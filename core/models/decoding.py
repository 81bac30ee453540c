"""What all ways to write text share: the record of a step, progress that may stop it, a rule against going in circles.

A small model far from what it knows repeats itself ("a man in a man in a man in ..."). `no_repeat_ngram_size` of
transformers is no remedy: good captions repeat 3- and 4-grams, and only its size 2 would stop "a a a". So a piece is
forbidden only where it would complete a run of pieces that stands too often in a row.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitNormalization, LogitsProcessor, StoppingCriteria, StoppingCriteriaList

TIMES = 2  # in a row, which every output may have ("very very good")
LEAST = -1e4  # of a log-probability whose share of an entropy is nothing
OWN = "own_pieces"  # of a module: what each of its languages is written in
OnStep = Callable[[int, int], None]  # (steps done, limit)


@dataclass(frozen=True)
class Step:
    """One output piece: its probability, the entropy of the whole choice (bits) and the most likely pieces."""

    piece: str
    probability: float
    entropy: float
    alternatives: tuple[tuple[str, float], ...]


def steps(
    log_probabilities: Tensor, chosen: Tensor, pieces: Sequence[str], names: Callable[[Tensor], list[str]], top_k: int
) -> tuple[Step, ...]:
    """log_probabilities: (n, vocabulary), natural. chosen: ids (n,), read as `pieces`. names: how ids (k,) are read."""
    probabilities = log_probabilities.exp()
    bits = -log_probabilities.clamp(min=LEAST) / math.log(2)  # a piece that is never chosen has none
    top = probabilities.topk(min(top_k, probabilities.shape[-1]), -1)
    own, entropy = probabilities.gather(1, chosen[:, None])[:, 0], (probabilities * bits).sum(-1)
    named = iter(names(top.indices.flatten()))
    rows = zip(pieces, own.tolist(), entropy.tolist(), top.values.tolist(), strict=True)
    return tuple(Step(piece, p, h, tuple((next(named), value) for value in values)) for piece, p, h, values in rows)


class Progress(StoppingCriteria):
    """Tells after each step how far the search is; stops nothing by itself."""

    def __init__(self, on_step: OnStep, limit: int) -> None:
        self.on_step, self.limit, self.done = on_step, limit, 0

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        self.done += 1
        self.on_step(self.done, self.limit)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def watched(on_step: OnStep | None, limit: int) -> StoppingCriteriaList:
    """For `generate`, which takes no bare None."""
    return StoppingCriteriaList([Progress(on_step, limit)] if on_step else [])


def repeats(pieces: Sequence[Hashable]) -> int:
    """How often the most repeated run of pieces stands in a row: 1 for "a b a", 3 for "x a b a b a b", 0 for none."""
    most = min(1, len(pieces))
    for length in range(1, len(pieces) // 2 + 1):
        same = 0  # pieces so far that equal the one `length` before them
        for at in range(length, len(pieces)):
            same = same + 1 if pieces[at] == pieces[at - length] else 0
            most = max(most, same // length + 1)
    return most


class NoLoops(LogitsProcessor):
    """Forbids a piece that would make a run of pieces stand more than twice in a row, or more often than some run
    stands in a row in the source: who types "ha ha ha ha" or 10,000 means it, and gets at most as many."""

    def __init__(self, source: Tensor, mask: Tensor) -> None:
        """source, mask: (sentences, m), as the model reads them; mask 0 where a sentence is filled up."""
        rows = zip(source.tolist(), mask.tolist(), strict=True)
        times = [repeats([piece for piece, real in zip(*row, strict=True) if real]) for row in rows]
        self.times = torch.tensor(times, device=source.device).clamp(min=TIMES)  # (sentences,)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids: (sentences x beams, n) so far. scores: (sentences x beams, vocabulary). Returns new scores."""
        scores = scores.clone()
        times = self.times.repeat_interleave(len(input_ids) // len(self.times))
        n = input_ids.shape[1]
        for length in range(1, (n + 1) // (TIMES + 1) + 1):
            same = input_ids[:, length:] == input_ids[:, :-length]
            trailing = same.flip(1).cumprod(1).sum(1)  # pieces at the end that equal the one `length` before them
            full = trailing + 1 >= times * length
            scores[full, input_ids[full, n - length]] = -torch.inf
        return scores


class OwnPieces(LogitsProcessor):
    """Forbids what the target language is not written in, but for what stands in the source: names are copied."""

    def __init__(self, own: Mapping[int, Tensor], source: Tensor) -> None:
        """own: by the id of a language's tag, (vocabulary,) bool. source: (sentences, m); a row without a tag of these
        is free."""
        rows = [next((own[piece] for piece in row if piece in own), None) for row in source.tolist()]
        size = len(next(iter(own.values())))
        free = torch.ones(size, dtype=torch.bool)
        self.allowed = torch.stack([free if row is None else row for row in rows]).to(source.device)  # own copies
        self.allowed.scatter_(1, source.clamp(max=size - 1), True)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """As `NoLoops`."""
        beams = len(input_ids) // len(self.allowed)
        return scores.masked_fill(~self.allowed.repeat_interleave(beams, 0), -torch.inf)


def rules(module: Any, source: Tensor, mask: Tensor) -> list[LogitsProcessor]:
    """What holds for whatever a translator writes. source, mask: (sentences, m), as the model reads them. Scores are
    log-probabilities first, so that what is left of them after the rules is what the model gave."""
    own = getattr(module, OWN, None)
    return [LogitNormalization(), NoLoops(source, mask), *([OwnPieces(own, source)] if own else [])]
