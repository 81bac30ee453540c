"""A vision-language model's answer on a photo, as a `Subject` to be explained: which patches made it write a word."""

import torch
from torch import Tensor

from core.attention.axes import PatchAxis
from core.attention.parts import arranged
from core.attention.subject import Subject
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace
from core.models import tokenizing
from core.models.captioning import Caption
from core.models.image_tokens import numbers_of
from core.models.others import Paint, painted
from core.models.subjects import Written, weight_of
from core.models.vision_language import Seen, VisionLanguage

FILLS: dict[str, Paint] = {"blur": "blur", "mean": "grey"}


def answer_subject(model: VisionLanguage, seen: Seen, caption: Caption, target: int | None = None) -> Subject:
    """What the model makes of a photo and a prompt: its probability of `caption`, which it, or a person, wrote.

    target: an output piece, or None for the whole output. The one attention of its decoder is taken for the encoder of
    all that it reads; the patches are the image tokens of the first grid. What its vision tower mixed before is not
    traced back. A patch is taken away on the photo, so that no other grid shows it. Raises SidelightError
    `vision_language.not_captured`.
    """
    written = Written.of((0, *caption.ids), seen.ids.device, target)  # what it reads first is the prompt
    given = model.continued(seen, written.pieces[0])
    whole = given["input_ids"][0]
    places, axis = _axis(model, seen, whole)
    asks = slice(len(seen.ids) - 1, len(whole) - 1)  # row t writes piece t
    with torch.inference_mode(), Tape.record(values=True) as tape:
        model.module(**given)
    calls = model.layer_calls(tape.calls, len(whole))
    if not (in_order := bool((places.diff() == 1).all())):
        calls = [arranged(call, places) for call in calls]
    reader = torch.zeros(len(whole))
    reader[asks] = written.reader

    def logits(pixels: Tensor) -> Tensor:
        return model.module(**{**given, "pixel_values": pixels}).logits[:, asks].float()

    def score(kept: Tensor, fill: str) -> Tensor:
        away = [row.nonzero()[:, 0].tolist() for row in ~kept[:, axis.patches]]
        pictures = (painted(seen.photo, axis.grid, one, FILLS[fill], axis.image_box) for one in away)
        return torch.cat([written.score(logits(model.prepared(one, seen.text)["pixel_values"])) for one in pictures])

    def run() -> tuple[Tensor, Tensor]:
        leaf = seen.inputs["pixel_values"].clone().requires_grad_()
        return written.logit(logits(leaf)[0]), leaf

    def unfold(pixels: Tensor) -> Tensor:
        numbers = numbers_of(pixels, len(seen.image), model.merge)[seen.grids[0].order]
        found = numbers.new_zeros(len(axis), numbers.shape[1])
        found[axis.patches] = numbers
        return found

    trace = AttentionTrace.from_calls("encoder", calls, axis, axis)
    layers = getattr(model.module.get_decoder(), "layers", ())
    return Subject(
        {"encoder": trace},
        axis,
        target,
        reader[places],
        tuple(FILLS),
        score,
        run,
        unfold,
        {"encoder": tuple(weight_of(layer, "self_attn.o_proj") for layer in layers)},
        asked=written.pieces[0, written.asked],
        before=calls[0].index,
        places=None if in_order else places,
    )


def _axis(model: VisionLanguage, seen: Seen, whole: Tensor) -> tuple[Tensor, PatchAxis]:
    """Where each position of the axis stands in what the model reads, (N,), and the axis: what comes before the image
    tokens, those of the first grid row by row, all else."""
    tokens = seen.image[seen.grids[0].order].cpu()
    at = torch.arange(len(whole))
    others = at[~torch.isin(at, tokens)]
    before, after = others[others < seen.image.min().cpu()], others[others >= seen.image.min().cpu()]
    names = tokenizing.read_ids(model.tokenizer, whole.tolist())[0]
    own = seen.axis
    axis = PatchAxis(
        own.grid,
        tuple(names[n] for n in before.tolist()),
        own.image_box,
        own.image_size,
        tuple(names[n] for n in after.tolist()),
    )
    return torch.cat([before, tokens, after]), axis
