"""Mistakes that introductions often make, each run on the loaded models, so that one sees what breaks.

The wrong version stands beside the right one under the same conditions: greedy search, the same picture.
"""

import copy
import math
import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedModel

from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace
from core.differences.mathematics import bits, raw_products, unscaled
from core.differences.texts import likeness
from core.models.images import FittedImage
from core.models.translation import Translation, Translator
from core.models.vision import Prediction, VisionModel
from core.models.vision.model import without_positions

FORMULAS = ("right", "unscaled", "scale_after", "after_value")
SHADES = 256
SHIFTS = (0, 1, 2, 4, 8, 16, 32, 64)


def attend(call: AttentionCall, formula: str) -> Tensor:
    """The output of a call by one of FORMULAS, (B, H, Nq, dv).

    right: softmax(QK^T / sqrt(d_k)) V. unscaled: softmax(QK^T) V. scale_after: softmax(QK^T) / sqrt(d_k) V.
    after_value: softmax(QK^T / sqrt(d_k) V), over the features of the value, since no other axis is left.
    """
    assert call.value is not None, "recorded with values"
    value = call.value.float()
    if value.shape[1] != call.query.shape[1]:
        value = value.repeat_interleave(call.query.shape[1] // value.shape[1], 1)
    if formula == "right":
        return call.weights() @ value
    if formula == "unscaled":
        return unscaled(call).weights() @ value
    if formula == "scale_after":
        return unscaled(call).weights() * call.scale @ value
    scores = torch.stack([raw_products(call, item) for item in range(len(call.query))]) * call.scale
    hidden = replace(call, query=torch.zeros_like(call.query)).weights() == 0
    return (scores.masked_fill(hidden, 0.0) @ value).softmax(-1)


@dataclass(frozen=True)
class Rows:
    """What becomes of one layer's rows: their sum, their entropy in bits (None where they are no distribution), and how
    far the output is off, as ||wrong - right|| / ||right||."""

    formula: str
    total: float
    entropy: float | None
    deviation: float


def rows_of(trace: AttentionTrace, layer: int, formula: str) -> Rows:
    """Mean over heads and queries of one layer, from the query, key and value that the model gave it."""
    call = trace.calls[layer]
    weights = (call if formula in ("right", "after_value") else unscaled(call)).weights(item=trace.item)[0]
    right, wrong = (attend(call, name)[trace.item] for name in ("right", formula))
    total = float(weights.sum(-1).mean())
    entropy: float | None = float(bits(weights).mean())
    if formula == "scale_after":
        total *= call.scale
    if formula == "after_value":
        total, entropy = float((raw_products(call, trace.item) * call.scale).sum(-1).mean()), None
    return Rows(formula, total, entropy, float((wrong - right).norm() / right.norm().clamp_min(1e-12)))


@dataclass(frozen=True)
class Outcome:
    """What both models say with one formula in all layers. similarity: mean cosine of the patches' features with those
    of the right version. chrf: of the text with the right version's, 0 to 100."""

    formula: str
    similarity: float
    predictions: tuple[Prediction, ...]
    text: str
    chrf: float


def outcomes(
    model: VisionModel,
    image: Image.Image,
    size: int,
    translator: Translator,
    source: Tensor,
    limit: int,
    formulas: tuple[str, ...] = FORMULAS,
    tell: Callable[[int], None] = lambda done: None,
) -> tuple[Outcome, ...]:
    """Run both models with each formula in place of the model's own, the right one first. limit: output pieces."""
    found: list[Outcome] = []
    features: Tensor | None = None
    for number, formula in enumerate(formulas):
        tell(number)
        change = Tape.intervene(partial(_instead, formula)) if formula != "right" else nullcontext()
        with change:
            seen = model.run(image, size, "crop")
            text = greedy(translator, source, limit)
        features = seen.features if features is None else features
        similarity = float(cosine_similarity(features.float(), seen.features.float(), dim=-1).mean())
        chrf = likeness(text, found[0].text if found else text)
        found.append(Outcome(formula, similarity, seen.predictions, text, chrf))
    return tuple(found)


def _instead(formula: str, call: AttentionCall, output: Tensor) -> Tensor:
    return attend(call, formula).to(output.dtype)


def greedy(translator: Translator, source: Tensor, limit: int) -> str:
    """The translation that takes the most likely piece at each step."""
    return translator.text(translator.search(source, beams=1, max_pieces=limit)[0])


# A classifier presented as a translator


@dataclass(frozen=True)
class Classified:
    """first: the most likely pieces of one classification. apart: the pieces of n classifications that do not read each
    other. sequences: log10 of the number of outputs of n pieces. chrf: of `apart` with the translation."""

    first: tuple[tuple[str, float], ...]
    apart: str
    vocabulary: int
    pieces: int
    sequences: float
    chrf: float


def classified(translator: Translator, source: Tensor, translation: Translation) -> Classified:
    """What is left of a translator when its output is a class: one, or one at each place with no piece read before."""
    count = len(translation.target)
    start = translator.module.config.decoder_start_token_id
    blind = torch.full((1, count), start, device=source.device)
    with torch.inference_mode():
        logits = translator.module(
            input_ids=source, attention_mask=torch.ones_like(source), decoder_input_ids=blind
        ).logits[0]
    logits = logits.float().clone()
    logits[:, translator.module.config.pad_token_id] = -torch.inf
    apart = translator.text(logits.argmax(-1))
    size = logits.shape[-1]
    sequences, chrf = count * math.log10(size), likeness(apart, translation.text)
    return Classified(translation.steps[0].alternatives, apart, size, count, sequences, chrf)


# Pixels, one-hot encoded


@dataclass(frozen=True)
class OneHot:
    """numbers, codes: that describe the picture as it is and one-hot. weights, weights_then: of the patch projection.
    curve: (shades added, cosine of the patches' embeddings, cosine of the one-hot codes) with the picture's own."""

    numbers: int
    codes: int
    weights: int
    weights_then: int
    curve: tuple[tuple[int, float, float], ...]


def one_hot(model: VisionModel, fitted: FittedImage, shifts: tuple[int, ...] = SHIFTS) -> OneHot:
    """How the model's linear projection, and a one-hot code, see the picture made a few shades lighter."""
    shades = np.asarray(fitted.pixels)
    own, curve = embeddings(model, fitted.pixels), []
    for shift in shifts:
        lighter = np.minimum(shades.astype(int) + shift, SHADES - 1).astype(np.uint8)
        cosine = float(cosine_similarity(own, embeddings(model, Image.fromarray(lighter)), dim=-1).mean())
        curve.append((shift, cosine, float((lighter == shades).mean())))  # the cosine of two one-hot codes
    width, part = own.shape[-1], model.convolution()
    inputs = model.patch**2 * 3 * width
    weights = sum(parameter.numel() for parameter in part.parameters()) if part else inputs + width
    then = inputs * SHADES + weights - inputs
    return OneHot(shades.size, shades.size * SHADES, weights, then, tuple(curve))


def embeddings(model: VisionModel, picture: Image.Image) -> Tensor:
    """The patches after the projection, before positions: (N, D)."""
    with torch.inference_mode():
        return model.embed(model.pixels(picture))[0].float()


# No positions

TABLES = ("embed_positions", "relative_attention_bias")  # Marian, BART; T5


def _without_positions(module: nn.Module) -> nn.Module | None:
    """A copy of a translator's encoder whose position tables are zero, or None where it has none."""
    module, found = copy.deepcopy(module), False
    for name, parameter in module.named_parameters():
        if any(part in TABLES for part in name.split(".")):
            parameter.data.zero_()
            found = True
    return module if found else None


@dataclass(frozen=True)
class Order:
    """Four runs: with positions or without, in order or shuffled. similarity: of what is read off (CLS, or the pooled
    patches) with the run in order under the same positions; zeroed: between the two runs in order."""

    shuffled: Image.Image
    with_positions: float
    without: float
    zeroed: float
    labels: tuple[str, ...]  # of the four runs: with, with shuffled, without, without shuffled; empty without classes


def picture_order(model: VisionModel, fitted: FittedImage, seed: int = 0) -> Order | None:
    """Shuffle the patches of a picture, with positions and without; None where they cannot be taken away."""
    bare = without_positions(model)
    if bare is None:
        return None
    mixed = shuffle_patches(fitted, model.patch, seed)
    runs = [read_off(one, picture) for one in (model, bare) for picture in (fitted.pixels, mixed)]

    def like(a: int, b: int) -> float:
        return float(cosine_similarity(runs[a][0], runs[b][0], dim=-1))

    labels = tuple(model.classes[int(logits.argmax())] for _, logits in runs) if model.classes else ()
    return Order(mixed, like(0, 1), like(2, 3), like(0, 2), labels)


def read_off(model: VisionModel, picture: Image.Image) -> tuple[Tensor, Tensor]:
    """What a head is given, (1, D), and what it says of it, (1, classes)."""
    with torch.inference_mode():
        tokens = model.tokens(model.pixels(picture))
        return model.representation(tokens).float(), model.logits(tokens).float()


def shuffle_patches(fitted: FittedImage, patch: int, seed: int) -> Image.Image:
    rows, columns = fitted.grid
    pixels = np.asarray(fitted.pixels).reshape(rows, patch, columns, patch, 3).swapaxes(1, 2)
    order = np.random.default_rng(seed).permutation(rows * columns)
    mixed = pixels.reshape(rows * columns, patch, patch, 3)[order].reshape(rows, columns, patch, patch, 3)
    return Image.fromarray(np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(rows * patch, columns * patch, 3)))


@dataclass(frozen=True)
class WordOrder:
    """shuffled: the source words in their new order. texts: with positions in the encoder, with and shuffled, without,
    without and shuffled. largest: difference of the encoder's states of the same pieces, without positions."""

    shuffled: str
    texts: tuple[str, str, str, str]
    difference: float


def word_order(
    translator: Translator, source: Tensor, translation: Translation, limit: int, seed: int = 0
) -> WordOrder | None:
    """Shuffle the source's words, with positions in the encoder and without; None where it has no table of them."""
    bare = copy.deepcopy(translator.module)
    encoder = _without_positions(bare.get_encoder())
    if encoder is None:
        return None
    _set_encoder(bare, encoder)
    other = replace(translator, module=bare)
    axis = translation.source
    words = [w for w in dict.fromkeys(axis.words) if not any(_special(axis, w))]
    order = words.copy()
    random.Random(seed).shuffle(order)
    new = dict(zip(words, order, strict=True))
    places = {w: [i for i, word in enumerate(axis.words) if word == w] for w in dict.fromkeys(axis.words)}
    permutation = [i for w in places for i in places[new.get(w, w)]]
    mixed = source[:, permutation]
    texts = [greedy(t, ids, limit) for t in (translator, other) for ids in (source, mixed)]
    with torch.inference_mode():
        states = [encoder(input_ids=ids, attention_mask=torch.ones_like(ids))[0][0] for ids in (source, mixed)]
    difference = float((states[0][permutation] - states[1]).abs().max() / states[0].abs().max())
    merged = axis.merged().pieces
    return WordOrder(" ".join(merged[w] for w in order), (texts[0], texts[1], texts[2], texts[3]), difference)


def _special(axis, word: int) -> list[bool]:
    return [mark for w, mark in zip(axis.words, axis.special, strict=True) if w == word]


def _set_encoder(module: PreTrainedModel, encoder: nn.Module) -> None:
    """Put an encoder in the place of the model's own, wherever the library keeps it."""
    for part in module.modules():
        if getattr(part, "encoder", None) is module.get_encoder():
            part.encoder = encoder
            return
