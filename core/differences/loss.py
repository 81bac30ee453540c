"""What both kinds of models learn from, computed on one input: cross-entropy on a class and on a sequence, mean squared
error on hidden patches, each piece of the sum in sight. Scores of finished texts are in `core.differences.texts`.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.errors import SidelightError
from core.models.images import FittedImage
from core.models.pieces import clean
from core.models.translation import LONGEST, Translator
from core.models.vision import VisionModel


@dataclass(frozen=True)
class ClassLoss:
    """Of one picture and one label. probabilities, targets, gradient: (classes,); gradient: of the loss by the logits,
    which is probabilities minus targets. Raw logits, as in training: no temperature."""

    loss: float
    plain: float
    probabilities: Tensor
    targets: Tensor
    gradient: Tensor


def class_loss(logits: Tensor, label: int, smoothing: float = 0.0) -> ClassLoss:
    """Cross-entropy of logits (classes,) against a label, smoothed as Szegedy et al. 2016, section 7: the target is
    1 - smoothing on the label and smoothing shared by all classes."""
    logits = logits.detach().float().clone().requires_grad_(True)
    with torch.enable_grad():
        wanted = torch.tensor([label], device=logits.device)
        loss = cross_entropy(logits[None], wanted, label_smoothing=smoothing)
        (slope,) = torch.autograd.grad(loss, logits)
    probabilities = logits.detach().softmax(-1)
    targets = torch.full_like(probabilities, smoothing / len(probabilities))
    targets[label] += 1 - smoothing
    plain = float(-logits.detach().log_softmax(-1)[label])
    return ClassLoss(float(loss.detach()), plain, probabilities.cpu(), targets.cpu(), slope.cpu())


def label_named(classes: Sequence[str], text: str) -> int | None:
    """The one class whose name is a word of a text, by its index; None where there is none or more than one."""
    words = re.findall(r"\w+", text.lower())
    found = [number for number, name in enumerate(classes) if name.lower() in words]
    return found[0] if len(found) == 1 else None


def class_logits(model: VisionModel, picture: Image.Image) -> Tensor:
    """(classes,) of a picture in the model's size."""
    with torch.inference_mode():
        return model.forward(model.pixels(picture))[0].float().cpu()


@dataclass(frozen=True)
class PieceLoss:
    """read: the piece before, from the reference (teacher forcing), not from the model. wanted: the piece to write.
    choice: what the model would have written there. loss: -ln p(wanted); smoothed: with label smoothing."""

    read: str
    wanted: str
    probability: float
    choice: str
    choice_probability: float
    loss: float
    smoothed: float


@dataclass(frozen=True)
class SequenceLoss:
    """loss: mean of the pieces' (nats). perplexity: exp(loss)."""

    pieces: tuple[PieceLoss, ...]
    loss: float
    smoothed: float

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 700.0))


def reference_ids(translator: Translator, text: str, target: str | None = None) -> Tensor:
    """Ids (1, 1 + n) of a reference with the start mark first and the end mark last, as the decoder is trained on.

    Raises SidelightError `lessons.no_reference` for an empty text, `translation.too_long` for one that is too long.
    """
    text = clean(text)
    if not text:
        raise SidelightError("lessons.no_reference")
    ids = translator.reference(text, target)
    if len(ids) > LONGEST:
        raise SidelightError("translation.too_long", pieces=len(ids), limit=LONGEST)
    return torch.tensor([[translator.module.config.decoder_start_token_id, *ids]], device=translator.module.device)


def sequence_logits(translator: Translator, source: Tensor, output: Tensor) -> Tensor:
    """(n, vocabulary): of each piece of an output (1, 1 + n), start mark first, given those before it."""
    with torch.inference_mode():
        found = translator.module(
            input_ids=source, attention_mask=torch.ones_like(source), decoder_input_ids=output[:, :-1]
        )
    return found.logits[0].float().clone()


def sequence_loss(translator: Translator, source: Tensor, output: Tensor, smoothing: float = 0.0) -> SequenceLoss:
    """Cross-entropy of an output (1, 1 + n), start mark first, given a source (1, m), in one teacher-forced pass
    (Williams & Zipser 1989). Smoothing over the whole vocabulary, as torch and Vaswani et al. 2017, section 5.4."""
    given, wanted = output[:, :-1], output[0, 1:]
    logits = sequence_logits(translator, source, output)
    with torch.inference_mode():
        plain = cross_entropy(logits, wanted, reduction="none")
        smoothed = cross_entropy(logits, wanted, reduction="none", label_smoothing=smoothing)
        best = logits.softmax(-1).max(-1)
    names = [translator.pieces(ids) for ids in (given[0], wanted, best.indices)]
    rows = zip(*names, plain.tolist(), smoothed.tolist(), best.values.tolist(), strict=True)
    pieces = tuple(PieceLoss(read, want, math.exp(-nll), top, p, nll, soft) for read, want, top, nll, soft, p in rows)
    return SequenceLoss(pieces, float(plain.mean()), float(smoothed.mean()))


# Masked patch regression

LESSONS, RIDGES = 9, (1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4)


@dataclass(frozen=True)
class Regression:
    """Patches that were hidden, and what a linear read-out says of them. hidden: (N,) bool. errors: mean squared error
    of each hidden patch, NaN elsewhere, (rows, columns). mse: of the read-out; mean_mse: of the mean visible patch;
    neighbour_mse: of the mean of the nearest visible patches' colours. All of shades from 0 to 1.
    ridge: the penalty that was chosen. examples: hidden patches of other maskings that the read-out was fitted on."""

    masked: Image.Image
    filled: Image.Image
    hidden: Tensor
    errors: Tensor
    mse: float
    mean_mse: float
    neighbour_mse: float
    ridge: float
    examples: int


def masked_regression(
    model: VisionModel,
    fitted: FittedImage,
    share: float,
    seed: int = 0,
    tell: Callable[[float], None] = lambda share: None,
) -> Regression:
    """Hide patches, and predict their pixels from their features, as masked autoencoders do (He et al. 2022).

    This model was not trained to do so, so a linear read-out is fitted by ridge regression first. Its examples come
    from the visible patches alone: in each of LESSONS further maskings some of them are hidden too, and known.
    The last of these maskings chooses the penalty. No pixel of a patch that is to be predicted is ever used.
    """
    pixels = patches(fitted, model.patch)  # (N, 3 p p)
    draw = torch.Generator().manual_seed(seed)
    hidden = _some(torch.ones(len(pixels), dtype=torch.bool), share, draw)
    grey = pixels[~hidden].mean(0)
    lessons = [_some(~hidden, share, draw) for _ in range(LESSONS)]
    seen = []
    for number, also in enumerate([*lessons, torch.zeros_like(hidden)]):
        features = _features(model, _picture(_with_grey(pixels, hidden | also, grey), fitted, model.patch))
        seen.append(features[hidden] if number == LESSONS else features[also])
        tell((number + 1) / (LESSONS + 1))
    inputs, targets = torch.cat(seen[:-2]), torch.cat([pixels[also] for also in lessons[:-1]])
    ridge, weights = _fit(inputs, targets - grey, seen[-2], pixels[lessons[-1]] - grey)
    found = (homogeneous(seen[-1]) @ weights + grey).clamp(0, 1)
    filled = pixels.clone()
    filled[hidden] = found
    error = (found - pixels[hidden]).square().mean(-1)
    errors = torch.full((len(pixels),), torch.nan)
    errors[hidden] = error
    near = _neighbours(pixels, hidden, fitted.grid)
    return Regression(
        masked=_picture(_with_grey(pixels, hidden, grey), fitted, model.patch),
        filled=_picture(filled, fitted, model.patch),
        hidden=hidden,
        errors=errors.reshape(fitted.grid),
        mse=float(error.mean()),
        mean_mse=float((grey - pixels[hidden]).square().mean()),
        neighbour_mse=float((near - pixels[hidden]).square().mean()),
        ridge=ridge,
        examples=len(inputs),
    )


def patches(fitted: FittedImage, side: int) -> Tensor:
    """The picture's shades from 0 to 1, a row a patch: (N, side side 3)."""
    rows, columns = fitted.grid
    shades = torch.from_numpy(np.asarray(fitted.pixels).copy()).float() / 255
    cut = shades.reshape(rows, side, columns, side, 3).transpose(1, 2)
    return cut.reshape(rows * columns, side * side * 3)


def _picture(values: Tensor, fitted: FittedImage, side: int) -> Image.Image:
    rows, columns = fitted.grid
    whole = values.reshape(rows, columns, side, side, 3).transpose(1, 2).reshape(rows * side, columns * side, 3)
    return Image.fromarray((whole * 255).round().to(torch.uint8).numpy())


def _some(among: Tensor, share: float, draw: torch.Generator) -> Tensor:
    """A share of the places that are True in `among`, at least one and not all: bool."""
    places = among.nonzero().flatten()
    count = min(max(1, round(share * len(places))), max(1, len(places) - 1))
    chosen = torch.zeros_like(among)
    chosen[places[torch.randperm(len(places), generator=draw)[:count]]] = True
    return chosen


def _with_grey(pixels: Tensor, hidden: Tensor, grey: Tensor) -> Tensor:
    """Hidden patches become the mean colour of the visible ones."""
    colour = grey.reshape(-1, 3).mean(0).repeat(len(grey) // 3)
    return torch.where(hidden[:, None], colour, pixels)


def _features(model: VisionModel, picture: Image.Image) -> Tensor:
    """Of each patch after the last layer: (N, D)."""
    with torch.inference_mode():
        tokens = model.tokens(model.pixels(picture))
    return tokens[0, len(model.prefix) :].float().cpu().clone()


def homogeneous(inputs: Tensor) -> Tensor:
    """(N, D) -> (N, D + 1), with a 1 behind."""
    return torch.cat([inputs, torch.ones(len(inputs), 1)], 1)


def _fit(inputs: Tensor, targets: Tensor, other: Tensor, other_targets: Tensor) -> tuple[float, Tensor]:
    """Ridge regression with the penalty that predicts `other` best: the penalty and weights (D + 1, outputs)."""
    x, y = homogeneous(inputs).double(), targets.double()
    values, vectors = torch.linalg.eigh(x.T @ x)
    turned = vectors.T @ (x.T @ y)
    found: list[tuple[float, float, Tensor]] = []  # error, penalty, weights
    for ridge in RIDGES:
        weights = (vectors @ (turned / (values.clamp_min(0) + ridge)[:, None])).float()
        error = float((homogeneous(other) @ weights - other_targets).square().mean())
        found.append((error, ridge, weights))
    _, ridge, weights = min(found, key=lambda one: one[0])
    return ridge, weights


def _neighbours(pixels: Tensor, hidden: Tensor, grid: tuple[int, int]) -> Tensor:
    """For each hidden patch the mean colour of the nearest visible patches, flat: (hidden, 3 p p)."""
    place = torch.stack([torch.arange(len(pixels)) // grid[1], torch.arange(len(pixels)) % grid[1]], 1).float()
    colours = pixels.reshape(len(pixels), -1, 3).mean(1)
    apart = torch.cdist(place[hidden], place[~hidden])
    nearest = (apart <= apart.min(-1, keepdim=True).values + 1e-4).float()
    mean = nearest @ colours[~hidden] / nearest.sum(-1, keepdim=True)
    return mean.repeat(1, pixels.shape[1] // 3)
