"""A captioner on a photo, as a `Subject` to be explained: which patches made it write a word."""

from typing import Any

from torch import Tensor

from core.attention.subject import Subject
from core.attention.trace import Kind
from core.models.captioning import Caption, Captioner, Looked, layers_of
from core.models.subjects import Written, pixel_patches, weight_of, without_patches


def caption_subject(captioner: Captioner, looked: Looked, caption: Caption, target: int | None = None) -> Subject:
    """What the captioner makes of a picture: its probability of `caption`, which it, or a person, made of it.

    target: an output piece, or None for the whole output.
    """
    pixels, axis = looked.tensor, looked.axis
    written = Written.of(caption.ids, pixels.device, target)
    patch = pixels.shape[-2] // axis.grid[0]

    def logits(seen: Tensor) -> Tensor:
        return captioner.logits(seen, written.given.expand(len(seen), -1)).float()

    def score(kept: Tensor, fill: str) -> Tensor:
        return written.score(logits(without_patches(pixels, kept, axis, fill, patch)))

    def run() -> tuple[Tensor, Tensor]:
        leaf = pixels.clone().requires_grad_()
        return written.logit(logits(leaf)[0]), leaf

    return Subject(
        caption.traces,
        axis,
        target,
        written.reader,
        ("blur", "mean"),
        score,
        run,
        lambda image: pixel_patches(image, patch, axis),
        _projections(captioner.module, caption.traces["encoder"].layers),
        lambda count: logits(pixels.expand(count, -1, -1, -1))[:, written.asked],
        written.pieces[0, written.asked],
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
