"""Filling blanks: a model that reads both ways says what stood where nothing is seen (Devlin et al. 2019, section 3.1),
and what each piece of a text is taken for by a model that did not see it, from both sides or from before alone."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM, AutoTokenizer

from core.attention.axes import TokenAxis
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models.decoding import Step, steps
from core.models.hub import OnStep, from_hub, title
from core.models.pieces import clean
from core.models.reading import Reader, Reading
from core.models.tokenizing import names, shown

BLANK = re.compile(r"_{2,}|\[MASK\]|<mask>")  # as people write one, and as models call it
TOP = 5  # pieces told for a position
COPIES = 32  # of a text, read at once


@dataclass(frozen=True)
class Guessed:
    """What a model takes pieces for that it does not see.

    positions: where on the axis. steps: one for each, with the probability of the piece that stands there; of a blank,
    of the likeliest piece. traces: "encoder" or "decoder", of one pass over the text as it is.
    """

    positions: tuple[int, ...]
    steps: tuple[Step, ...]
    axis: TokenAxis
    traces: Traces

    @property
    def nats(self) -> float:
        """Mean of -log of the probabilities: the loss a piece."""
        return -sum(math.log(max(step.probability, 1e-30)) for step in self.steps) / len(self.steps)


@dataclass(eq=False)
class Filler(Reader):
    """A model with a head for masked pieces, in eval mode."""

    task: Literal["filling"] = "filling"

    def fill(self, text: str) -> Guessed:
        """What stands in each blank of a text ("___"), each by itself. Raises SidelightError `filling.empty`,
        `filling.no_blank`, `filling.too_long`, `filling.not_captured`."""
        found = self.read(BLANK.sub(lambda _: self.tokenizer.mask_token, clean(text)), marks=True)
        ids = torch.tensor(found.encoding.ids)
        at = (ids == self.tokenizer.mask_token_id).nonzero()[:, 0].tolist()
        if not at:
            raise SidelightError("filling.no_blank")
        logits = found.output.logits[0, at]
        ids[at] = logits.argmax(-1).cpu()
        return guessed(self.tokenizer, logits, ids.tolist(), at, found.axis, found.traces)

    def guess(self, text: str) -> Guessed:
        """Each piece of a text, masked in its turn, from all others: their product is the pseudo-likelihood (Salazar et
        al. 2020, "Masked Language Model Scoring", equation 1). Raises SidelightError as `fill`."""
        found = self.read(text)
        at = [position for position, mark in enumerate(found.axis.special) if not mark]
        ids = found.encoding.ids
        return guessed(self.tokenizer, self._masked(found, at), ids, at, found.axis, found.traces)

    def _masked(self, found: Reading, at: Sequence[int]) -> Tensor:
        """Logits (n, vocabulary) of these positions, each masked in a copy of its own."""
        rows = torch.tensor([found.encoding.ids]).repeat(len(at), 1)
        rows[torch.arange(len(at)), at] = self.tokenizer.mask_token_id
        places = torch.tensor(at)
        with torch.inference_mode():
            parts = [
                self.module(
                    part.to(self.module.device), attention_mask=torch.ones_like(part).to(self.module.device)
                ).logits[torch.arange(len(part)), where]
                for part, where in zip(rows.split(COPIES), places.split(COPIES), strict=True)
            ]
        return torch.cat(parts)


def guessed(
    tokenizer: Any, logits: Tensor, ids: Sequence[int], at: Sequence[int], axis: TokenAxis, traces: Traces
) -> Guessed:
    """logits: (n, vocabulary), of the positions `at`. ids: of all positions."""
    chosen = torch.tensor([ids[position] for position in at], device=logits.device)
    pieces = [shown(text) for text in names(tokenizer, chosen.tolist())]
    told = steps(logits.float().log_softmax(-1), chosen, pieces, lambda some: names(tokenizer, some.tolist()), TOP)
    return Guessed(tuple(at), told, axis, traces)


def load_filler(name: str | Path, on_step: OnStep | None = None) -> Filler:
    """Any transformers model that fills masked pieces. Raises SidelightError `model.*`."""
    module, tokenizer = from_hub(name, None, AutoModelForMaskedLM, AutoTokenizer, on_step)
    if module.config.is_encoder_decoder or not tokenizer.is_fast or tokenizer.mask_token is None:
        raise SidelightError("model.unsupported", name=title(name))
    return Filler(title(name), module, tokenizer)
