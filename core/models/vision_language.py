"""A vision-language model: a photo and a prompt in; what it writes, the decision of each step, and what each word read
of the photo, of the prompt and of what was written before it.

Its decoder has one attention over all of these. Which positions are image tokens its processor says, where they lie
`image_tokens.py` finds; the attention is told apart in `core.attention.parts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor
from transformers import GenerationMixin

from core.attention.axes import Axis, PatchAxis, TokenAxis
from core.attention.parts import part_traces
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Kind
from core.errors import SidelightError
from core.models import tokenizing
from core.models.captioning import LONGEST, Caption
from core.models.decoding import NoLoops, OnStep, steps, watched
from core.models.families import ends
from core.models.image_tokens import NotPlaced, Placed, place
from core.models.images import Fit
from core.models.pieces import clean, text_axis

LONGEST_PROMPT = 400  # characters
LARGEST = 1024  # px of a photo's longer side: some processors make tokens of every patch, however many there are
SAME = 0.05  # natural log-probability: how far what is read again may be off what was written


@dataclass(frozen=True)
class Seen:
    """A picture and a prompt as the model takes them. inputs: of the model. ids: (N,). image: (tokens,), the positions
    of the image tokens; grids: where they lie. between: positions of marks among them, such as those of tiles. prompt:
    the other positions, and its axis. photo: as it was given, and text: what was asked. pixels: what of the photo the
    first grid covers."""

    inputs: Mapping[str, Tensor]
    ids: Tensor
    image: Tensor
    grids: tuple[Placed, ...]
    between: Tensor
    prompt: Tensor
    prompt_axis: TokenAxis
    photo: Image.Image
    text: str
    pixels: Image.Image

    @property
    def axis(self) -> PatchAxis:
        return self.grids[0].axis


@dataclass(eq=False)
class VisionLanguage:
    """module: a decoder-only model of pictures and words, in eval mode. processor: its own."""

    name: str
    module: Any
    processor: Any
    tried: set[tuple[object, ...]] = field(default_factory=set)  # shapes of grids whose order was found right
    languages: Mapping[str, int] = field(default_factory=dict)  # none of them is chosen by a mark
    unsure: float | None = None
    prompted: bool = True

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer

    @property
    def merge(self) -> int:
        """How many patches a side make one image token, where the processor tells patches one by one."""
        return getattr(self.processor.image_processor, "merge_size", 1)

    def look(self, image: Image.Image, prompt: str) -> Seen:
        """The photo, at most `LARGEST` px long, as the processor resizes and cuts it. Raises SidelightError
        `vision_language.empty`, `vision_language.too_long`, `vision_language.not_placed`."""
        prompt = self._without_marks(clean(prompt))
        if not prompt:
            raise SidelightError("vision_language.empty")
        if len(prompt) > LONGEST_PROMPT:
            raise SidelightError("vision_language.too_long", letters=len(prompt), limit=LONGEST_PROMPT)
        image = image.copy()
        image.thumbnail((LARGEST, LARGEST))
        inputs = self.prepared(image, prompt)
        ids = inputs["input_ids"][0]
        is_image = ids == self.module.config.image_token_id
        try:
            count = int(is_image.sum())
            grids = place(lambda one: self.prepared(one, prompt), image.size, count, self.merge) if count else ()
        except NotPlaced as error:
            raise SidelightError("vision_language.not_placed", name=self.name, tokens=count) from error
        if not grids or not self._is_placed(grids, prompt):
            raise SidelightError("vision_language.not_placed", name=self.name, tokens=count)
        tokens, at = is_image.nonzero()[:, 0], torch.arange(len(ids), device=ids.device)
        inside = (at > tokens[0]) & (at < tokens[-1])
        asked = at[~is_image & ~inside]
        axis = text_axis(*tokenizing.read_ids(self.tokenizer, ids[asked].tolist()))
        edges = [round(edge) for edge in grids[0].axis.image_box]
        shown = image.crop(
            (max(0, edges[0]), max(0, edges[1]), min(image.width, edges[2]), min(image.height, edges[3]))
        )
        return Seen(inputs, ids, tokens, grids, at[~is_image & inside], asked, axis, image, prompt, shown)

    def _is_placed(self, grids: Sequence[Placed], prompt: str) -> bool:
        """Whether the features are in the order that is assumed: a white square on black changes that of its own cell
        most. Attention gives nothing meanwhile, so that a feature is made of its own patches. Tried once a shape."""
        shapes = tuple((grid.axis.grid, grid.axis.image_box, grid.axis.image_size) for grid in grids)
        if shapes in self.tried:
            return True
        black = Image.new("RGB", grids[0].axis.image_size)
        for grid in grids:
            rows, columns = grid.axis.grid
            planted = (rows - 1) * columns + min(1, columns - 1)  # the last row, the second column
            white = black.copy()
            white.paste("white", tuple(round(edge) for edge in _cell(grid, planted)))  # type: ignore[arg-type]
            dark, lit = (self._features(picture, prompt)[grid.order] for picture in (black, white))
            if int((dark - lit).norm(dim=-1).argmax()) != planted:
                return False
        self.tried.add(shapes)
        return True

    def _features(self, picture: Image.Image, prompt: str) -> Tensor:
        """What is put in place of the image tokens, where attention gives nothing: (tokens, D)."""
        inputs = self.prepared(picture, prompt)
        known = signature(self.module.get_image_features).parameters
        given = {name: value for name, value in inputs.items() if name in known}
        with torch.inference_mode(), Tape.intervene(lambda call, output: torch.zeros_like(output)):
            found = self.module.get_image_features(**given).pooler_output
        return (found if isinstance(found, Tensor) else torch.cat(list(found))).float().flatten(0, -2)

    def _without_marks(self, prompt: str) -> str:
        """What a person typed without what the tokenizer would take for marks, such as another picture's."""
        known = {self.processor.image_token, *map(str, self.tokenizer.added_tokens_decoder.values())}
        before = ""
        while before != prompt:
            before = prompt
            for mark in known:
                prompt = prompt.replace(mark, "")
        return clean(prompt)

    def prepared(self, image: Image.Image, prompt: str) -> dict[str, Tensor]:
        """What the model takes."""
        if self.processor.chat_template:
            content = [{"type": "image", "image": image}, {"type": "text", "text": prompt}]
            found = self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        else:
            found = self.processor(images=[image], text=self.processor.image_token + prompt, return_tensors="pt")
        known = signature(self.module.forward).parameters
        kept = {name: value for name, value in found.items() if name in known and name != "labels"}
        return {name: value.to(self.module.device) for name, value in kept.items()}

    def caption(
        self,
        image: Image.Image,
        prompt: str,
        fit: Fit = "stretch",
        beams: int = 1,
        top_k: int = 5,
        on_step: OnStep | None = None,
    ) -> Caption:
        """Write, always the most likely piece, then read what was written once for steps and attention. fit, beams: of
        no effect. `on_step` is called after each step and may raise to stop. Raises as `look`, and
        `vision_language.not_captured`."""
        seen = self.look(image, prompt)
        start = len(seen.ids)
        nothing = torch.zeros(1, 1, dtype=torch.long)
        no_loops = NoLoops(nothing, torch.ones_like(nothing))
        with torch.inference_mode():
            found = cast(
                GenerationMixin, self.module
            ).generate(
                **seen.inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=LONGEST,
                suppress_tokens=[self.module.config.image_token_id],  # it would be read as one more patch
                logits_processor=[lambda ids, scores: no_loops(ids[:, start:], scores)],
                stopping_criteria=watched(on_step, LONGEST),
                return_dict_in_generate=True,
                output_logits=True,
            )
        written = found.sequences[0, start:]
        own = torch.cat(found.logits).float().log_softmax(-1)  # (n, vocabulary)
        return self.read(seen, written, top_k, own)

    def judged(self, image: Image.Image, text: str, prompt: str, fit: Fit = "stretch", top_k: int = 5) -> Caption:
        """What the model makes of an answer that a person wrote. Raises as `caption`, and SidelightError
        `captioning.empty`, `captioning.too_long`."""
        text = clean(text)
        ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids if text else []
        if not ids:
            raise SidelightError("captioning.empty")
        if len(ids) > LONGEST:
            raise SidelightError("captioning.too_long", pieces=len(ids), limit=LONGEST)
        seen = self.look(image, prompt)
        return self.read(seen, torch.tensor(ids, device=seen.ids.device), top_k)

    def read(self, seen: Seen, written: Tensor, top_k: int = 5, own: Tensor | None = None) -> Caption:
        """One pass over the prompt and all that was written, ids (n,). own: log-probabilities of the steps as taken."""
        whole = torch.cat([seen.ids, written])
        with torch.inference_mode(), Tape.record(values=True) as tape:
            logits = self.module(**self.continued(seen, written)).logits[0]
        asks = torch.arange(len(seen.ids) - 1, len(whole) - 1)  # row t writes word t
        chances = logits[asks].float().log_softmax(-1)
        chosen = chances.gather(1, written[:, None])[:, 0]
        if own is not None and float((chosen - own.gather(1, written[:, None])[:, 0]).abs().max()) > SAME:
            raise SidelightError("vision_language.not_captured", name=self.name)
        target = text_axis(*tokenizing.read_ids(self.tokenizer, written.tolist()))
        traces = self._traces(tape.calls, seen, asks, target, len(whole))
        return Caption(
            text=tokenizing.said(self.tokenizer, written.tolist()).strip(),
            ids=tuple(written.tolist()),
            source=seen.axis,
            target=target,
            decoder_input=target,
            steps=steps(chances, written, self.pieces(written), self.pieces, top_k),
            score=float(chosen.mean()),
            stopped_by_limit=int(written[-1]) not in ends(self.module),
            traces={"decoder": traces[0], "cross": traces[2]},
            context=tuple(traces[1:2] + traces[3:]),
        )

    def continued(self, seen: Seen, written: Tensor) -> dict[str, Any]:
        """What the model takes to read the prompt and what was written, ids (n,), in one pass."""
        given = self.module._update_model_kwargs_for_generation({}, dict(seen.inputs), num_new_tokens=len(written))
        return given | {"input_ids": torch.cat([seen.ids, written])[None], "use_cache": False}

    def layer_calls(self, calls: list[AttentionCall], count: int) -> list[AttentionCall]:
        """Those of the decoder's layers, of one pass over so many positions. Raises SidelightError
        `vision_language.not_captured`."""
        layers = self.module.config.get_text_config().num_hidden_layers
        found = [call for call in calls if (len(call.query), *call.query.shape[2:3]) == (1, count)][-layers:]
        if len(found) != layers or any(call.key.shape[2] != count for call in found):
            raise SidelightError("vision_language.not_captured", name=self.name)
        return found

    def _traces(
        self, calls: list[AttentionCall], seen: Seen, asks: Tensor, target: TokenAxis, count: int
    ) -> list[AttentionTrace]:
        """What was written, the prompt, the grids, and marks between image tokens where there are some. Raises
        SidelightError `vision_language.not_captured`."""
        found = self.layer_calls(calls, count)
        written = torch.arange(len(seen.ids), count)
        parts = [written, seen.prompt.cpu(), *(seen.image.cpu()[grid.order] for grid in seen.grids)]
        axes: list[Axis] = [target, seen.prompt_axis, *(grid.axis for grid in seen.grids)]
        if len(seen.between):
            parts.append(seen.between.cpu())
            axes.append(text_axis(*tokenizing.read_ids(self.tokenizer, seen.ids[seen.between].tolist())))
        kinds: list[Kind] = ["decoder", *["cross"] * (len(parts) - 1)]  # type: ignore[list-item]
        return part_traces(kinds, found, asks, target, parts, axes)

    def pieces(self, ids: Tensor) -> list[str]:
        """Ids (n,) one by one, as a person reads them."""
        return tokenizing.names(self.tokenizer, ids.tolist())


def _cell(grid: Placed, patch: int) -> tuple[float, float, float, float]:
    """Where a patch of the grid lies, px of the photo."""
    (rows, columns), (left, top, right, bottom) = grid.axis.grid, grid.axis.image_box
    (row, column), wide, high = divmod(patch, columns), (right - left) / columns, (bottom - top) / rows
    return left + column * wide, top + row * high, left + (column + 1) * wide, top + (row + 1) * high


def vision_language(name: str, module: Any, processor: Any) -> VisionLanguage:
    """Raises SidelightError `model.unsupported` for a processor that has no mark for a picture."""
    if not getattr(processor, "image_token", None) or not hasattr(processor, "image_processor"):
        raise SidelightError("model.unsupported", name=name)
    return VisionLanguage(name, module, processor)
