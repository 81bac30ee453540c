"""The residual stream of a vision model or a translator as the lens takes it: each state as the head would read it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core.attention.lens import States
from core.attention.tuned import Tuned
from core.errors import SidelightError
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult

Reader = Callable[[Tensor], Tensor]
TOLERANCE = 1e-3  # of the largest: how far what is read of the last state may be from the model's own


def vision_states(model: VisionModel, result: VisionResult, tuned: Tuned | None = None) -> tuple[States, States]:
    """The stream as the head reads it, one position (all tokens in a row), and every token by itself, put in all places
    that the head may read. tuned: for the first of the two; it learnt where the head reads, not on patches.

    Raises SidelightError `lens.no_head` for a model without classes, `lens.not_known` for one whose last norm is not
    known.
    """
    if not model.classes:
        raise SidelightError("lens.no_head", name=model.name)
    each, width = _each(model), model.width

    def whole(state: Tensor) -> Tensor:
        return model.logits(state.reshape(len(state), -1, width))

    with torch.inference_mode():
        found = model.states(model.pixels(result.fitted.pixels))
        norm = _read_as(model, found[-1], result) if found else None
        if norm is None:
            raise SidelightError("lens.not_known", name=model.name)
        states = torch.cat([norm(state) for state in found])
        told = states if tuned is None else torch.cat([norm(tuned(n, state)) for n, state in enumerate(found)])
        joined = told.reshape(len(told), 1, -1)
        return (
            States(joined, whole, whole(joined[-1]).argmax(-1)),
            States(states, each, each(states[-1]).argmax(-1)),
        )


def _each(model: VisionModel) -> Reader:
    """What the head says of single tokens (n, D)."""
    places = len(model.prefix) + 1
    return lambda state: model.logits(state[:, None].expand(-1, places, -1))


def vision_streams(model: VisionModel, pixels: Tensor) -> Tensor:
    """What a tuned lens learns from: of pictures (B, 3, H, W) the states where the head reads, (L + 1, B, D)."""
    with torch.no_grad():
        found = model.states(pixels)
        at = int(model.reads(found[0].shape[1]).argmax())
        return torch.stack([state[:, at] for state in found])


def vision_readers(model: VisionModel) -> tuple[Reader, Reader]:
    """What the last norm and the head make of such states: (n, D) -> logits over the model's temperature. The last one
    is read as the others are."""
    norm, each = model.last_norm(), _each(model)
    return (lambda state: each(norm(state)) / model.temperature,) * 2


def _read_as(model: VisionModel, last: Tensor, result: VisionResult) -> nn.Module | None:
    """The last norm, or nothing where the head takes the last state as it is; told by the answer that it gives."""
    for norm in (model.last_norm(), nn.Identity()):
        if _close((model.logits(norm(last))[0].float() / model.temperature).softmax(-1).cpu(), result.probabilities):
            return norm
    return None


def translation_states(
    translator: Translator, source: Tensor, translation: Translation, tuned: Tuned | None = None
) -> States:
    """The decoder's stream, a position for each piece that was written. source: ids (1, m), as it read them.

    Raises SidelightError `lens.not_known` for a model whose last norm is not known, or whose head does more to the last
    state than a matrix and a bias.
    """
    output = torch.tensor([translation.ids], device=source.device)
    norm, head = _last_norm(translator), _head(translator)
    with torch.inference_mode():
        ran = _ran(translator, source, output[:, :-1])
        *before, last = ran.decoder_hidden_states
        told = before if tuned is None else [tuned(n, state) for n, state in enumerate(before)]
        states = torch.cat([*(norm(state) for state in told), last])
        likeliest = torch.tensor([chance for _, chance in translation.steps[-1].alternatives])
        told = head(last[0, -1:]).float().softmax(-1).topk(len(likeliest)).values[0].cpu()
        if not _close(told, likeliest):  # one position tells whether it is known
            raise SidelightError("lens.not_known", name=translator.name)
    return States(states, head, output[0, 1:])


def translation_streams(translator: Translator, source: Tensor, output: Tensor) -> Tensor:
    """What a tuned lens learns from: the decoder's states (L + 1, n, D) on a given output (1, 1 + n). The last one is
    as the head reads it, the others are before the last norm."""
    with torch.no_grad():
        return torch.cat(_ran(translator, source, output[:, :-1]).decoder_hidden_states)


def translation_readers(translator: Translator) -> tuple[Reader, Reader]:
    """What is made of earlier states, by the last norm and the head, and of the last one: (n, D) -> logits."""
    norm, head = _last_norm(translator), _head(translator)
    return lambda state: head(norm(state)), head


def _ran(translator: Translator, source: Tensor, given: Tensor) -> Any:
    """Without the head, which the lens puts on the states itself."""
    mask = torch.ones_like(source)
    trunk = translator.module.base_model
    return trunk(input_ids=source, attention_mask=mask, decoder_input_ids=given, output_hidden_states=True)


def _head(translator: Translator) -> Reader:
    """The matrix and its bias; the pad piece is never written."""
    module: Any = translator.module
    matrix, bias = module.get_output_embeddings(), getattr(module, "final_logits_bias", 0.0)
    pad = module.config.pad_token_id
    return lambda state: (matrix(state) + bias).index_fill(-1, torch.tensor(pad, device=state.device), -torch.inf)


def _last_norm(translator: Translator) -> nn.Module:
    """Marian and BART normalise after each part and not once more at the end; their kin name the last norm so."""
    decoder: Any = translator.module.get_decoder()
    named = (getattr(decoder, name, None) for name in ("layer_norm", "final_layer_norm", "norm"))
    return next((norm for norm in named if norm is not None), nn.Identity())


def _close(found: Tensor, own: Tensor) -> bool:
    return float((found - own).abs().max()) <= TOLERANCE * float(own.abs().max())
