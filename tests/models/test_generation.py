"""Text generation: what is written is the model's own choice, its attention the model's own, whatever the tokenizer."""

import unicodedata
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Model,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianForCausalLM,
    MarianMTModel,
    OPTConfig,
    OPTForCausalLM,
)

from core.errors import SidelightError
from core.models.generation import Drawn, Generator, load_generator
from core.models.pieces import HALF, clean, printable, text_axis
from core.models.tokenizing import covered, encode, spoken
from tests.models.hub import lay, offline
from tests.models.tiny import FAMILIES, tokenizer

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
BERT = BertConfig(**SMALL, vocab_size=90, intermediate_size=64, max_position_embeddings=64)
MODELS = {
    "gpt2": (
        GPT2LMHeadModel,
        GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0),
        "bytes",
    ),
    "llama": (  # two query heads share a key head
        LlamaForCausalLM,
        LlamaConfig(
            **SMALL,
            vocab_size=340,
            intermediate_size=64,
            num_key_value_heads=2,
            max_position_embeddings=64,
            bos_token_id=1,
            eos_token_id=2,
        ),
        "metaspace",
    ),
    "opt": (
        OPTForCausalLM,
        OPTConfig(
            **SMALL,
            vocab_size=300,
            ffn_dim=64,
            word_embed_proj_dim=32,
            max_position_embeddings=64,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=1,
        ),
        "bytes",
    ),
}
PROMPT = "Hello 我🙂,\nthe dog"


def generator(kind: str) -> Generator:
    model, config, family = MODELS[kind]
    torch.manual_seed(0)
    module = model._from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for weights in module.parameters():
            weights.mul_(4)  # so that choices are not all alike
    return Generator(kind, module, tokenizer(family))


@pytest.mark.parametrize("kind", MODELS)
def test_greedy_is_the_models_own_and_so_is_its_attention(kind: str) -> None:
    model, config, family = MODELS[kind]
    own = generator(kind)
    result = own.go_on(PROMPT, max_pieces=12)
    ids = tokenizer(family)(PROMPT, return_tensors="pt").input_ids
    eager = model._from_config(config, attn_implementation="eager").eval()
    eager.load_state_dict(own.module.state_dict())
    with torch.inference_mode():
        written = eager.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12)
        found = eager(written, output_attentions=True)
    assert result.prompt == ids.shape[1] and len(result.axis) == written.shape[1]
    whole = tokenizer(family).decode(written[0], skip_special_tokens=True)
    assert whole.replace(HALF, "").endswith(result.text) and (result.text or not whole[len(PROMPT) :])
    (trace,) = result.traces.values()
    assert trace.kind == "decoder" and trace.is_causal and trace.problems == ()
    for layer, weights in enumerate(found.attentions):
        for head in range(4):
            torch.testing.assert_close(trace.map(layer, head), weights[0, head], atol=1e-4, rtol=0)
    distribution = torch.distributions.Categorical(logits=found.logits[0, result.prompt - 1 : -1])
    assert len(result.steps) == written.shape[1] - result.prompt
    for n, step in enumerate(result.steps):
        best = float(distribution.probs[n].max())
        assert step.probability == pytest.approx(best, abs=1e-4) == pytest.approx(step.alternatives[0][1], abs=1e-4)
        assert step.entropy == pytest.approx(float(distribution.entropy()[n]) / 0.6931472, abs=1e-3)


@pytest.mark.parametrize("kind", MODELS)
def test_a_seed_always_draws_the_same_whatever_else_is_drawn(kind: str) -> None:
    own = generator(kind)
    drawn = []
    for seed in (1, 1, 2):
        torch.rand(3)
        drawn.append(own.go_on("the dog", 20, temperature=3.0, seed=seed))
    assert drawn[0].text == drawn[1].text and drawn[0].steps == drawn[1].steps
    assert drawn[2].text != drawn[0].text
    assert own.go_on("the dog", 20, temperature=1e-4, seed=5).text == own.go_on("the dog", 20).text


def test_pieces_are_drawn_as_often_as_they_are_likely() -> None:
    scores, draw = torch.tensor([[2.0, 1.0, 0.0, -torch.inf]]), Drawn(0)
    counts = torch.zeros(4)
    for _ in range(4000):
        counts[draw(torch.zeros(1, 1), scores).argmax()] += 1
    torch.testing.assert_close(counts / 4000, scores[0].softmax(0), atol=0.03, rtol=0)


def test_it_stops_at_its_end_mark_and_at_the_limit() -> None:
    own = generator("gpt2")
    free = own.go_on("the dog", 5)
    assert free.stopped_by_limit and len(free.steps) == 5
    bias = torch.zeros(300)
    bias[0] = 1e4
    handle = own.module.lm_head.register_forward_hook(lambda module, given, logits: logits + bias)
    ended = own.go_on("the dog", 5)
    handle.remove()
    assert not ended.stopped_by_limit and len(ended.steps) == 1 and ended.text == ""
    assert ended.axis.pieces[-1] == "<|end|>" and ended.axis.special[-1]


def code_of(own: Generator, prompt: str) -> str:
    with pytest.raises(SidelightError) as caught:
        own.go_on(prompt)
    return caught.value.code


def test_bounds() -> None:
    own = generator("llama")
    for nothing in ("", " \n\t ", "\u200b\x00\x07"):
        assert code_of(own, nothing) == "generation.empty"
    assert code_of(own, "dog " * 100) == "generation.too_long"
    longest = own.go_on("dog " * 21, max_pieces=40)  # three pieces each at most, and the model's 64 positions
    assert len(longest.axis) <= 64 and longest.stopped_by_limit
    large = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=8, n_layer=1, n_head=1, n_positions=1024))
    with pytest.raises(SidelightError) as caught:
        Generator("large", large.eval(), tokenizer("bytes")).go_on("q" * 401)
    assert caught.value.values == {"pieces": 401, "limit": 400}


def test_progress_is_told_and_may_stop() -> None:
    own, seen = generator("gpt2"), []
    own.go_on("the dog", 6, on_step=lambda done, limit: seen.append((done, limit)))
    assert seen == [(n, 6) for n in range(1, 7)]

    def stop(done: int, limit: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        own.go_on("the dog", 6, on_step=stop)


@settings(max_examples=40)
@given(kind=st.sampled_from(sorted(MODELS)), text=st.text(max_size=12), seed=st.integers(0, 99))
def test_any_text_is_continued_or_refused(kind: str, text: str, seed: int) -> None:
    own = generator(kind)
    try:
        result = own.go_on(text, 6, temperature=5.0, seed=seed)
    except SidelightError as error:
        assert error.code == "generation.empty" and not clean(text) or error.code == "generation.too_long"
        return
    assert len(result.axis) == result.prompt + len(result.steps) and result.traces["decoder"].problems == ()
    assert [step.piece for step in result.steps] == [
        piece or step.piece for piece, step in zip(result.axis.pieces[result.prompt :], result.steps, strict=True)
    ]


def bare(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("family", FAMILIES)
@given(
    text=st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("ab .我🙂é▁'\n  ")), max_size=30)
)
@example(text="0\u0e47")
@example(text="a 0\u0e47b")
def test_pieces_joined_are_the_text_up_to_white_space(family: str, text: str) -> None:
    text = printable(text).replace(HALF, "").replace("▁", "_")
    if not clean(text):
        return
    axis = text_axis(*covered(encode(tokenizer(family), text).encodings[0], [text]))
    if all(axis.special):  # BERT's normaliser leaves nothing of a text that is all accents
        assert family == "wordpiece" and all(unicodedata.category(sign) == "Mn" for sign in bare(clean(text)))
        return
    joined = "".join(piece for piece, mark in zip(axis.pieces, axis.special, strict=True) if not mark)
    assert bare(joined.replace(HALF, "")) == bare(text)
    assert all(b - a in (0, 1) for a, b in zip(axis.words, axis.words[1:], strict=False)) and axis.words[0] == 0


@given(ids=st.lists(st.integers(1, 299), min_size=1, max_size=20))
def test_pieces_of_any_bytes_joined_are_what_they_say(ids: list[int]) -> None:
    said = "".join(spoken(tokenizer("bytes"), ids))
    assert said.replace(HALF, "") == tokenizer("bytes").decode(ids).replace(HALF, "")


@pytest.mark.parametrize("family", FAMILIES)
@given(text=st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("ab .我🙂é")), max_size=20))
def test_pieces_of_a_text_joined_are_what_they_say(family: str, text: str) -> None:
    ids = tokenizer(family)(text.replace(HALF, "")).input_ids
    said = "".join(spoken(tokenizer(family), ids))
    assert said.replace(HALF, "") == tokenizer(family).decode(ids)


@pytest.mark.parametrize("family", FAMILIES)
def test_words_begin_after_white_space_and_half_characters_stay_together(family: str) -> None:
    text = "Unhappily, 我🙂 the dog's\ncafé"
    axis = text_axis(*covered(encode(tokenizer(family), text).encodings[0], [text]))
    words = [
        word.replace(HALF, "")
        for word, mark in zip(axis.merged().pieces, axis.merged().special, strict=True)
        if not mark
    ]
    assert words == ["Unhappily", ",", "我", "🙂", "the", "dog's", "café"]


def test_a_generator_is_loaded_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offline(monkeypatch, tmp_path)
    for kind, (_, _, family) in MODELS.items():
        own = generator(kind)
        lay(tmp_path, f"someone/{kind}", own.module, tokenizer(family))
        loaded = load_generator(f"someone/{kind}")
        assert loaded.go_on(PROMPT, 8).axis == own.go_on(PROMPT, 8).axis
    lay(tmp_path, "tied", GPT2Model(MODELS["gpt2"][1]), tokenizer("bytes"))  # its output layer is its embedding
    assert len(load_generator("tied").go_on("the dog", 3).steps) == 3
    lay(
        tmp_path,
        "decoder",
        BertLMHeadModel(BertConfig(**BERT.to_diff_dict() | {"is_decoder": True})),
        tokenizer("wordpiece"),
    )
    result = load_generator("decoder").go_on("the dog", 3)
    assert result.axis.pieces[0] == "[CLS]" and "[SEP]" not in result.axis.pieces[: result.prompt]


def test_what_writes_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offline(monkeypatch, tmp_path)
    marian = MarianConfig(
        vocab_size=340,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        pad_token_id=0,
        eos_token_id=2,
        max_position_embeddings=64,
    )
    lay(tmp_path, "reader", BertForMaskedLM(BERT), tokenizer("wordpiece"))
    lay(tmp_path, "translator", MarianMTModel(marian), tokenizer("metaspace"))
    lay(tmp_path, "half", MarianForCausalLM(marian), tokenizer("metaspace"))
    codes = {"reader": "generation.not_causal", "translator": "model.untrained_head", "half": "model.unsupported"}
    for name, code in codes.items():
        with pytest.raises(SidelightError) as caught:
            load_generator(name)
        assert caught.value.code == code
