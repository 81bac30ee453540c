"""A Vision Transformer on a photo, or a translator on a sentence, as a `Subject` to be explained."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torchvision.transforms.functional import gaussian_blur

from core.attention.axes import PatchAxis
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.errors import SidelightError
from core.models.images import Fit
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult

BLUR = 0.05  # standard deviation of the blur that takes a patch away, as a share of the picture's side


def vision_subject(
    model: VisionModel, result: VisionResult, target: int | None = None, against: int | None = None
) -> Subject:
    """What the model makes of the photo behind `result`. target: a class, or None for the CLS representation. against:
    another class: `run` and scores are then the target's logit less that of this one.

    Raises SidelightError `explain.not_captured` where the attention was not captured.
    """
    if not result.traces:
        raise SidelightError("explain.not_captured", name=model.name)
    axis, pixels = result.axis, model.pixels(result.fitted.pixels)
    if target is None:  # now, not when it is first asked for: then heads may be off
        with torch.inference_mode():
            whole = model.representation(model.tokens(pixels)).float()

    def score(kept: Tensor, fill: str) -> Tensor:
        tokens = model.tokens(without_patches(pixels, kept, axis, fill, model.patch))
        if target is None:
            return F.cosine_similarity(model.representation(tokens).float(), whole)
        logits = model.logits(tokens).float()
        if against is not None:
            return logits[:, target] - logits[:, against]
        return (logits / model.temperature).softmax(-1)[:, target]

    def run() -> tuple[Tensor, Tensor]:
        leaf = pixels.clone().requires_grad_()
        tokens = model.tokens(leaf)
        if target is None:  # along the direction in which the representation lies
            own = model.representation(tokens)[0]
            return own @ (own / own.norm()).detach(), leaf
        logits = model.logits(tokens)[0]
        return (logits[target] if against is None else logits[target] - logits[against]), leaf

    def copies(count: int) -> Tensor:
        tokens = model.tokens(pixels.expand(count, -1, -1, -1))
        return (model.representation(tokens) if target is None else model.logits(tokens))[:, None]

    return Subject(
        result.traces,
        axis,
        target,
        result.reader,
        ("blur", "mean"),
        score,
        run,
        lambda image: pixel_patches(image, model.patch, axis),
        {"encoder": model.projections()},
        copies,
        None if target is None else torch.tensor([target]),
    )


def photo_subject(model: VisionModel, image: Image.Image, size: int, fit: Fit, target: int | None = None) -> Subject:
    """`vision_subject` of an upright RGB image."""
    return vision_subject(model, model.run(image, size, fit), target)


def pixel_patches(image: Tensor, patch: int, axis: PatchAxis) -> Tensor:
    """(1, 3, H, W) -> (N, 3 patch^2); what stands before the patches has no pixels."""
    patches = F.unfold(image, patch, stride=patch)[0].T
    return torch.cat([patches.new_zeros(len(axis.prefix), patches.shape[1]), patches])


def without_patches(pixels: Tensor, kept: Tensor, axis: PatchAxis, fill: str, patch: int) -> Tensor:
    """(1, 3, H, W) and kept (B, N) -> (B, 3, H, W): patches that are not kept are blurred or of the mean colour."""
    grid = kept[:, len(axis.prefix) :].reshape(-1, 1, *axis.grid).to(pixels)
    stays = grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    if fill == "mean":
        other = pixels.mean((2, 3), keepdim=True)
    else:
        sigma = BLUR * max(pixels.shape[2:])
        size = min(2 * round(2 * sigma) + 1, (min(pixels.shape[2:]) - 1) // 2 * 2 + 1)
        other = gaussian_blur(pixels, size, sigma)
    return stays * pixels + (1 - stays) * other


def translation_subject(
    translator: Translator,
    sentence: str,
    language: str | None,
    translation: Translation,
    target: int | None = None,
    against: int | None = None,
) -> Subject:
    """What the translator makes of the sentence: its probability of `translation`, which it made of it.

    target: an output piece, or None for the whole output. against: the id of a piece that might stand in the target's
    place: `run` and scores are then the target's logit less that of this one. Raises SidelightError as
    `Translator.source_pieces`.
    """
    module = translator.module
    source, _ = translator.source_pieces(sentence, language)
    output = torch.tensor([translation.ids], device=source.device)
    given, written = output[:, :-1], output[:, 1:]
    gap = translator.tokenizer.unk_token_id

    def logits(ids: Tensor, mask: Tensor) -> Tensor:
        found = module(input_ids=ids, attention_mask=mask, decoder_input_ids=given.repeat(len(ids), 1)).logits
        return found.index_fill(-1, torch.tensor(module.config.pad_token_id, device=ids.device), -torch.inf)

    def score(kept: Tensor, fill: str) -> Tensor:
        kept = kept.to(source.device)
        ids = source.expand(len(kept), -1)
        ids, mask = (torch.where(kept, ids, gap), torch.ones_like(ids)) if fill == "mask" else (ids, kept.long())
        found = logits(ids, mask).float()
        if target is not None and against is not None:
            return found[:, target, written[0, target]] - found[:, target, against]
        chosen = found.log_softmax(-1).gather(-1, written.expand(len(ids), -1)[..., None])[..., 0]
        return (chosen.mean(1) if target is None else chosen[:, target]).exp()

    def run() -> tuple[Tensor, Tensor]:
        with Embedded(source.shape) as read:
            found = logits(source, torch.ones_like(source))[0]  # (n, answers)
            chosen = found.gather(-1, written[0, :, None])[:, 0]
        if target is None:
            return chosen.sum(), read.leaf
        return (chosen[target] if against is None else chosen[target] - found[target, against]), read.leaf

    def copies(count: int) -> Tensor:
        ids = source.repeat(count, 1)
        found = logits(ids, torch.ones_like(ids))
        return found if target is None else found[:, target : target + 1]

    count = len(translation.target)
    reader = torch.full((count,), 1.0 / count) if target is None else F.one_hot(torch.tensor(target), count).float()
    return Subject(
        translation.traces,
        translation.source,
        target,
        reader,
        ("mask", "drop"),
        score,
        run,
        lambda leaf: leaf[0],
        _projections(module),
        copies,
        written[0] if target is None else written[0, target : target + 1],
    )


class Embedded(TorchFunctionMode):
    """Makes the first embedding of ids of this shape a leaf of the graph: as the tape, it leaves no hook behind."""

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape, self.leaf = shape, None

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if func is F.embedding and self.leaf is None and args[0].shape == self.shape:
            found = self.leaf = found.detach().requires_grad_()
        return found


def _projections(module: Any) -> dict[Kind, tuple[Tensor | None, ...]]:
    """Marian, BART and their kin name them so; of others they are not known."""
    encoder = getattr(module.get_encoder(), "layers", ())
    decoder = getattr(module.get_decoder(), "layers", ())
    return {
        "encoder": tuple(weight_of(layer, "self_attn.out_proj") for layer in encoder),
        "decoder": tuple(weight_of(layer, "self_attn.out_proj") for layer in decoder),
        "cross": tuple(weight_of(layer, "encoder_attn.out_proj") for layer in decoder),
    }


def weight_of(part: nn.Module, path: str) -> Tensor | None:
    try:
        found = getattr(part.get_submodule(path), "weight", None)
    except AttributeError:
        return None
    return None if found is None else found.detach()
