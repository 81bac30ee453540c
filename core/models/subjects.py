"""A Vision Transformer on a photo, or a translator on a sentence, as a `Subject` to be explained."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from core.models.vision.timm_adapter import TimmVision

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
    leaving = model.tokens_of if isinstance(model, TimmVision) and model.leaves_out else None
    if target is None:  # now, not when it is first asked for: then heads may be off
        with torch.inference_mode():
            whole = model.representation(model.tokens(pixels)).float()

    def score(kept: Tensor, fill: str) -> Tensor:
        if fill != "drop" or not leaving:
            return judged(model.tokens(without_patches(pixels, kept, axis, fill, model.patch)))
        found, counts = torch.zeros(len(kept)), kept.sum(1)
        for count in counts.unique():  # one batch has one length
            found[counts == count] = judged(leaving(pixels, kept[counts == count].to(pixels.device))).cpu()
        return found

    def judged(tokens: Tensor) -> Tensor:
        if target is None:
            return F.cosine_similarity(model.representation(tokens).float(), whole)
        logits = model.logits(tokens).float()
        if against is not None:
            return logits[:, target] - logits[:, against]
        return model.chances(logits)[:, target]

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
        ("blur", "mean", *(("drop",) if leaving else ())),
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
    written = Written.of(translation.ids, source.device, target, against)
    gap = translator.tokenizer.unk_token_id

    def logits(ids: Tensor, mask: Tensor) -> Tensor:
        given = written.given.repeat(len(ids), 1)
        found = module(input_ids=ids, attention_mask=mask, decoder_input_ids=given).logits
        return found.index_fill(-1, torch.tensor(module.config.pad_token_id, device=ids.device), -torch.inf)

    def score(kept: Tensor, fill: str) -> Tensor:
        kept = kept.to(source.device)
        ids = source.expand(len(kept), -1)
        ids, mask = (torch.where(kept, ids, gap), torch.ones_like(ids)) if fill == "mask" else (ids, kept.long())
        return written.score(logits(ids, mask).float())

    def run() -> tuple[Tensor, Tensor]:
        with Embedded(source.shape) as read:
            found = written.logit(logits(source, torch.ones_like(source))[0])
        return found, read.leaf

    def copies(count: int) -> Tensor:
        ids = source.repeat(count, 1)
        return logits(ids, torch.ones_like(ids))[:, written.asked]

    return Subject(
        translation.traces,
        translation.source,
        target,
        written.reader,
        ("mask", "drop"),
        score,
        run,
        lambda leaf: leaf[0],
        _projections(module),
        copies,
        written.pieces[0, written.asked],
    )


@dataclass(frozen=True)
class Written:
    """An output, and what is asked of it. given, pieces: (1, n), what the decoder reads and what it writes. target: one
    piece, or None for all. against: the id of a piece that might stand in its place."""

    given: Tensor
    pieces: Tensor
    target: int | None
    against: int | None = None

    @classmethod
    def of(cls, ids: Sequence[int], device: torch.device, target: int | None, against: int | None = None) -> "Written":
        """ids: of the decoder's input and the last output."""
        output = torch.tensor([ids], device=device)
        return cls(output[:, :-1], output[:, 1:], target, against)

    @property
    def asked(self) -> slice:
        """The steps that are asked about."""
        return slice(None) if self.target is None else slice(self.target, self.target + 1)

    @property
    def reader(self) -> Tensor:
        """(n,), sums to 1, on the CPU as traces are."""
        found = torch.zeros(self.pieces.shape[1])
        found[self.asked] = 1
        return found / found.sum()

    def score(self, logits: Tensor) -> Tensor:
        """(B, n, vocabulary) -> (B,): the probability of what is asked about, of all the geometric mean over its
        pieces; or the target's logit less that of the other."""
        if self.target is not None and self.against is not None:
            return logits[:, self.target, self.pieces[0, self.target]] - logits[:, self.target, self.against]
        chosen = logits.log_softmax(-1).gather(-1, self.pieces.expand(len(logits), -1)[..., None])[..., 0]
        return chosen[:, self.asked].mean(1).exp()

    def logit(self, logits: Tensor) -> Tensor:
        """(n, vocabulary) -> the scalar that is explained: the sum of the logits asked about."""
        chosen = logits.gather(-1, self.pieces[0, :, None])[self.asked, 0].sum()
        if self.target is None or self.against is None:
            return chosen
        return chosen - logits[self.target, self.against]


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
