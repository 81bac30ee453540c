"""Extractive question answering: the model marks where in a text the answer begins and where it ends."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from core.attention.axes import TokenAxis
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models.hub import OnStep, from_hub, title
from core.models.reading import Reader

SPAN = 30  # pieces of an answer
BEST = 3


@dataclass(frozen=True)
class Span:
    """A stretch of the context, from position `first` to `last` of the axis, both included. The span of the CLS mark
    alone says that the context has no answer; its text is empty.

    probability: P(start = first) P(end = last), not renormalised over the allowed spans.
    """

    text: str
    probability: float
    first: int
    last: int


@dataclass(frozen=True)
class Answer:
    """axis: marks, question and context as the model reads them. spans: the most probable, at most three.

    start, end: (N,), softmax over the context's positions and the CLS mark; 0 elsewhere.
    traces: one, "encoder", or "decoder" where the model sees no later piece.
    """

    axis: TokenAxis
    traces: Traces
    spans: tuple[Span, ...]
    start: Tensor
    end: Tensor


@dataclass(eq=False)
class Answerer(Reader):
    """A model with a head for question answering, in eval mode."""

    task: Literal["answering"] = "answering"

    def answer(self, question: str, context: str) -> Answer:
        """Where in the context the answer is, and the attention of the whole pass.

        Models trained on questions that have none (SQuAD 2) say so by the CLS mark; no configuration tells which are.
        So the mark competes with all spans: a model that never learnt this gives it next to nothing. Raises
        SidelightError `answering.empty`, `answering.too_long`, `answering.not_captured`.
        """
        found = self.read(question, context)
        encoding = found.encoding
        cls = [i for i, piece in enumerate(encoding.ids) if piece == self.tokenizer.cls_token_id][:1]
        inside = [i for i, owner in enumerate(encoding.sequence_ids) if owner == 1]
        start, end = (_softmax(one[0], inside + cls) for one in (found.output.start_logits, found.output.end_logits))
        context = found.texts[1]
        spans = tuple(
            Span(_between(encoding.offsets, first, last, context) if first in inside else "", chance, first, last)
            for chance, first, last in best_spans(start, end, inside, cls)
        )
        return Answer(found.axis, found.traces, spans, start, end)


def best_spans(start: Tensor, end: Tensor, inside: list[int], cls: list[int]) -> list[tuple[float, int, int]]:
    """(probability, first, last) of the most probable spans among those inside the context that begin before they end
    and have at most SPAN pieces, and that of the CLS mark where there is one. start, end: (N,)."""
    n = len(start)
    allowed = torch.zeros(n, n, dtype=torch.bool, device=start.device)
    allowed[inside[0] : inside[-1] + 1, inside[0] : inside[-1] + 1] = True
    allowed = allowed.triu() & ~allowed.triu(SPAN)
    allowed[cls, cls] = True
    chances = torch.outer(start, end).masked_fill(~allowed, -1)
    best = chances.flatten().topk(min(BEST, int(allowed.sum())))
    return [(p, *divmod(at, n)) for p, at in zip(best.values.tolist(), best.indices.tolist(), strict=True)]


def _softmax(logits: Tensor, positions: list[int]) -> Tensor:
    """(N,) -> (N,): probabilities over these positions, 0 elsewhere."""
    found = torch.zeros(len(logits), dtype=torch.float32, device=logits.device)
    found[positions] = logits[positions].float().softmax(0)
    return found


def _between(offsets: list[tuple[int, int]], first: int, last: int, context: str) -> str:
    return context[offsets[first][0] : offsets[last][1]].strip()


def load_answerer(name: str | Path, on_step: OnStep | None = None) -> Answerer:
    """Any transformers model for extractive question answering. Raises SidelightError `model.*`."""
    module, tokenizer = from_hub(name, None, AutoModelForQuestionAnswering, AutoTokenizer, on_step)
    if module.config.is_encoder_decoder or not tokenizer.is_fast:
        raise SidelightError("model.unsupported", name=title(name))
    return Answerer(title(name), module, tokenizer)
