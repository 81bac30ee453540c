"""Text generation: a model goes on from a prompt, and each choice and its attention is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationMixin,
    LogitsProcessor,
    PreTrainedModel,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from core.attention.axes import TokenAxis
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace, Traces
from core.errors import SidelightError
from core.models.decoding import OnStep, Step, steps, watched
from core.models.families import ends
from core.models.filling import Guessed, guessed
from core.models.hub import from_hub, title
from core.models.pieces import HALF, clean, printable, text_axis
from core.models.tokenizing import covered, encode, names, read_ids, said, shown

LONGEST = 400  # pieces of a prompt
TOP = 5  # pieces shown for each step


@dataclass(frozen=True)
class Continuation:
    """What a model wrote after a prompt.

    text: the output alone, without characters that were left half written.
    prompt: how many positions of the axis are the prompt's; the others are the output's.
    ids: of all positions.
    steps: one for each output piece: the model's own distribution, before any temperature.
    traces: "decoder", of one pass over all positions. Row t has just read piece t and chooses piece t + 1.
    """

    text: str
    prompt: int
    ids: tuple[int, ...]
    axis: TokenAxis
    traces: Traces
    steps: tuple[Step, ...]
    stopped_by_limit: bool


@dataclass(eq=False)
class Generator:
    """module: a causal language model in eval mode. tokenizer: a fast one."""

    name: str
    module: PreTrainedModel
    tokenizer: Any

    def go_on(
        self,
        prompt: str,
        max_pieces: int = 40,
        temperature: float = 0.0,
        seed: int = 0,
        top_p: float = 1.0,
        on_step: OnStep | None = None,
    ) -> Continuation:
        """Write at most `max_pieces` pieces, then read everything once for steps and attention.

        temperature: 0 takes the most likely piece; above, pieces are drawn from softmax(logits / temperature), the same
        for the same seed. top_p: only from the most likely ones that together reach this probability (nucleus sampling,
        Holtzman et al. 2020, equation 2). White space at either end of the prompt is cut off. `on_step`
        is called after each step and may raise to stop. Raises SidelightError `generation.empty`,
        `generation.too_long`, `generation.not_captured`.
        """
        ids, texts, marks = self._prompt(prompt)
        limit = min(max_pieces, self._positions() - len(ids))
        drawn = _drawn(temperature, seed, top_p) if temperature > 0 else []
        output = self._write(ids, limit, drawn, on_step)
        all_texts, all_special = read_ids(self.tokenizer, output)
        added_texts, special = all_texts[len(ids) :], all_special[len(ids) :]
        added = output[len(ids) :]
        axis = text_axis(texts + added_texts, marks + special)
        logits, trace = self.read(output, axis)
        chosen = torch.tensor(added, device=logits.device)
        return Continuation(
            text="".join(text for text, mark in zip(added_texts, special, strict=True) if not mark).replace(HALF, ""),
            prompt=len(ids),
            ids=tuple(output),
            axis=axis,
            traces={"decoder": trace},
            steps=steps(
                logits[len(ids) - 1 : -1].float().log_softmax(-1),
                chosen,
                [shown(text) for text in added_texts],
                self.pieces,
                TOP,
            ),
            stopped_by_limit=added[-1] not in ends(self.module),
        )

    def instead(self, found: Continuation, step: int, choice: int) -> str:
        """The text up to a step, with another of its alternatives in place of what was written there."""
        before = list(found.ids[: found.prompt + step])
        logits, _ = self.read(before, text_axis([""] * len(before), [False] * len(before)))
        return said(self.tokenizer, [*before, int(logits[-1].topk(choice + 1).indices[-1])])

    def guess(self, text: str) -> Guessed:
        """Each piece of a text, from those before it. Raises SidelightError as `go_on`."""
        ids, texts, marks = self._prompt(text, whole=True)
        axis = text_axis(texts, marks)
        logits, trace = self.read(ids, axis)
        at = [position for position, mark in enumerate(marks) if position and not mark]
        found = logits[torch.tensor(at) - 1]
        return guessed(self.tokenizer, found, ids, at, axis, {"decoder": trace})

    def read(self, ids: list[int], axis: TokenAxis) -> tuple[Tensor, AttentionTrace]:
        """One pass: logits (N, vocabulary) and its attention. Raises SidelightError `generation.not_captured`, and
        `generation.not_causal` where a piece sees later ones."""
        found = torch.tensor([ids], device=self.module.device)
        with torch.inference_mode(), Tape.record(values=True) as tape:
            logits = self.module(input_ids=found, attention_mask=torch.ones_like(found)).logits[0]
        try:
            trace = AttentionTrace.from_calls("decoder", tape.calls, axis, axis)
        except ValueError as error:
            raise SidelightError("generation.not_captured", name=self.name) from error
        if trace.layers != self.module.config.get_text_config().num_hidden_layers:
            raise SidelightError("generation.not_captured", name=self.name)
        if not trace.is_causal:
            raise SidelightError("generation.not_causal", name=self.name)
        return logits, trace

    def pieces(self, ids: Tensor) -> list[str]:
        """Ids (n,), each by itself, as a person reads them."""
        return names(self.tokenizer, ids.tolist())

    def _prompt(self, prompt: str, whole: bool = False) -> tuple[list[int], list[str], list[bool]]:
        """Ids of the prompt, what each covers, and which are marks. A mark that ends texts does not belong to it, but
        where it is `whole`."""
        text = printable(prompt).strip() if clean(prompt) else ""
        encoding = encode(self.tokenizer, text).encodings[0] if text else None
        if encoding is None or all(encoding.special_tokens_mask):
            raise SidelightError("generation.empty")
        limit = min(LONGEST, self._positions() - 1)
        count = max(at for at, mark in enumerate(encoding.special_tokens_mask) if not mark) + 1
        if whole:
            count = len(encoding.ids)
        if count > limit + whole:
            raise SidelightError("generation.too_long", pieces=count, limit=limit)
        texts, marks = covered(encoding, [text])
        return encoding.ids[:count], texts[:count], marks[:count]

    def _write(self, ids: list[int], limit: int, drawn: list[LogitsProcessor], on_step: OnStep | None) -> list[int]:
        given = torch.tensor([ids], device=self.module.device)
        with torch.inference_mode():
            output = cast(GenerationMixin, self.module).generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=limit,
                do_sample=False,
                num_beams=1,
                logits_processor=drawn,
                stopping_criteria=watched(on_step, limit),
            )
        return output[0].tolist()

    def _positions(self) -> int:
        # Models with relative positions (ALiBi) name none.
        return getattr(self.module.config, "max_position_embeddings", None) or 2 * LONGEST


def _drawn(temperature: float, seed: int, top_p: float) -> list[LogitsProcessor]:
    nucleus = [TopPLogitsWarper(top_p)] if top_p < 1 else []
    return [TemperatureLogitsWarper(temperature), *nucleus, Drawn(seed)]


class Drawn(LogitsProcessor):
    """Makes the most likely piece a draw from softmax(scores), by Gumbel noise (Gumbel 1954; Maddison et al. 2014,
    equation 2). Its own generator gives the same draws beside other sessions and on every device."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """scores: (1, vocabulary). Returns new scores."""
        exponential = torch.empty(scores.shape, dtype=torch.float32).exponential_(generator=self.generator)
        return scores - exponential.log().to(scores.device)


def load_generator(name: str | Path, on_step: OnStep | None = None) -> Generator:
    """Any transformers causal language model. Raises SidelightError `model.*`, and `generation.not_causal` for one that
    reads whole texts, such as BERT, which transformers loads all the same."""
    module, tokenizer = from_hub(name, None, AutoModelForCausalLM, AutoTokenizer, on_step)
    if hasattr(module.config, "encoder_layers") or not tokenizer.is_fast:  # the former: a translator without its source
        raise SidelightError("model.unsupported", name=title(name))
    generator = Generator(title(name), module, tokenizer)
    generator.read([0, 1, 2], text_axis(["a", "b", "c"], [False] * 3))
    return generator
