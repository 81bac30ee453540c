"""Translations do not go round in circles, whatever the model's logits; what the source repeats may be repeated."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import MarianConfig, MarianMTModel

from core.finetune.parallel import Pair
from core.finetune.score import translate_all
from core.models import decoding
from core.models.decoding import NoLoops, repeats
from core.models.translation import Translation, Translator, load_translator

END, PAD, VOCABULARY = 0, 5, 6
PIECES = st.lists(st.integers(1, 3), max_size=14)


def stands(pieces: list[int], times: int) -> bool:
    """The definition, written out: some run of pieces stands `times` times in a row."""
    for length in range(1, len(pieces) // times + 1):
        for start in range(len(pieces) - length * times + 1):
            run = pieces[start : start + length]
            if pieces[start : start + length * times] == run * times:
                return True
    return False


@given(PIECES)
def test_repeats_is_its_definition(pieces: list[int]) -> None:
    most = repeats(pieces)
    assert most == 0 if not pieces else stands(pieces, most) and not stands(pieces, most + 1)


@given(PIECES, PIECES.filter(len))
def test_forbidden_is_exactly_what_would_complete_one_run_too_many(output: list[int], source: list[int]) -> None:
    ids = torch.tensor([source])
    scores = NoLoops(ids, torch.ones_like(ids))(torch.tensor([[PAD, *output]]), torch.zeros(1, VOCABULARY))[0]
    times = max(2, repeats(source)) + 1
    if stands(output, times):
        return  # nothing that the rule lets through
    for piece in range(VOCABULARY):
        assert (scores[piece] == -torch.inf) == stands([PAD, *output, piece], times)


@functools.cache
def tiny() -> MarianMTModel:
    config = MarianConfig(
        vocab_size=VOCABULARY,
        d_model=8,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=1,
        decoder_attention_heads=1,
        encoder_ffn_dim=8,
        decoder_ffn_dim=8,
        max_position_embeddings=64,
        pad_token_id=PAD,
        eos_token_id=END,
        bos_token_id=END,
        forced_eos_token_id=END,
        decoder_start_token_id=PAD,
    )
    return MarianMTModel(config).eval()


def outputs(seed: int, spread: float, sources: list[list[int]], beams: int, ruled: bool) -> list[list[int]]:
    """What a model with random weights writes: the looping kind, whose logits hardly depend on what it has written."""
    torch.manual_seed(seed)
    module = tiny()
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(std=spread)
        module.final_logits_bias.normal_(std=3 * spread)
        module.final_logits_bias[0, END] -= 9 * spread  # seldom ends by itself
    longest = max(len(source) for source in sources)
    ids = torch.tensor([[*source, *[PAD] * (longest - len(source))] for source in sources])
    mask = (ids != PAD).long()
    rule = [NoLoops(ids, mask)] if ruled else []
    with torch.inference_mode():
        made = module.generate(
            input_ids=ids, attention_mask=mask, num_beams=beams, max_new_tokens=LENGTH, logits_processor=rule
        )
    return [row[1 : row.index(END)] for row in made.tolist()]


LENGTH = 24  # three times the longest source: a loop has room to show
SOURCES = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=8), min_size=1, max_size=3)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 5.0]), SOURCES, st.integers(1, 4))
def test_no_logits_make_it_loop(seed: int, spread: float, sources: list[list[int]], beams: int) -> None:
    for source, made in zip(sources, outputs(seed, spread, sources, beams, ruled=True), strict=True):
        assert repeats(made) <= max(2, repeats(source))


def test_without_the_rule_these_models_loop() -> None:
    made = [outputs(seed, 1.0, [[1, 2, 3]], 2, ruled=False)[0] for seed in range(10)]
    assert sum(repeats(pieces) > 2 for pieces in made) >= 5


class Lax(NoLoops):
    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return scores


def written(translation: Translation) -> tuple[int, ...]:
    """The ids that it wrote: what a letter's bytes show of themselves is alike, and they are not."""
    return translation.ids[1:]


def made_to_loop(model: Translator, sentence: str, target: str) -> None:
    """Its end is made less likely until it goes round in circles where nothing forbids it."""
    bias, end = model.module.final_logits_bias, model.module.config.eos_token_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "NoLoops", Lax)
        while repeats(written(model.translate(sentence, target))) <= 2:
            bias[0, end] -= 2
            assert bias[0, end] > -30, "it never does"


def test_both_ways_to_translate_keep_the_rule() -> None:
    model, sentence = load_translator("translation-en-de-fr-cs-zh"), "Supercalifragilisticexpialidocious"
    assert not model.translate(sentence, "cmn_Hans").stopped_by_limit, "it ends by itself"
    made_to_loop(model, sentence, "cmn_Hans")
    result = model.translate(sentence, "cmn_Hans")
    assert repeats(written(result)) <= 2
    assert translate_all(model.module, model.tokenizer, [Pair(sentence, "", "zh")]) == [result.text]
    assert not [problem for trace in result.traces.values() for problem in trace.problems]


def test_who_laughs_is_let_laugh() -> None:
    result = load_translator("translation-en-de-fr-cs-zh").translate("ha ha ha ha ha", "cmn_Hans")
    assert repeats(result.target.pieces) <= repeats(result.source.pieces) == 5
