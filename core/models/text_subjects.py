"""A classifier on a text, as a `Subject` to be explained: which words made it say so."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.attention.subject import Subject
from core.models.classification import Classification, Classifier
from core.models.subjects import Embedded


def classification_subject(
    model: Classifier, text: str, found: Classification, target: int, against: int | None = None
) -> Subject:
    """What the model makes of a text that it was given. target: a class; against: a class whose logit `run` takes off.

    A model that sees no later word is explained as any other: its attention is the encoder of this text.
    """
    module: Any = model.module
    inputs = model.inputs(text)
    ids, gap = inputs["input_ids"], model.tokenizer.unk_token_id

    def logits(given: dict[str, Tensor]) -> Tensor:
        return module(**given).logits.float()

    def chances(values: Tensor) -> Tensor:
        return values.softmax(-1) if found.exclusive else values.sigmoid()

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

    (trace,) = found.traces.values()
    fills = (*(("mask",) if gap is not None else ()), *(("drop",) if "attention_mask" in inputs else ()))
    return Subject(
        {"encoder": replace(trace, kind="encoder")},
        found.axis,
        target,
        _reader(module, inputs),
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
    with torch.enable_grad():
        output = module(**inputs, output_hidden_states=True)
        states = getattr(output, "hidden_states", None)
        slope = states and torch.autograd.grad(output.logits.square().sum(), states[-1], allow_unused=True)[0]
    count = inputs["input_ids"].shape[1]
    read = torch.zeros(count).index_fill(0, torch.tensor(0), 1.0)
    if slope is not None and slope.shape[1] == count and bool(slope.any()):
        read = (slope[0].abs().sum(-1) > 0).float().cpu()
    return read / read.sum()
