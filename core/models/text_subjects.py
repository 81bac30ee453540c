"""A text as a `Subject` to be explained: which words made a classifier say so, or a model expect the piece that it does
not see."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.attention.subject import Subject
from core.attention.trace import AttentionTrace
from core.models.classification import Classification, Classifier
from core.models.filling import Filler
from core.models.reading import Reader
from core.models.subjects import Embedded


def classification_subject(
    model: Classifier, text: str, found: Classification, target: int, against: int | None = None
) -> Subject:
    """What the model makes of a text that it was given. target: a class; against: a class whose logit `run` takes off.

    A model that sees no later word is explained as any other: its attention is the encoder of this text.
    """
    inputs, (trace,) = model.inputs(text), found.traces.values()

    def logits(given: dict[str, Tensor]) -> Tensor:
        return model.module(**given).logits.float()

    return _subject(model, inputs, trace, target, against, logits, model.probabilities, _reader(model.module, inputs))


def filling_subject(model: Filler, text: str, position: int, against: int | None = None) -> Subject:
    """Why the model expects the piece that stands at a position of a text, with this piece masked. against: another
    piece, whose logit `run` takes off. Raises SidelightError as `Filler.guess`."""
    inputs, whole = model.inputs(text), model.read(text)
    ids = inputs["input_ids"].clone()
    target = int(ids[0, position])
    ids[0, position] = model.tokenizer.mask_token_id
    marks = [mark or at == position for at, mark in enumerate(whole.axis.special)]  # the blank always stays
    inputs = {**inputs, "input_ids": ids}
    _, _, traces = model.recorded(inputs, replace(whole.axis, special=tuple(marks)))

    def logits(given: dict[str, Tensor]) -> Tensor:
        return model.module(**given).logits[:, position].float()

    reader = torch.zeros(len(marks)).index_fill(0, torch.tensor(position), 1.0)
    (trace,) = traces.values()
    return _subject(model, inputs, trace, target, against, logits, lambda values: values.softmax(-1), reader)


def _subject(
    model: Reader,
    inputs: dict[str, Tensor],
    trace: AttentionTrace,
    target: int,
    against: int | None,
    logits: Callable[[dict[str, Tensor]], Tensor],
    chances: Callable[[Tensor], Tensor],
    reader: Tensor,
) -> Subject:
    """logits: of inputs for B texts, (B, answers). chances: of logits."""
    ids, gap = inputs["input_ids"], model.tokenizer.unk_token_id

    def score(kept: Tensor, fill: str) -> Tensor:
        kept = kept.to(ids.device)
        given = {name: value.expand(len(kept), -1) for name, value in inputs.items()}
        if fill == "mask":
            given["input_ids"] = torch.where(kept, given["input_ids"], gap)
        else:
            given["attention_mask"] = kept.long()
        return chances(logits(given))[:, target]

    def run() -> tuple[Tensor, Tensor]:
        with Embedded(ids.shape) as read:
            values = logits(inputs)[0]
        return (values[target] if against is None else values[target] - values[against]), read.leaf

    def copies(count: int) -> Tensor:
        return logits({name: value.repeat(count, 1) for name, value in inputs.items()})[:, None]

    fills = (*(("mask",) if gap is not None else ()), *(("drop",) if "attention_mask" in inputs else ()))
    return Subject(
        {"encoder": replace(trace, kind="encoder")},
        trace.key_axis,
        target,
        reader,
        fills,
        score,
        run,
        lambda leaf: leaf[0],
        {"encoder": (None,) * trace.layers},
        copies,
        torch.tensor([target]),
    )


def _reader(module: Any, inputs: dict[str, Tensor]) -> Tensor:
    """The positions that the head reads, evenly, (N,): those whose last state moves the logits; the first where a
    model does not hand out its states."""
    with torch.enable_grad(), Embedded(inputs["input_ids"].shape):  # weights may be frozen
        output = module(**inputs, output_hidden_states=True)
        states = getattr(output, "hidden_states", None)
        slope = states and torch.autograd.grad(output.logits.square().sum(), states[-1], allow_unused=True)[0]
    count = inputs["input_ids"].shape[1]
    read = torch.zeros(count).index_fill(0, torch.tensor(0), 1.0)
    if slope is not None and slope.shape[1] == count and bool(slope.any()):
        read = (slope[0].abs().sum(-1) > 0).float().cpu()
    return read / read.sum()
