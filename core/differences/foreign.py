"""A decoder reads the encoder that it was trained with. Another one, however good, writes its vectors in other
directions: here the translator's own encoder is turned in space, so that nothing of what it knows is lost."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from transformers import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput

from core.models.translation import Translator

LIMIT = 40  # pieces that are written


@dataclass(frozen=True)
class Foreign:
    """said: what is written from the turned vectors; usual: from the vectors as they are, likewise. kept: the largest
    difference between the vectors and those that were turned and turned back, over their largest number."""

    said: str
    usual: str
    kept: float


def foreign(translator: Translator, source: Tensor, seed: int = 0) -> Foreign:
    """source: ids (1, m). Greedy search, both times."""
    with torch.inference_mode():
        states = translator.module.get_encoder()(source).last_hidden_state  # (1, m, D)
        noise = torch.randn(states.shape[-1], states.shape[-1], generator=torch.Generator().manual_seed(seed))
        turn = torch.linalg.qr(noise).Q.to(states)  # (D, D), orthogonal
        back = states @ turn @ turn.T
        kept = float((back - states).abs().max() / states.abs().max())
        said, usual = (_write(translator, source, one) for one in (states @ turn, states))
    return Foreign(said, usual, kept)


def _write(translator: Translator, source: Tensor, states: Tensor) -> str:
    output = cast(GenerationMixin, translator.module).generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=states),
        attention_mask=torch.ones_like(source),
        num_beams=1,
        max_new_tokens=LIMIT,
        forced_eos_token_id=None,
    )
    return translator.text(output[0, 1:])
