"""The residual stream of a vision model or a translator as the lens takes it: each state as the head would read it."""

from typing import Any

import torch
from torch import Tensor, nn

from core.attention.lens import States
from core.errors import SidelightError
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult

TOLERANCE = 1e-3  # of the largest: how far what is read of the last state may be from the model's own


def vision_states(model: VisionModel, result: VisionResult) -> tuple[States, States]:
    """The stream as the head reads it, one position (all tokens in a row), and every token by itself, put in all places
    that the head may read.

    Raises SidelightError `lens.no_head` for a model without classes, `lens.not_known` for one whose last norm is not
    known.
    """
    if not model.classes:
        raise SidelightError("lens.no_head", name=model.name)
    places, width = len(model.prefix) + 1, model.width

    def whole(state: Tensor) -> Tensor:
        return model.logits(state.reshape(1, -1, width))

    def each(state: Tensor) -> Tensor:
        return model.logits(state[:, None].expand(-1, places, -1))

    with torch.inference_mode():
        found = model.states(model.pixels(result.fitted.pixels))
        norm = _read_as(model, found[-1], result) if found else None
        if norm is None:
            raise SidelightError("lens.not_known", name=model.name)
        states = torch.cat([norm(state) for state in found])
        joined = states.reshape(len(states), 1, -1)
        return (
            States(joined, whole, whole(joined[-1]).argmax(-1)),
            States(states, each, each(states[-1]).argmax(-1)),
        )


def _read_as(model: VisionModel, last: Tensor, result: VisionResult) -> nn.Module | None:
    """The last norm, or nothing where the head takes the last state as it is; told by the answer that it gives."""
    for norm in (model.last_norm(), nn.Identity()):
        if _close((model.logits(norm(last))[0].float() / model.temperature).softmax(-1).cpu(), result.probabilities):
            return norm
    return None


def translation_states(translator: Translator, source: Tensor, translation: Translation) -> States:
    """The decoder's stream, a position for each piece that was written. source: ids (1, m), as it read them.

    Raises SidelightError `lens.not_known` for a model whose last norm is not known, or whose head does more to the last
    state than a matrix and a bias.
    """
    module: Any = translator.module
    output = torch.tensor([translation.ids], device=source.device)
    matrix, bias, pad = (
        module.get_output_embeddings(),
        getattr(module, "final_logits_bias", 0.0),
        module.config.pad_token_id,
    )

    def head(state: Tensor) -> Tensor:
        return (matrix(state) + bias).index_fill(-1, torch.tensor(pad, device=state.device), -torch.inf)

    with torch.inference_mode():
        mask = torch.ones_like(source)
        ran = module(input_ids=source, attention_mask=mask, decoder_input_ids=output[:, :-1], output_hidden_states=True)
        *before, last = ran.decoder_hidden_states
        norm = _last_norm(module.get_decoder())
        states = torch.cat([*(norm(state) for state in before), last])
        if not _close(matrix(last) + bias, ran.logits):
            raise SidelightError("lens.not_known", name=translator.name)
    return States(states, head, output[0, 1:])


def _last_norm(decoder: Any) -> nn.Module:
    """Marian and BART normalise after each part and not once more at the end; their kin name the last norm so."""
    named = (getattr(decoder, name, None) for name in ("layer_norm", "final_layer_norm", "norm"))
    return next((norm for norm in named if norm is not None), nn.Identity())


def _close(found: Tensor, own: Tensor) -> bool:
    return float((found - own).abs().max()) <= TOLERANCE * float(own.abs().max())
