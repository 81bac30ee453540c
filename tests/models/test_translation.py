"""The translator: its steps and rows are the model's own, and whatever is typed gets a translation or a sentence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from transformers import BertConfig, EncoderDecoderConfig, EncoderDecoderModel, MarianMTModel

from core import samples
from core.attention.tape import Tape
from core.errors import SidelightError
from core.models import translation
from core.models.catalogue import card
from core.models.pieces import clean, token_axis
from core.models.translation import Translator, load_translator
from tests.models.tiny import tokenizer
from tests.models.untrained import spread

KEY = "translation-en-de-fr-cs-zh"


@pytest.fixture(scope="module")
def translator() -> Translator:
    return load_translator(KEY)


@pytest.fixture(scope="module")
def eager() -> MarianMTModel:
    return MarianMTModel.from_pretrained(card(KEY).folder, dtype=torch.float32, attn_implementation="eager").eval()


def test_teacher_forced_rows_equal_those_of_generation(translator: Translator, eager: MarianMTModel) -> None:
    result = translator.translate("Two dogs are playing in the snow.", "deu", beams=1)
    ids, _ = translator.source_pieces("Two dogs are playing in the snow.", "deu")
    with torch.inference_mode():
        made = eager.generate(
            input_ids=ids, num_beams=1, max_new_tokens=128, output_attentions=True, return_dict_in_generate=True
        )
    for layer in range(result.traces["cross"].layers):
        for head in range(result.traces["cross"].heads):
            stitched = torch.stack([step[layer][0, head, -1] for step in made.cross_attentions])
            torch.testing.assert_close(result.traces["cross"].map(layer, head), stitched, atol=1e-5, rtol=0)
            for t, step in enumerate(made.decoder_attentions):
                own = result.traces["decoder"].row(layer, head, t)
                torch.testing.assert_close(own[: t + 1], step[layer][0, head, -1], atol=1e-5, rtol=0)
                assert own[t + 1 :].sum() == 0


def test_steps_are_the_models_own_distribution(translator: Translator, eager: MarianMTModel) -> None:
    result = translator.translate("A woman is reading a book.", "fra")
    ids, _ = translator.source_pieces("A woman is reading a book.", "fra")
    output = translator.tokenizer.convert_tokens_to_ids
    assert result.target.pieces[-1] == "</s>" and output("</s>") == 0
    with torch.inference_mode():
        generated = eager.generate(input_ids=ids, num_beams=5, max_new_tokens=128)
        logits = eager(input_ids=ids, decoder_input_ids=generated[:, :-1]).logits[0].clone()
        logits[:, eager.config.pad_token_id] = -torch.inf
    distribution = torch.distributions.Categorical(logits=logits)
    for t, step in enumerate(result.steps):
        assert step.probability == pytest.approx(float(distribution.probs[t, generated[0, t + 1]]), abs=1e-5)
        assert step.entropy == pytest.approx(float(distribution.entropy()[t]) / 0.6931472, abs=1e-3)
        assert [p for _, p in step.alternatives] == sorted((p for _, p in step.alternatives), reverse=True)


def test_the_tape_sees_attention_alone_or_all_of_a_model_that_calls_by_itself(
    translator: Translator, eager: MarianMTModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    see = Tape.__torch_function__
    monkeypatch.setattr(
        Tape, "__torch_function__", lambda tape, func, *rest: (seen.append(func), see(tape, func, *rest))[1]
    )
    source, axis = translator.source_pieces("Two dogs are playing.", "deu")
    output = translator.search(source, 1, 20, None, "deu")
    given = {"input_ids": source, "decoder_input_ids": output[:, :-1]}
    with torch.inference_mode(), Tape.record(values=True) as whole:
        translator.module(**given)
    everything = len(seen)
    seen.clear()
    found = translator.read(source, axis, output).traces
    assert seen.count(F.scaled_dot_product_attention) == len(whole.calls) and len(seen) < everything / 4
    first = found["encoder"].layers
    parts = whole.calls[:first], whole.calls[first::2], whole.calls[first + 1 :: 2]
    for trace, calls in zip(found.values(), parts, strict=True):
        for one, other in zip(trace.calls, calls, strict=True):
            assert torch.equal(one.query, other.query) and torch.equal(one.key, other.key)
            assert torch.equal(one.recorded_value, other.recorded_value)
    own = Translator("eager", eager, translator.tokenizer, translator.targets)
    formed = [own.read(source, axis, output).traces["cross"] for _ in range(2)]  # the second time it is known
    assert all(trace.is_formed for trace in formed) and own.recording == Tape.record
    torch.testing.assert_close(formed[1].map(0, 0), found["cross"].map(0, 0), atol=1e-5, rtol=0)


def test_the_alignment_finds_the_dog(translator: Translator) -> None:
    result = translator.translate("A brown dog is running.", "deu")
    assert "Hund" in result.text
    mean = result.traces["cross"].mean([result.traces["cross"].layers - 1])
    written = result.target.pieces.index("Hund")
    best = int(mean[written].argmax())
    assert result.source.pieces[best] == "dog"


def test_both_readings_name_rows(translator: Translator) -> None:
    result = translator.translate("A dog runs.", "deu")
    n = len(result.target)
    assert translation.rows(result, "output") == list(range(n))
    assert translation.rows(result, "input") == [*range(1, n), None]
    assert result.decoder_input.pieces[1:] == result.target.pieces[:-1]


@pytest.mark.parametrize("target", ["deu", "fra", "ces", "cmn_Hans"])
def test_there_are_samples_for_each_target_and_they_end(translator: Translator, target: str) -> None:
    sentences = [s for s in samples.sentences() if s.target == target]
    assert len(sentences) >= 10
    assert not translator.translate(sentences[0].text, target).stopped_by_limit


def test_a_typed_tag_does_not_switch_the_language(translator: Translator) -> None:
    ids, axis = translator.source_pieces(">>fra<< A dog", "deu")
    pieces = axis.pieces
    assert pieces[0] == ">>deu<<" and ">>fra<<" not in pieces
    french = translator.tokenizer.convert_tokens_to_ids(">>fra<<")
    assert french not in ids[0].tolist()


def code_of(translator: Translator, sentence: str, target: str = "deu") -> str:
    with pytest.raises(SidelightError) as caught:
        translator.translate(sentence, target)
    return caught.value.code


def test_what_cannot_be_translated_gets_a_sentence(translator: Translator) -> None:
    assert code_of(translator, "") == "translation.empty"
    assert code_of(translator, " \u200b\u0007\n ") == "translation.empty"
    assert code_of(translator, "word " * 5000) == "translation.too_long"
    assert code_of(translator, "A dog", "tlh") == "translation.unknown_target"


@settings(max_examples=25)
@given(text=st.text(max_size=40))
def test_any_text_is_translated_or_refused(translator: Translator, text: str) -> None:
    try:
        result = translator.translate(text, "deu", beams=1, max_pieces=12, top_k=2)
    except SidelightError as error:
        assert error.code == "translation.empty" and not clean(text)
        return
    assert len(result.steps) == len(result.target) == len(result.traces["cross"].query_axis) <= 12
    assert not [problem for trace in result.traces.values() for problem in trace.problems]


def test_progress_is_told_and_may_stop_the_search(translator: Translator) -> None:
    seen = []
    translator.translate("A dog runs.", "deu", on_step=lambda step, limit: seen.append((step, limit)))
    assert seen[0] == (1, 128) and len(seen) > 2

    def stop(step: int, limit: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        translator.translate("A dog runs.", "deu", on_step=stop)


def test_pieces_become_words() -> None:
    axis = token_axis([">>deu<<", "▁Hel", "lo", ",", "▁it", "'", "s", "▁我", "喜欢", "。", "</s>"], {"</s>"})
    assert axis.merged().pieces == (">>deu<<", "Hello", ",", "it's", "我", "喜欢", "。", "</s>")
    assert [p for p, mark in zip(axis.pieces, axis.special, strict=True) if mark] == [">>deu<<", "</s>"]


@given(st.lists(st.sampled_from(["▁a", "b", ".", "▁", "我", "</s>", ">>deu<<", "'"]), max_size=12))
def test_words_count_up_without_gaps(pieces: list[str]) -> None:
    words = token_axis(pieces, {"</s>"}).words
    assert all(b - a in (0, 1) for a, b in zip(words, words[1:], strict=False))
    assert not words or words[0] == 0


def test_two_models_that_were_joined_are_traced_as_they_compute() -> None:
    """A reader and a writer of one's own choice: transformers' EncoderDecoderModel."""
    small = {"vocab_size": 90, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    sides = [BertConfig(**small, num_hidden_layers=n, max_position_embeddings=40) for n in (3, 2)]
    config = EncoderDecoderConfig.from_encoder_decoder_configs(*sides)
    module = spread(EncoderDecoderModel._from_config(config, attn_implementation="sdpa"))
    own = translation._translator("joined", module, tokenizer("wordpiece"))
    found = own.translate("the dog runs", None, beams=1, max_pieces=6)
    assert {kind: trace.layers for kind, trace in found.traces.items()} == {"encoder": 3, "decoder": 2, "cross": 2}
    assert not [problem for trace in found.traces.values() for problem in trace.problems]
    eager = EncoderDecoderModel._from_config(config, attn_implementation="eager").eval()
    eager.load_state_dict(module.state_dict())
    source, _ = own.source_pieces("the dog runs", None)
    with torch.inference_mode():
        output = torch.tensor([found.ids[:-1]])
        wanted = eager(input_ids=source, decoder_input_ids=output, output_attentions=True)
    traces = tuple(found.traces.values())
    lists = (wanted.encoder_attentions, wanted.decoder_attentions, wanted.cross_attentions)
    for trace, attentions in zip(traces, lists, strict=True):
        for layer, weights in enumerate(attentions):
            for head in range(2):
                torch.testing.assert_close(trace.map(layer, head), weights[0, head], atol=1e-5, rtol=0)
