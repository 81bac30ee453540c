"""Attention in a window, made one masked call: the model computes what its own class computes, and the tape sees it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers as hf

from core.attention.tape import Tape
from core.models.banded import in_one_call
from tests.attention.architectures import ENCODER, SEQ2SEQ, T5, VOCABULARY

LONG = 23
LED = SEQ2SEQ | {"attention_window": 4, "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64}
LONGFORMER = ENCODER | {"intermediate_size": 64, "attention_window": 4, "max_position_embeddings": 64}


def led() -> Any:
    return hf.LEDModel(hf.LEDConfig(**LED))


def longformer() -> Any:
    return hf.LongformerModel(hf.LongformerConfig(**LONGFORMER))


def longt5() -> Any:
    return hf.LongT5Model(hf.LongT5Config(**T5, local_radius=3))


@pytest.mark.parametrize(
    ("make", "wide"), [(led, False), (led, True), (longformer, False), (longformer, True), (longt5, False)]
)
def test_one_masked_call_computes_what_the_windows_do(make: Callable[[], Any], wide: bool) -> None:
    torch.manual_seed(0)
    own = make().eval()
    for parameter in own.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    other = in_one_call(copy.deepcopy(own))
    ids = torch.randint(2, VOCABULARY, (2, LONG))
    mask = torch.ones_like(ids)
    mask[1, 15:] = 0  # one text is shorter
    given = {"input_ids": ids, "attention_mask": mask}
    if own.config.is_encoder_decoder:
        given["decoder_input_ids"] = ids[:, :3]
    if wide:
        given["global_attention_mask"] = torch.zeros_like(ids).index_fill(1, torch.tensor([0, 9]), 1)
    with torch.inference_mode(), Tape.record() as tape:
        found = other(**given)[0]
    with torch.inference_mode():
        wanted = own(**given)[0]
    real = mask.bool() if not own.config.is_encoder_decoder else torch.ones(2, 3, dtype=torch.bool)
    assert torch.allclose(found[real], wanted[real], atol=1e-5)
    encoder = tape.calls[:2]
    assert {call.key.shape[2] for call in encoder} == {LONG}
    seen = encoder[0].visible(0)[0]
    assert bool(seen[12, 12]) and bool(seen[12, 0]) == wide, "its window is narrow"
    assert max(call.deviation for call in tape.calls) < 1e-4
