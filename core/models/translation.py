"""A translator: sentence in; translation, the decision of each step and all three attentions out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationMixin, LogitsProcessor, PreTrainedModel

from core.attention.axes import TokenAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import Traces, encoder_decoder_traces
from core.errors import SidelightError
from core.models import calls, catalogue, families, hub, loading, own_pieces, tokenizing
from core.models.decoding import OnStep, Step, rules, steps, watched
from core.models.languages import TAG, Languages, languages_of, parts
from core.models.merging import with_adapter
from core.models.pieces import clean, text_axis
from core.models.prompts import add_prompts, prompt_ids

LONGEST = 200  # source pieces that are accepted


@dataclass(frozen=True)
class Translation:
    """source: x_1..x_m. target: the output y_1..y_n. decoder_input: the start mark, y_1..y_(n-1).

    traces: "encoder", "decoder" and "cross". Row t of the last two writes y_t and has just read decoder_input[t] =
    y_(t-1); `rows` gives them by reading. score: mean log-probability (natural) of a piece that the model chose. ids:
    of the decoder's input and the last output.
    """

    text: str
    ids: tuple[int, ...]
    source: TokenAxis
    target: TokenAxis
    decoder_input: TokenAxis
    steps: tuple[Step, ...]
    score: float
    stopped_by_limit: bool
    traces: Traces


def rows(translation: Translation, reading: str) -> list[int | None]:
    """For each output piece, its row in the traces "decoder" and "cross": as the piece being written ("output") or as
    the piece just read ("input"). The last output is never read: None."""
    count = len(translation.target)
    if reading == "output":
        return list(range(count))
    return [*range(1, count), None]


@dataclass(eq=False)
class Translator:
    """module: a sequence-to-sequence model in eval mode. targets: what it can be told to write, or empty. languages:
    how it is told; by a tag before the sentence where nothing else is said. recording: the way its calls are seen."""

    name: str
    module: PreTrainedModel
    tokenizer: Any
    targets: tuple[str, ...]
    languages: Languages = field(default_factory=Languages)
    recording: Callable[..., AbstractContextManager[Tape]] = calls.recorded

    def __post_init__(self) -> None:
        if self.targets and not self.languages.targets:
            self.languages = Languages.tagged(self.targets)

    @property
    def sources(self) -> tuple[str, ...]:
        """What it reads, where it must be told; the usual one first."""
        return self.languages.sources

    def translate(
        self,
        sentence: str,
        target: str | None = None,
        beams: int = 5,
        max_pieces: int = 128,
        top_k: int = 5,
        on_step: OnStep | None = None,
    ) -> Translation:
        """Beam search, then one teacher-forced pass over its choice that gives steps and attention.

        target: one of `targets`, or "source>target" with one of `sources`. `on_step` is called after each step and may
        raise to stop. Raises SidelightError as `source_pieces`, and `translation.not_captured`.
        """
        source, axis = self.source_pieces(sentence, target)
        return self.read(source, axis, self.search(source, beams, max_pieces, on_step, target), top_k)

    def search(
        self,
        source: Tensor,
        beams: int = 5,
        max_pieces: int = 128,
        on_step: OnStep | None = None,
        target: str | None = None,
        *watching: LogitsProcessor,
    ) -> Tensor:
        """Beam search for ids (1, m): ids (1, 1 + n), the start mark first. watching: stand by, after all rules."""
        limit = min(max_pieces, self._positions() - 1)
        mask = torch.ones_like(source)
        with torch.inference_mode():
            return cast(GenerationMixin, self.module).generate(
                input_ids=source,
                attention_mask=mask,
                num_beams=beams,
                max_new_tokens=limit,
                logits_processor=[*rules(self.module, source, mask), *watching],
                stopping_criteria=watched(on_step, limit),
                **self.forced(target),
            )

    def forced(self, target: str | None) -> dict[str, int | None]:
        """What `generate` must be told of the output: its first piece, where that names the target. Where the limit
        cuts it off, the last piece is no end mark: Marian and BART would have it put there by force, as if the model
        had ended by itself."""
        first = self.languages.first.get(parts(target)[1] or "")
        return {"forced_eos_token_id": None} | ({} if first is None else {"forced_bos_token_id": first})

    def read(self, source: Tensor, axis: TokenAxis, output: Tensor, top_k: int = 5) -> Translation:
        """One teacher-forced pass over a given output. source, axis: from `source_pieces`; output: ids (1, 1 + n), the
        start mark first. Raises SidelightError `translation.not_captured`."""
        given = {"input_ids": source, "attention_mask": torch.ones_like(source), "decoder_input_ids": output[:, :-1]}
        with torch.inference_mode():
            with self.recording(values=True) as tape:
                logits = self.module(**given).logits[0]
            if len(tape.calls) != self._calls and self.recording != Tape.record:
                self.recording = Tape.record  # from now on: this model makes its calls by itself
                return self.read(source, axis, output, top_k)
            return self._translation(axis, output[0], logits, tape.calls, top_k)

    def how_told(self, target: str) -> dict[str, Any]:
        """What to write, for one who has transformers alone: ids and words that stand before the sentence, what the
        tokenizer and what `generate` must be given."""
        told = self.languages
        tag, first = told.pieces.get(target), told.first.get(target)
        return {
            "ids": [self.tokenizer.convert_tokens_to_ids(tag)] if tag else [],
            "words": told.words.get(target, ""),
            "tokenizer": {"src_lang": self.sources[0]} if self.sources else {},
            "generate": {} if first is None else {"forced_bos_token_id": first},
        }

    def source_pieces(self, sentence: str, target: str | None) -> tuple[Tensor, TokenAxis]:
        """Ids (1, m) and pieces of the cleaned sentence with its language tag. Tags that were typed are plain text.

        Pieces that the vocabulary lacks keep the letters that were typed. Raises SidelightError `translation.empty`,
        `translation.too_long`, `translation.unknown_target`.
        """
        ids, texts, marks = self._cut(sentence, target)
        limit = min(LONGEST, self._positions())
        if len(ids) > limit:
            raise SidelightError("translation.too_long", pieces=len(ids), limit=limit)
        prompts = prompt_ids(self.module)  # they stand before the sentence
        names = [f"<prompt {n + 1}>" for n in range(len(prompts))]
        axis = text_axis(names + texts, [True] * len(prompts) + marks)
        return torch.tensor([prompts + ids], device=self.module.device), axis

    def length(self, sentence: str, target: str | None) -> int:
        """The number of pieces of a sentence of any length, its marks included."""
        return len(self._cut(sentence, target)[0])

    def reference(self, text: str, target: str | None) -> list[int]:
        """Ids of a given translation with its marks, as the decoder is trained on."""
        return tokenizing.encode_targets(self.tokenizer, [text], parts(target)[1] if self.sources else None)[0]

    def _cut(self, sentence: str, target: str | None) -> tuple[list[int], list[str], list[bool]]:
        """Ids, what each covers, and which are marks."""
        told = self.languages
        spoken, written = told.check(target)
        text = clean(TAG.sub(lambda tag: tag[0].replace(">>", "> > ").replace("<<", " < <"), sentence))
        if not text:
            raise SidelightError("translation.empty")
        text = told.words.get(written, "") + text
        with tokenizing.LOCK:
            if self.sources:
                self.tokenizer.src_lang = spoken or self.sources[0]
            ids, texts, marks = tokenizing.read_text(self.tokenizer, text)
        if not (tag := told.pieces.get(written)):
            return ids, texts, marks
        return [self.tokenizer.convert_tokens_to_ids(tag), *ids], [tag, *texts], [True, *marks]

    def _positions(self) -> int:
        return families.positions(self.module.config) or LONGEST

    def _axis(self, ids: Tensor) -> TokenAxis:
        return text_axis(*tokenizing.read_ids(self.tokenizer, ids.tolist()))

    def _translation(
        self, source: TokenAxis, output: Tensor, logits: Tensor, made: list[AttentionCall], top_k: int
    ) -> Translation:
        target, given = output[1:], output[:-1]
        log_probabilities = self._log_probabilities(logits)
        read = self._axis(given)
        return Translation(
            text=self.text(target),
            ids=tuple(output.tolist()),
            source=source,
            target=self._axis(target),
            decoder_input=read,
            steps=steps(log_probabilities, target, self.pieces(target), self.pieces, top_k),
            score=float(log_probabilities.gather(1, target[:, None])[self._begins(target) :].mean()),
            stopped_by_limit=int(target[-1]) != self.module.config.eos_token_id,
            traces=self._traces(made, source, read),
        )

    def _begins(self, target: Tensor) -> int:
        """How many pieces the model was made to begin with: its language's, which it did not choose."""
        return int(len(target) > 1 and int(target[0]) in self.languages.first.values())

    def _log_probabilities(self, logits: Tensor) -> Tensor:
        """(n, vocabulary) -> the same. The pad piece is never an output, so it takes no part."""
        logits = logits.float().clone()
        logits[:, self.module.config.pad_token_id] = -torch.inf
        return logits.log_softmax(-1)

    def text(self, output: Tensor) -> str:
        """What ids (n,) say, without marks."""
        return tokenizing.said(self.tokenizer, output.tolist()).strip()

    def pieces(self, ids: Tensor) -> list[str]:
        """Ids (n,) one by one, as a person reads them."""
        return tokenizing.names(self.tokenizer, ids.tolist())

    @property
    def _calls(self) -> int:
        """The attention calls of a pass."""
        encoder, decoder = families.layers(self.module.config)
        return encoder + 2 * decoder

    def _traces(self, made: list[AttentionCall], source: TokenAxis, given: TokenAxis) -> Traces:
        if len(made) != self._calls:
            raise SidelightError("translation.not_captured", name=self.name)
        try:
            return encoder_decoder_traces(made, families.layers(self.module.config)[0], source, given)
        except ValueError as error:
            raise SidelightError("translation.not_captured", name=self.name) from error


def load_translator(name: str | Path, on_step: OnStep | None = None) -> Translator:
    """The bundled model by its key, or any transformers sequence-to-sequence model by its name on the hub or from a
    folder. Raises SidelightError `model.*`."""
    card = catalogue.card(name) if isinstance(name, str) else None
    if card is not None:
        return load_translator_card(card)
    return _translator(
        hub.title(name), *hub.from_hub(name, "translation", AutoModelForSeq2SeqLM, AutoTokenizer, on_step)
    )


def fetch_translator(name: str, on_step: OnStep | None = None) -> Path:
    """The folder of a model of the hub, fetched where it is not here yet. Raises SidelightError `model.*`."""
    title = loading.check_model_name(name)
    check = partial(loading.check_class, title, AutoModelForSeq2SeqLM)
    return hub.obtain(name, "translation", on_step, check=check)


def load_translator_card(card: catalogue.ModelCard) -> Translator:
    """Raises SidelightError `model.unsupported` for a vision model, `model.run_gone` for damaged files of a run."""
    loading.check_task(card, "translation")
    loading.verified_weights(card)
    whole = (card.folder / "config.json").exists()
    with loading.run_errors(card):
        return _load(card.title, card.folder) if whole else with_changes(load_translator(card.base or ""), card)


def with_changes(translator: Translator, card: catalogue.ModelCard) -> Translator:
    """The translator as fine-tuning left it: an adapter of peft's, or learnt positions before each source. It changes
    `translator`'s own module. Raises SidelightError `model.not_its_base`."""
    module = translator.module
    own_pieces.release(module)
    if (card.folder / "adapter_config.json").exists():
        module = with_adapter(module, card.folder)
    else:
        changed = load_file(card.weights)
        add_prompts(module, len(next(iter(changed.values()))))
        loading.load_part(module, changed, card.title)
    return replace(translator, name=card.title, module=module.eval().to(loading.device()))


def load_translator_folder(folder: Path) -> Translator:
    """A translator from disk, as training leaves it."""
    return _load(folder.name, folder)


def _load(name: str, place: Path) -> Translator:
    found = loading.from_folder(name, place, AutoModelForSeq2SeqLM, AutoTokenizer)
    return _translator(name, *own_pieces.held(*found, place))


def _translator(name: str, module: Any, tokenizer: Any) -> Translator:
    families.settle_marks(module, tokenizer)
    languages = languages_of(tokenizer, module.config, module.generation_config.forced_bos_token_id)
    return Translator(name, module, tokenizer, languages.targets, languages)
