"""A captioner: photo in; caption, the decision of each step and all three attentions out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor
from transformers import GenerationMixin, LogitNormalization, LogitsProcessor, VisionEncoderDecoderModel

from core.attention.axes import PatchAxis, TokenAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Traces, encoder_decoder_traces
from core.errors import SidelightError
from core.models import catalogue, eyes, loading, tokenizing
from core.models.decoding import NoLoops, OnStep, Step, steps, watched
from core.models.families import ends
from core.models.images import Fit, FittedImage, fit_image
from core.models.pieces import clean, text_axis
from core.models.vision import VisionModel, load_vision

SIDE = 224  # px of what the bundled captioner sees
LONGEST = 80  # pieces of a caption


@dataclass(frozen=True)
class Looked:
    """A picture as the captioner takes it. tensor: (1, 3, H, W). pixels: the same, to be seen."""

    tensor: Tensor
    axis: PatchAxis
    pixels: Image.Image


@dataclass(frozen=True)
class Caption:
    """source: the patches. target: the output y_1..y_n. decoder_input: the start mark, y_1..y_(n-1); as `Translation`.

    traces: "encoder", "decoder" and "cross". Row t of the last two writes y_t and has just read y_(t-1). score: mean
    log-probability (natural) of a piece. ids: of the decoder's input and the last output. context: what the rows of
    "cross" read besides, where one attention reads it all: the prompt, other pictures of the photo, marks.
    """

    text: str
    ids: tuple[int, ...]
    source: PatchAxis
    target: TokenAxis
    decoder_input: TokenAxis
    steps: tuple[Step, ...]
    score: float
    stopped_by_limit: bool
    traces: Traces
    context: tuple[AttentionTrace, ...] = ()


@dataclass(eq=False)
class Captioner:
    """module: a vision encoder and a decoder that reads it, in eval mode. look: what makes its input of an upright RGB
    image. languages: the mark that a caption begins with, by language; empty for a model that has one. unsure: a name
    of less probability (`core.scenes.words.name_chances`) is not to be trusted, where that was measured.
    prompted: whether it is told what to do by a prompt, in place of a language."""

    name: str
    module: VisionEncoderDecoderModel
    tokenizer: Any
    look: Callable[[Image.Image, Fit], Looked]
    languages: Mapping[str, int] = field(default_factory=dict)
    unsure: float | None = None
    prompted: bool = False

    def caption(
        self,
        image: Image.Image,
        language: str = "",
        fit: Fit = "crop",
        beams: int = 1,
        top_k: int = 5,
        on_step: OnStep | None = None,
    ) -> Caption:
        """Write, then read what was written once for steps and attention. `on_step` is called after each step and may
        raise to stop. Raises SidelightError `captioning.not_captured`."""
        looked = self.look(image, fit)
        return self.read(looked, self.search(looked, language, beams, on_step), top_k)

    def judged(self, image: Image.Image, text: str, language: str = "", fit: Fit = "crop", top_k: int = 5) -> Caption:
        """What the model makes of a caption that a person wrote: as if it had written it. Raises SidelightError
        `captioning.empty`, `captioning.too_long`, `captioning.not_captured`."""
        text = clean(text)
        ids = self.tokenizer(text).input_ids if text else []
        if not [piece for piece in ids if piece not in tokenizing.special_ids(self.tokenizer)]:
            raise SidelightError("captioning.empty")
        if ids[0] in (self.tokenizer.cls_token_id, self.tokenizer.bos_token_id):  # a caption begins with its own mark
            del ids[0]
        if ids[-1] not in ends(self.module):  # as of GPT-2, whose tokenizer ends nothing
            ids.append(ends(self.module)[0])
        if len(ids) > LONGEST:
            raise SidelightError("captioning.too_long", pieces=len(ids), limit=LONGEST)
        looked = self.look(image, fit)
        return self.read(looked, torch.tensor([[self.start(language), *ids]], device=looked.tensor.device), top_k)

    def search(
        self,
        looked: Looked,
        language: str = "",
        beams: int = 1,
        on_step: OnStep | None = None,
        *watching: LogitsProcessor,
    ) -> Tensor:
        """Beam search: ids (1, 1 + n), the start mark first. watching: stand by, after all rules."""
        nothing = torch.zeros(1, 1, dtype=torch.long)  # what is read is no text that may repeat itself
        with torch.inference_mode():
            return cast(GenerationMixin, self.module).generate(
                pixel_values=looked.tensor,
                decoder_start_token_id=self.start(language),
                num_beams=beams,
                do_sample=False,
                max_new_tokens=LONGEST,
                logits_processor=[LogitNormalization(), NoLoops(nothing, torch.ones_like(nothing)), *watching],
                stopping_criteria=watched(on_step, LONGEST),
            )

    def read(self, looked: Looked, output: Tensor, top_k: int = 5) -> Caption:
        """One teacher-forced pass over a given output, ids (1, 1 + n), the start mark first. Raises SidelightError
        `captioning.not_captured`."""
        with torch.inference_mode(), Tape.record(values=True) as tape:
            logits = self.logits(looked.tensor, output[:, :-1])[0]
        target, given = output[0, 1:], self._axis(output[0, :-1])
        chances = logits.float().log_softmax(-1)
        return Caption(
            text=tokenizing.said(self.tokenizer, target.tolist()).strip(),
            ids=tuple(output[0].tolist()),
            source=looked.axis,
            target=self._axis(target),
            decoder_input=given,
            steps=steps(chances, target, self.pieces(target), self.pieces, top_k),
            score=float(chances.gather(1, target[:, None]).mean()),
            stopped_by_limit=int(target[-1]) not in ends(self.module),
            traces=self._traces(tape.calls, looked.axis, given),
        )

    def logits(self, pixels: Tensor, given: Tensor) -> Tensor:
        """pixels: (B, 3, H, W). given: ids (B, n), the start mark first. (B, n, vocabulary), where padding is never
        written, unless it is the end mark, as of GPT-2."""
        found = self.module(pixel_values=pixels, decoder_input_ids=given, use_cache=False).logits
        padding = self.module.config.pad_token_id
        if padding is None or padding in ends(self.module):
            return found
        return found.index_fill(-1, torch.tensor(padding, device=found.device), -torch.inf)

    @property
    def targets(self) -> tuple[str, ...]:
        """The languages that it can be told to write."""
        return tuple(self.languages)

    def start(self, language: str) -> int:
        """The mark that a caption begins with. Raises SidelightError `captioning.language`."""
        if not self.languages:
            return int(self.module.generation_config.decoder_start_token_id)
        if language not in self.languages:
            raise SidelightError("captioning.language", language=language, known=", ".join(self.languages))
        return self.languages[language]

    def pieces(self, ids: Tensor) -> list[str]:
        """Ids (n,) one by one, as a person reads them."""
        return tokenizing.names(self.tokenizer, ids.tolist())

    def _axis(self, ids: Tensor) -> TokenAxis:
        return text_axis(*tokenizing.read_ids(self.tokenizer, ids.tolist()))

    def _traces(self, calls: list[AttentionCall], source: PatchAxis, given: TokenAxis) -> Traces:
        decoder = layers_of(self.module)
        encoder = len(calls) - 2 * decoder
        try:
            return encoder_decoder_traces(calls, encoder, source, given)
        except ValueError as error:
            raise SidelightError("captioning.not_captured", name=self.name) from error


def layers_of(module: Any) -> int:
    """How many layers the decoder has; Marian and BART count an encoder's apart."""
    config = module.config.decoder
    return getattr(config, "decoder_layers", config.num_hidden_layers)


def with_eyes(
    name: str, module: VisionEncoderDecoderModel, tokenizer: Any, vision: VisionModel, size: int = SIDE
) -> Captioner:
    """A captioner that looks with a vision model of this project, and has a mark for each language that its vocabulary
    has a tag of. size: px of what it sees."""

    def look(image: Image.Image, fit: Fit) -> Looked:
        fitted: FittedImage = fit_image(image, fit, size, vision.patch)
        axis = PatchAxis(fitted.grid, vision.prefix, fitted.image_box, image.size)
        return Looked(vision.pixels(fitted.pixels), axis, fitted.pixels)

    marks = {language: tokenizer.convert_tokens_to_ids(tag) for language, tag in eyes.TAGS.items()}
    known = {language: mark for language, mark in marks.items() if mark != tokenizer.unk_token_id}
    return Captioner(name, module, tokenizer, look, known)


def load_bundled() -> Captioner:
    """Raises SidelightError `model.*`."""
    card = catalogue.CAPTIONER
    loading.verified_weights(card)
    found = with_eyes(card.title, *eyes.load(card.folder, load_vision(card.base or "")))
    known = json.loads((card.folder / "captioner.json").read_text("utf-8"))
    return replace(found, unsure=known.get("unsure", {}).get("least"))
