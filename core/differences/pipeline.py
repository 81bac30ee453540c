"""One pass of each model, stage by stage, with its tensors: pixels or ids, embeddings, each layer, answer, loss."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.differences.tasks import mirrored
from core.models.translation import Translator
from core.models.vision import VisionModel, VisionResult


@dataclass(frozen=True, eq=False)
class VisionWalk:
    """pixels: (3, H, W), normalised. embedded: (patches, D), before positions. states: with positions, then after each
    layer, each (N, D), prefix tokens first; empty for a model that does not hand them out. head: what the answer is
    read from, (D,). logits: (classes,), divided by the model's temperature; None without a head."""

    pixels: Tensor
    embedded: Tensor
    states: tuple[Tensor, ...]
    head: Tensor
    logits: Tensor | None


def walk_vision(model: VisionModel, result: VisionResult) -> VisionWalk:
    with torch.inference_mode():
        pixels = model.pixels(result.fitted.pixels)
        embedded, states, tokens = model.embed(pixels)[0], model.states(pixels), model.tokens(pixels)
        head = model.representation(tokens)[0]
        logits = model.logits(tokens)[0].float() / model.temperature if model.classes else None
    return VisionWalk(
        pixels[0].cpu(),
        embedded.cpu(),
        tuple(state[0].cpu() for state in states),
        head.cpu(),
        None if logits is None else logits.cpu(),
    )


def view_loss(model: VisionModel, result: VisionResult) -> float:
    """1 - cosine of what the head is read from, for the picture and for its mirror image: the idea of learning from two
    views without labels (Caron et al. 2021, DINO, equation 1, compares distributions instead)."""
    other = mirrored(result.fitted.pixels)

    with torch.inference_mode():
        views = (result.fitted.pixels, other)
        one, two = (model.representation(model.tokens(model.pixels(view)))[0] for view in views)
    return float(1 - F.cosine_similarity(one, two, dim=0))


def class_loss(walk: VisionWalk, label: int) -> float:
    """Cross-entropy against one class: -log p(label). Raises ValueError for a walk of a model without classes."""
    if walk.logits is None:
        raise ValueError("the model has no classes")
    return float(-walk.logits.log_softmax(-1)[label])


@dataclass(frozen=True, eq=False)
class TextWalk:
    """ids: (m,). encoder: states from the embedding with positions on, each (m, D). given: ids that the decoder reads,
    (n,). decoder: likewise, (n, D). logits: (n, vocabulary). loss: mean -log p of the pieces that were written, the pad
    piece never being one of them."""

    ids: Tensor
    encoder: tuple[Tensor, ...]
    given: Tensor
    decoder: tuple[Tensor, ...]
    logits: Tensor
    loss: float


def walk_text(translator: Translator, sentence: str, target: str | None, output: tuple[int, ...]) -> TextWalk:
    """One teacher-forced pass. output: ids, the start mark first."""
    source, _ = translator.source_pieces(sentence, target)
    written = torch.tensor([output], device=source.device)
    given = written[:, :-1]
    with torch.inference_mode():
        found = translator.module(
            input_ids=source, attention_mask=torch.ones_like(source), decoder_input_ids=given, output_hidden_states=True
        )
    logits = found.logits[0].float().clone()
    logits[:, translator.module.config.pad_token_id] = -torch.inf
    return TextWalk(
        source[0].cpu(),
        tuple(state[0].cpu() for state in found.encoder_hidden_states),
        given[0].cpu(),
        tuple(state[0].cpu() for state in found.decoder_hidden_states),
        logits.cpu(),
        float(F.cross_entropy(logits, written[0, 1:])),
    )


def kept(states: tuple[Tensor, ...]) -> list[float]:
    """How much of the first state is left in each: mean cosine similarity of a position with itself at the start."""
    first = states[0].float()
    return [float(F.cosine_similarity(state.float(), first, dim=-1).mean()) for state in states]
