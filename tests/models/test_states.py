"""The states that the lens reads: at the end they answer as the model does, for every form of its last norm."""

import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration, MBartConfig, MBartForConditionalGeneration

from core.attention.lens import lens
from core.errors import SidelightError
from core.models.states import translation_states, vision_states
from core.models.translation import Translator
from tests.attention import planted

SIZES = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "vocab_size": 15,
    "max_position_embeddings": 20,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": None,
    "init_std": 0.4,
}


def translated(translator: Translator, sentence: str = "w3 w1 w4") -> tuple:
    source, _ = translator.source_pieces(sentence, None)
    return source, translator.translate(sentence, beams=1, max_pieces=6)


@pytest.mark.parametrize(
    "more", [{}, {"reg_tokens": 2}, {"global_pool": "avg", "class_token": False}, {"fc_norm": True}]
)
def test_every_patch_is_read_as_the_head_reads_its_own_place(more: dict) -> None:
    model = planted.random_vision(**more)
    result = model.run(planted.random_photo(), planted.SIDE, "stretch")
    whole, each = (lens(run, model.temperature) for run in vision_states(model, result))
    assert whole.top.shape == (4, 1, 5), "the embedding and three layers"
    torch.testing.assert_close(whole.chances[-1, 0], result.probabilities[whole.top[-1, 0]])
    if not more.get("global_pool"):  # CLS stands where the head reads
        torch.testing.assert_close(whole.chances[:, 0], each.chances[:, 0], rtol=1e-4, atol=1e-5)
    assert each.top.shape == (4, len(result.axis), 5)
    assert not each.distance[-1].any() and not each.rank[-1].any()


def test_a_model_without_classes_has_nothing_to_answer() -> None:
    model = planted.random_vision()
    model.classes = ()
    with pytest.raises(SidelightError) as error:
        vision_states(model, model.run(planted.random_photo(), planted.SIDE, "stretch"))
    assert error.value.code == "lens.no_head"


def modules() -> list:
    torch.manual_seed(3)
    kinds = ((BartConfig, BartForConditionalGeneration), (MBartConfig, MBartForConditionalGeneration))
    made = [kind(config(**SIZES)).eval() for config, kind in kinds]
    return [planted.random_translator().module, *made]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["Marian, norms after", "BART, norms after", "mBART, norms before"])
def test_the_last_state_writes_what_was_written(kind: int) -> None:
    translator = Translator("tiny", modules()[kind], planted.word_tokenizer(), ())
    source, translation = translated(translator)
    found = lens(translation_states(translator, source, translation))
    chances = torch.tensor([step.alternatives[0][1] for step in translation.steps])
    torch.testing.assert_close(found.chances[-1, :, 0], chances, rtol=1e-3, atol=1e-4)
    assert found.top.shape == (3, len(translation.target), 5)
