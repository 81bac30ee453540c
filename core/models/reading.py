"""One pass of a model that reads a text, or a pair of texts: what it gives and its attention, of which answers and
classes are made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from core.attention.axes import TokenAxis
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace, Traces
from core.errors import SidelightError
from core.models.pieces import clean, text_axis
from core.models.tokenizing import covered, encode

LONGEST = 512  # pieces of all texts together


@dataclass(frozen=True)
class Reading:
    """texts: as they were read. encoding: a `tokenizers.Encoding` of them. output: the model's own. traces: one,
    "encoder", or "decoder" where the model sees no later piece."""

    texts: tuple[str, ...]
    encoding: Any
    output: Any
    axis: TokenAxis
    traces: Traces


@dataclass(eq=False)
class Reader:
    """module: a model with a head for its task, in eval mode. tokenizer: a fast one. task: with it the codes of errors
    begin."""

    name: str
    module: PreTrainedModel
    tokenizer: Any
    task: Literal["answering", "classification", "filling"]

    @property
    def limit(self) -> int:
        """How many pieces are accepted, marks included."""
        positions = getattr(self.module.config, "max_position_embeddings", None) or LONGEST
        return min(self.tokenizer.model_max_length, positions, LONGEST)

    def inputs(self, text: str) -> dict[str, Tensor]:
        """What the model is given for a text that it can read: "input_ids" (1, N) and what it takes beside them."""
        given = encode(self.tokenizer, clean(text))
        return self._taken({"attention_mask": torch.ones_like(given["input_ids"]), **given})

    def read(self, *typed: str, marks: bool = False) -> Reading:
        """marks: whether the tokenizer's own marks are meant where they stand in the text.

        Raises SidelightError `<task>.empty`, `<task>.too_long`, `<task>.not_captured`.
        """
        texts = tuple(clean(text) for text in typed)
        if not all(texts):
            raise SidelightError(f"{self.task}.empty")
        inputs = encode(self.tokenizer, *texts, marks=marks)
        encoding = inputs.encodings[0]
        if not {*range(len(texts))} <= set(encoding.sequence_ids):  # nothing that the vocabulary knows
            raise SidelightError(f"{self.task}.empty")
        if len(encoding) > self.limit:
            raise SidelightError(f"{self.task}.too_long", pieces=len(encoding), limit=self.limit)
        axis = text_axis(*covered(encoding, texts))
        return Reading(texts, encoding, *self.recorded(self._taken(inputs), axis))

    def recorded(self, inputs: Mapping[str, Tensor], axis: TokenAxis) -> tuple[Any, TokenAxis, Traces]:
        """The model's output for these inputs, the axis, and the attention. Raises SidelightError
        `<task>.not_captured`."""
        with torch.inference_mode(), Tape.record(values=True) as tape:
            output = self.module(**inputs)
        return output, axis, self._traces(tape, axis)

    def _taken(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the model takes of what its tokenizer gives, where the model is."""
        known = signature(self.module.forward).parameters
        return {name: value.to(self.module.device) for name, value in given.items() if name in known}

    def _traces(self, tape: Tape, axis: TokenAxis) -> Traces:
        try:
            trace = AttentionTrace.from_calls("encoder", tape.calls, axis, axis)
        except ValueError as error:
            raise SidelightError(f"{self.task}.not_captured", name=self.name) from error
        if trace.layers != self.module.config.get_text_config().num_hidden_layers:
            raise SidelightError(f"{self.task}.not_captured", name=self.name)
        return {"decoder": replace(trace, kind="decoder")} if trace.is_causal else {"encoder": trace}
