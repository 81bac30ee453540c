"""How a picture and a sentence become vectors, read from the loaded models: patches, pieces, embeddings, positions."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.models.translation import Translator
from core.models.vision import VisionModel, VisionResult


@dataclass(frozen=True, eq=False)
class Embedded:
    """pixels: what the convolution reads of one patch, normalised, (3, p, p).

    embedding: (D,), before positions. deviation: the largest difference between the convolution's output and
    W x + b computed as a matrix product, relative to the largest output. weight: shape of W, (D, 3 p p). number: which
    of the embedding's numbers is the largest, from 0. feature_map: that number at every place, (rows, columns).
    """

    pixels: Tensor
    embedding: Tensor
    deviation: float
    weight: tuple[int, int]
    number: int
    feature_map: Tensor


def patches_of(model: VisionModel, result: VisionResult) -> Tensor:
    """The normalised pixels of every patch: (patches, 3, p, p), row by row."""
    image = model.pixels(result.fitted.pixels)  # (1, 3, H, W)
    rows, columns = result.fitted.grid
    parts = F.unfold(image, model.patch, stride=model.patch)[0].T  # (patches, 3 p p)
    return parts.reshape(rows * columns, 3, model.patch, model.patch)


def embed_patch(model: VisionModel, result: VisionResult, patch: int) -> Embedded | None:
    """One patch (from 0, row by row) through the model's convolution and as W x + b. None for another kind of start.

    Dosovitskiy et al. 2021 (ViT), equation 1: z_0 = [x_class; x_p^1 E; ...] + E_pos.
    """
    convolution = model.convolution()
    if convolution is None:
        return None
    pixels = patches_of(model, result)[patch]
    with torch.inference_mode():
        own = convolution(model.pixels(result.fitted.pixels))[0].flatten(1).T  # (patches, D)
        weight = convolution.weight.flatten(1)  # (D, 3 p p)
        product = weight @ pixels.flatten()
        if convolution.bias is not None:
            product = product + convolution.bias
    deviation = float((own[patch] - product).abs().max() / own[patch].abs().max().clamp_min(1e-12))
    number = int(own[patch].abs().argmax())
    feature_map = own[:, number].reshape(result.fitted.grid).cpu()
    return Embedded(pixels.cpu(), own[patch].cpu(), deviation, (weight.shape[0], weight.shape[1]), number, feature_map)


def raw_patch(model: VisionModel, result: VisionResult, patch: int) -> Tensor:
    """The pixels of a patch as the picture has them, 0 to 255: (p, p, 3)."""
    row, column = divmod(patch, result.fitted.grid[1])
    box = (column * model.patch, row * model.patch, (column + 1) * model.patch, (row + 1) * model.patch)
    raw = bytearray(result.fitted.pixels.crop(box).tobytes())
    return torch.frombuffer(raw, dtype=torch.uint8).reshape(model.patch, model.patch, 3)


def cosines(vectors: Tensor, one: int | None = None) -> Tensor:
    """Cosine similarity of all pairs, (N, N), or of one vector with all, (N,)."""
    unit = F.normalize(vectors.float(), dim=-1)
    return unit @ (unit.T if one is None else unit[one])


def prefix_norms(model: VisionModel) -> dict[str, float]:
    """Length of the learnt vector that each prefix token (CLS, registers) starts from; the same for every picture."""
    return {name: float(vector.norm()) for name, vector in model.prefix_vectors().items()}


@dataclass(frozen=True, eq=False)
class Pieces:
    """ids: (m,). embeddings: (m, D), as looked up, with the model's scale. positions: (m, D) or None; scale: what the
    looked-up rows are multiplied by. vocabulary: rows of the table."""

    ids: tuple[int, ...]
    embeddings: Tensor
    positions: Tensor | None
    scale: float
    vocabulary: int


def embed_sentence(translator: Translator, sentence: str, target: str | None) -> Pieces:
    """The sentence's pieces as the encoder gets them. Vaswani et al. 2017, sections 3.4 and 3.5."""
    ids, _ = translator.source_pieces(sentence, target)
    encoder = translator.module.get_encoder()
    table: Any = translator.module.get_input_embeddings()
    with torch.inference_mode():
        embeddings = encoder.embed_tokens(ids)[0]
        scale = float(getattr(encoder, "embed_scale", 1.0) or 1.0)
        positions = _positions(encoder, ids)
    rows = getattr(table, "num_embeddings", None) or table.embedding.num_embeddings
    return Pieces(tuple(ids[0].tolist()), (embeddings * scale).cpu(), positions, scale, rows)


def _positions(encoder: Any, ids: Tensor) -> Tensor | None:
    """What the encoder adds to each position: (m, D). None where it adds nothing (T5's relative bias)."""
    part = getattr(encoder, "embed_positions", None)
    if part is None:
        return None
    inside = encoder.embed_tokens(ids)  # (1, m, D)
    try:
        added = part(inside.shape[:2])  # Marian
    except (TypeError, AttributeError, IndexError):
        added = part(ids)  # BART, M2M-100
    added = added[0] if added.dim() == 3 else added
    return added.cpu() if added.shape == inside.shape[1:] else None


def image_lengths(model: VisionModel) -> list[tuple[int, int]]:
    """(side in px, positions) for every size that the model takes: (side / patch)^2 + prefix."""
    return [(side, (side // model.patch) ** 2 + len(model.prefix)) for side in model.sizes]


def sentence_lengths(
    translator: Translator, sentence: str, target: str | None, longest: int = 400
) -> list[tuple[int, int]]:
    """(characters, pieces) as the tokenizer cuts the sentence itself: its first words, all of it, and it repeated."""
    words = sentence.split()
    texts = [" ".join(words[:count]) for count in range(1, len(words) + 1)]
    while len(texts[-1]) < longest:
        texts.append(f"{texts[-1]} {sentence}")
    return [(len(text), translator.length(text, target)) for text in texts]
