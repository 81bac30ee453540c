"""The formula with the models' numbers, and what the common mistakes do to it, each against another way to get it."""

import math

import numpy as np
import pytest
import torch

from core.attention.tape import AttentionCall
from core.differences import mathematics, mistakes
from tests.differences.conftest import SENTENCE, TARGET
from tests.finetune.models import tiny_translator, tiny_vision


def call(draw: int = 0, causal: bool = False, queries: int = 5, width: int = 16) -> AttentionCall:
    generator = torch.Generator().manual_seed(draw)
    query, key, value = (torch.randn(1, 2, queries, width, generator=generator) for _ in range(3))
    return AttentionCall(0, query, key, value, None, width**-0.5, causal)


def test_symbols_are_those_of_the_modules(seen, translator, translation) -> None:
    vision, encoder, decoder, cross = mathematics.symbols(seen, translator, translation)
    assert (vision.queries, vision.width, vision.heads, vision.head_width, vision.layers) == (257, 384, 6, 64, 12)
    config = translator.module.config
    assert encoder.width == config.d_model and encoder.heads == config.encoder_attention_heads
    assert (encoder.layers, decoder.layers) == (config.encoder_layers, config.decoder_layers)
    assert cross.queries == len(translation.target) and cross.keys == len(translation.source)
    assert vision.scale == pytest.approx(1 / math.sqrt(vision.head_width))
    assert vision.weights == 12 * 6 * 257**2


def test_scaling_is_measured_on_the_keys_that_are_seen(translation) -> None:
    found = mathematics.scaling(translation.traces["decoder"], 1)
    assert found.spread == pytest.approx(found.spread_plain * translation.traces["decoder"].calls[1].scale)
    count = len(translation.target)
    assert found.uniform == pytest.approx(sum(math.log2(n) for n in range(1, count + 1)) / count, rel=1e-5)
    assert 0 <= found.entropy_plain < found.entropy < found.uniform
    assert found.total == pytest.approx(1, abs=1e-5) and found.deviation < 1e-4


def test_bits_of_even_rows() -> None:
    assert torch.allclose(mathematics.bits(torch.full((3, 8), 1 / 8)), torch.tensor(3.0))
    assert mathematics.bits(torch.tensor([0.0, 1.0])) == 0


@pytest.mark.parametrize("causal", [False, True])
def test_the_right_formula_is_torch_s_own(causal: bool) -> None:
    one = call(causal=causal)
    own = torch.nn.functional.scaled_dot_product_attention(one.query, one.key, one.value, is_causal=causal)
    assert torch.allclose(mistakes.attend(one, "right"), own, atol=1e-5)


def test_wrong_formulas_by_hand() -> None:
    one = call()
    scores = one.query @ one.key.mT
    assert torch.allclose(mistakes.attend(one, "unscaled"), scores.softmax(-1) @ one.value, atol=1e-5)
    assert torch.allclose(mistakes.attend(one, "scale_after"), scores.softmax(-1) / 4 @ one.value, atol=1e-5)
    late = (scores / 4 @ one.value).softmax(-1)
    assert torch.allclose(mistakes.attend(one, "after_value"), late, atol=1e-5)


def test_after_the_value_no_later_key_takes_part() -> None:
    one, other = call(causal=True), call(causal=True)
    other.value[:, :, -1, 0] += 100
    for formula in mistakes.FORMULAS:
        first, second = mistakes.attend(one, formula), mistakes.attend(other, formula)
        assert torch.allclose(first[:, :, :-1], second[:, :, :-1]), formula
        assert not torch.allclose(first[:, :, -1], second[:, :, -1]), formula


def test_rows_of_each_formula(seen) -> None:
    rows = {name: mistakes.rows_of(seen.traces["encoder"], 6, name) for name in mistakes.FORMULAS}
    assert rows["right"].total == pytest.approx(1) and rows["right"].deviation == 0
    assert rows["unscaled"].entropy < rows["right"].entropy
    assert rows["scale_after"].total == pytest.approx(1 / math.sqrt(64))
    assert rows["after_value"].entropy is None
    assert all(rows[name].deviation > 0.1 for name in mistakes.FORMULAS[1:])


def test_with_the_right_formula_in_all_layers_nothing_changes(photo) -> None:
    model, translator = tiny_vision(), tiny_translator()
    source, _ = translator.source_pieces("A dog runs.", "deu")
    asked = ("right", "unscaled", "right")
    first, wrong, again = mistakes.outcomes(model, photo, 64, translator, source, 12, asked)
    assert first.similarity == pytest.approx(1) and again.similarity == pytest.approx(1)
    assert again.text == first.text and again.chrf == 100
    assert wrong.similarity < 0.9999
    assert model.run(photo, 64, "crop").traces["encoder"].problems == (), "the models themselves are as before"


def test_classes_in_place_of_a_sequence(translator, translation) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    found = mistakes.classified(translator, source, translation)
    assert found.first == translation.steps[0].alternatives
    assert found.vocabulary == translator.module.config.vocab_size
    assert found.sequences == pytest.approx(len(translation.target) * math.log10(found.vocabulary))
    assert found.chrf < 60, "what does not read its own output is no translation"


def test_one_hot_shades_share_nothing_with_their_neighbours(vision, seen) -> None:
    found = mistakes.one_hot(vision, seen.fitted, (0, 1, 8))
    assert (found.numbers, found.codes) == (224 * 224 * 3, 224 * 224 * 3 * 256)
    assert found.weights == sum(p.numel() for p in vision.module.patch_embed.parameters())
    assert found.weights_then == 14 * 14 * 3 * 256 * 384 + 384
    (_, same, whole), (_, near, overlap), _ = found.curve
    assert same == pytest.approx(1) and whole == 1
    assert near > 0.99 and overlap < 0.5


def test_without_positions_the_order_of_patches_is_nothing(vision, seen) -> None:
    found = mistakes.picture_order(vision, seen.fitted)
    assert found.without == pytest.approx(1, abs=1e-5)
    assert found.with_positions < 0.99
    before, after = (np.asarray(picture).reshape(-1) for picture in (seen.fitted.pixels, found.shuffled))
    assert not np.array_equal(before, after) and np.array_equal(np.sort(before), np.sort(after))
    assert vision.module.pos_embed.any(), "the model keeps its positions"


def test_without_positions_the_order_of_words_is_nothing(translator, translation) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    found = mistakes.word_order(translator, source, translation, 30)
    assert found.difference < 1e-4
    assert found.texts[2] == found.texts[3] and found.texts[0] != found.texts[1]
    assert sorted(found.shuffled.replace(" ", "")) == sorted(SENTENCE.replace(" ", ""))
    assert mistakes.greedy(translator, source, 30) == found.texts[0], "the model keeps its positions"
