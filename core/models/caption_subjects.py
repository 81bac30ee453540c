"""A captioner on a photo, as a `Subject` to be explained: which patches made it write a word."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.attention.subject import Subject
from core.attention.trace import Kind
from core.models.captioning import Caption, Captioner, Looked, layers_of
from core.models.subjects import pixel_patches, weight_of, without_patches


def caption_subject(
    captioner: Captioner, looked: Looked, caption: Caption, target: int | None = None, against: int | None = None
) -> Subject:
    """What the captioner makes of a picture: its probability of `caption`, which it, or a person, made of it.

    target: an output piece, or None for the whole output. against: the id of a piece that might stand in the target's
    place: `run` and scores are then the target's logit less that of this one.
    """
    pixels, axis = looked.tensor, looked.axis
    output = torch.tensor([caption.ids], device=pixels.device)
    given, written = output[:, :-1], output[:, 1:]
    patch = pixels.shape[-2] // axis.grid[0]

    def logits(seen: Tensor) -> Tensor:
        return captioner.logits(seen, given.expand(len(seen), -1)).float()

    def score(kept: Tensor, fill: str) -> Tensor:
        found = logits(without_patches(pixels, kept, axis, fill, patch))
        if target is not None and against is not None:
            return found[:, target, written[0, target]] - found[:, target, against]
        chosen = found.log_softmax(-1).gather(-1, written.expand(len(found), -1)[..., None])[..., 0]
        return (chosen.mean(1) if target is None else chosen[:, target]).exp()

    def run() -> tuple[Tensor, Tensor]:
        leaf = pixels.clone().requires_grad_()
        found = logits(leaf)[0]
        chosen = found.gather(-1, written[0, :, None])[:, 0]
        if target is None:
            return chosen.sum(), leaf
        return (chosen[target] if against is None else chosen[target] - found[target, against]), leaf

    def copies(count: int) -> Tensor:
        found = logits(pixels.expand(count, -1, -1, -1))
        return found if target is None else found[:, target : target + 1]

    count = len(caption.target)
    return Subject(
        caption.traces,
        axis,
        target,
        torch.full((count,), 1.0 / count) if target is None else F.one_hot(torch.tensor(target), count).float(),
        ("blur", "mean"),
        score,
        run,
        lambda image: pixel_patches(image, patch, axis),
        _projections(captioner.module, caption.traces["encoder"].layers),
        copies,
        written[0] if target is None else written[0, target : target + 1],
    )


def _projections(module: Any, encoder: int) -> dict[Kind, tuple[Tensor | None, ...]]:
    """Of a decoder of Marian's or BART's kin; of others, and of encoders by name, they are not known."""
    vision = getattr(module.encoder, "vision", None)
    layers = getattr(getattr(module.decoder, "model", None), "decoder", None)
    decoder = getattr(layers, "layers", [None] * layers_of(module))
    return {
        "encoder": vision.projections() if vision else (None,) * encoder,
        "decoder": tuple(layer and weight_of(layer, "self_attn.out_proj") for layer in decoder),
        "cross": tuple(layer and weight_of(layer, "encoder_attn.out_proj") for layer in decoder),
    }
