"""A photo against texts (CLIP, Radford et al. 2021; SigLIP, Zhai et al. 2023): a classifier whose classes are texts
that a person types. So its picture is explained as any classifier's, and a text by the pieces that make it like it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModel

from core.attention.axes import TokenAxis
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Traces
from core.errors import SidelightError
from core.models.hub import OnStep, from_hub, title
from core.models.loading import BothReaders
from core.models.pieces import clean, text_axis
from core.models.subjects import Embedded
from core.models.tokenizing import read_ids
from core.models.vision.transformers_adapter import TransformersVision, from_transformers

MOST = 20  # texts at once


@dataclass(frozen=True)
class Text:
    """ids, mask: (1, N), as the model is given them. axis: its pieces. traces: "encoder"."""

    ids: Tensor
    mask: Tensor
    axis: TokenAxis
    traces: Traces


@dataclass(eq=False)
class Matcher(TransformersVision):
    """whole: both towers. texts: (classes, D'), of length 1."""

    whole: Any = None
    tokenizer: Any = None
    texts: Tensor = field(default_factory=lambda: torch.zeros(0, 0))

    def told(self, texts: Sequence[str]) -> "Matcher":
        """With these texts as its classes. Raises SidelightError `matching.empty`, `matching.too_many`,
        `matching.too_long`."""
        kept = tuple(dict.fromkeys(filter(None, map(clean, texts))))
        if not kept:
            raise SidelightError("matching.empty")
        if len(kept) > MOST:
            raise SidelightError("matching.too_many", texts=len(kept), limit=MOST)
        with torch.no_grad():  # gradients of a picture's score pass through them
            vectors = torch.cat([self.meaning(*self.pieces(text)) for text in kept])
        return replace(self, classes=kept, texts=vectors)

    def pieces(self, text: str) -> tuple[Tensor, Tensor]:
        """Ids and mask (1, N). A tower that pools its last position, as SigLIP's, learnt from texts filled to its full
        length. Raises SidelightError `matching.too_long`."""
        limit = self.whole.config.text_config.max_position_embeddings
        filled = hasattr(self.whole.text_model, "head")
        ids = self.tokenizer(clean(text)).input_ids
        if len(ids) > limit:
            raise SidelightError("matching.too_long", pieces=len(ids), limit=limit)
        more = (limit - len(ids)) * filled
        ids = torch.tensor([ids + [self.tokenizer.pad_token_id] * more], device=self.device)
        return ids, torch.ones_like(ids)  # SigLIP's own processor masks no filling either

    def meaning(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, N) -> (B, D'), of length 1."""
        found = self.whole.get_text_features(input_ids=ids, attention_mask=mask)
        return F.normalize(getattr(found, "pooler_output", found).float(), dim=-1)

    def read(self, text: str) -> Text:
        """Raises SidelightError `matching.not_captured`."""
        ids, mask = self.pieces(text)
        with torch.inference_mode(), Tape.record(values=True) as tape:
            self.meaning(ids, mask)
        axis = text_axis(*read_ids(self.tokenizer, ids[0].tolist()))
        calls = [call for call in tape.calls if call.query.shape[2] == call.key.shape[2] == len(axis)]
        if len(calls) != self.whole.config.text_config.num_hidden_layers:
            raise SidelightError("matching.not_captured", name=self.name)
        return Text(ids, mask, axis, {"encoder": AttentionTrace.from_calls("encoder", calls, axis, axis)})

    # As a classifier of pictures

    def representation(self, tokens: Tensor) -> Tensor:
        return self._pooled(tokens)

    def seen(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, D'), of length 1."""
        project = getattr(self.whole, "visual_projection", nn.Identity())
        return F.normalize(project(self.representation(tokens)).float(), dim=-1)

    def logits(self, tokens: Tensor) -> Tensor:
        """The cosine with each text, times the temperature that the model learnt, and its bias where it has one."""
        if not self.classes:
            return self.seen(tokens)
        found = self.seen(tokens) @ self.texts.T * self.whole.logit_scale.exp()
        return found if self.exclusive else found + self.whole.logit_bias

    @property
    def exclusive(self) -> bool:
        """Whether the texts share one probability (softmax), or each is judged by itself (sigmoid, SigLIP)."""
        return not hasattr(self.whole, "logit_bias")

    def chances(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1) if self.exclusive else logits.sigmoid()

    def _reader(self, calls: list[AttentionCall], tokens: Tensor) -> Tensor:
        return self._pool_row(tokens) if self._pool else super()._reader(calls, tokens)


def text_subject(matcher: Matcher, text: Text, seen: Tensor) -> Subject:
    """What makes a text like a picture: the cosine of both. seen: (1, D'), of length 1, from `Matcher.seen`."""
    ids, mask = text.ids, text.mask
    gap = matcher.tokenizer.unk_token_id

    def cosine(ids: Tensor, mask: Tensor) -> Tensor:
        return (matcher.meaning(ids, mask) * seen).sum(-1)

    def score(kept: Tensor, fill: str) -> Tensor:
        kept = kept.to(ids.device)
        if fill == "mask":
            return cosine(torch.where(kept, ids, gap), mask.expand(len(kept), -1))
        return cosine(ids.expand(len(kept), -1), kept.long())

    def run() -> tuple[Tensor, Tensor]:
        with Embedded(ids.shape) as read:
            found = cosine(ids, mask)[0]
        return found, read.leaf

    return Subject(
        text.traces,
        text.axis,
        None,
        _read_position(matcher, text),
        ("drop", *(("mask",) if gap is not None else ())),
        score,
        run,
        lambda leaf: leaf[0],
        {"encoder": (None,) * text.traces["encoder"].layers},
        lambda count: matcher.meaning(ids.repeat(count, 1), mask.repeat(count, 1))[:, None],
    )


def _read_position(matcher: Matcher, text: Text) -> Tensor:
    """The position whose last state is the text's meaning: the one that moves it, (N,)."""
    with torch.enable_grad():
        output = matcher.whole.text_model(input_ids=text.ids, attention_mask=text.mask, output_hidden_states=True)
        (slope,) = torch.autograd.grad(output.pooler_output.square().sum(), output.hidden_states[-1])
    read = (slope[0].abs().sum(-1) > 0).float().cpu()
    return read / read.sum()


def matcher_of(name: str, module: Any, tokenizer: Any, processor: Any) -> Matcher:
    """module: in eval mode. Raises SidelightError `matching.other_kind` for a model without two towers."""
    if not all(hasattr(module, part) for part in ("text_model", "vision_model", "logit_scale", "get_text_features")):
        raise SidelightError("matching.other_kind", kind=module.config.model_type)
    tower = from_transformers(name, module.vision_model, processor)
    known = {one.name: getattr(tower, one.name) for one in fields(tower)}
    return Matcher(**known, whole=module, tokenizer=tokenizer)


def load_matcher(name: str | Path, on_step: OnStep | None = None) -> Matcher:
    """Any transformers model of pictures and words with two towers. Raises SidelightError `model.*`,
    `matching.other_kind`."""
    module, (tokenizer, processor) = from_hub(name, None, AutoModel, BothReaders, on_step)
    return matcher_of(title(name), module, tokenizer, processor)
