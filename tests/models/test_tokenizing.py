"""What tokenizers of every kind are asked: the words are those that were typed or written, whoever else asks."""

import json
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import sentencepiece
import torch
import transformers as hf
from tokenizers import Tokenizer, processors

from core.attention.axes import HALF, TokenAxis
from core.models import tokenizing
from core.models.generation import Generator
from core.models.pieces import text_axis
from core.models.translation import Translator
from tests.models.tiny import tokenizer
from tests.models.untrained import spread

SENTENCE = "Hello world, the dog's café 我🙂 runs."
WORDS = ["Hello", "world", ",", "the", "dog's", "café", "我", "🙂", "runs", "."]
LAYERS = {"layers": 1, "ffn_dim": 32, "attention_heads": 2}
SIZES = {f"{side}_{what}": number for side in ("encoder", "decoder") for what, number in LAYERS.items()}


def bart_tokenizer() -> hf.PreTrainedTokenizerFast:
    """Byte-level BPE between two marks, as BART's, Blenderbot's and LED's."""
    own = json.loads(tokenizer("bytes").backend_tokenizer.to_str())
    own["post_processor"] = None
    found = Tokenizer.from_str(json.dumps(own))
    found.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    ends = [(name, found.token_to_id(name)) for name in ("<s>", "</s>")]
    found.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=ends)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=found, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def bart(config: type = hf.BartConfig, more: int = 0) -> Translator:
    own = bart_tokenizer()
    ends = {"pad_token_id": own.pad_token_id, "eos_token_id": own.eos_token_id, "bos_token_id": own.bos_token_id}
    made = config(
        vocab_size=len(own) + more,
        d_model=32,
        max_position_embeddings=128,
        **SIZES,
        **ends,
        decoder_start_token_id=own.eos_token_id,
        forced_eos_token_id=None,
    )
    module = hf.AutoModelForSeq2SeqLM.from_config(made, attn_implementation="sdpa")
    return Translator("tiny", spread(module), own, ())


def unmarked(axis: TokenAxis) -> list[str]:
    whole = axis.merged()
    return [word for word, mark in zip(whole.pieces, whole.special, strict=True) if not mark]


@pytest.mark.parametrize("config", [hf.BartConfig, hf.BlenderbotConfig, hf.BlenderbotSmallConfig])
def test_byte_level_pieces_are_read_as_words_on_both_sides(config: type) -> None:
    translator = bart(config)
    ids, axis = translator.source_pieces(SENTENCE, None)
    assert unmarked(axis) == WORDS
    assert [axis.pieces[0], axis.pieces[-1]] == ["<s>", "</s>"] and axis.special[0] and axis.special[-1]
    written = torch.cat([torch.tensor([[translator.module.config.decoder_start_token_id]]), ids[:, 1:]], 1)
    found = translator.read(ids, axis, written)
    assert unmarked(found.target) == WORDS and found.target.special[-1]
    assert [step.piece for step in found.steps][:1] == [found.target.pieces[0]]
    assert found.text == SENTENCE
    names = "".join(name for step in found.steps for name, _ in step.alternatives)
    assert "Ġ" not in names and "Ã" not in names


def t5(more: int) -> Translator:
    """With more rows than its tokenizer has pieces, as T5's 32,128 for 32,100; its favourite is the last of them."""
    own = tokenizer("metaspace")
    config = hf.T5Config(
        vocab_size=len(own) + more,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=1,
        num_heads=4,
        pad_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )
    module = spread(hf.T5ForConditionalGeneration._from_config(config, attn_implementation="sdpa"))
    return Translator("t5", module, own, ())


def prefer(module: Any, piece: int) -> Any:
    bias = torch.zeros(module.config.vocab_size)
    bias[piece] = 1e4
    return module.lm_head.register_forward_hook(lambda _, given, logits: logits + bias)


def test_ids_that_the_tokenizer_lacks_are_shown_by_their_number() -> None:
    translator = t5(more=28)
    last = translator.module.config.vocab_size - 1
    prefer(translator.module, last)
    found = translator.translate("the dog", None, beams=1, max_pieces=2)
    assert found.target.pieces == (f"<{last}>", f"<{last}>") and all(found.target.special)
    assert found.steps[0].piece == f"<{last}>" == found.steps[0].alternatives[0][0]
    assert found.text == ""


def test_a_generator_shows_such_ids_too() -> None:
    config = hf.GPT2Config(
        vocab_size=310, n_embd=32, n_layer=1, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0
    )
    module = spread(hf.GPT2LMHeadModel._from_config(config, attn_implementation="sdpa"))
    prefer(module, 309)
    found = Generator("gpt2", module, tokenizer("bytes")).go_on("the dog", 2)
    assert found.axis.pieces[-2:] == ("<309>", "<309>") and all(found.axis.special[-2:])
    assert found.steps[0].piece == "<309>" == found.steps[0].alternatives[0][0] and found.text == ""


def test_a_slow_tokenizers_missing_ids_are_shown_too(tmp_path: Path) -> None:
    own = marian(tmp_path)
    ids = [own.target_encoder["▁v"], len(own) + 3]
    assert tokenizing.names(own, ids) == ["v", f"<{len(own) + 3}>"]
    assert tokenizing.said(own, ids) == "v"


@pytest.mark.parametrize(
    ("script", "pieces", "words"),
    [
        ("Thai", ["สวัสดี", "ชาว", "โลก"], ["สวัสดี", "ชาว", "โลก"]),
        ("Thai, a vowel sign cut from its consonant", ["ก", "ำลัง", "กิน"], ["กำลัง", "กิน"]),
        ("Lao", ["ສະບາຍ", "ດີ"], ["ສະບາຍ", "ດີ"]),
        ("Khmer", ["សួស្តី", "ពិភពលោក"], ["សួស្តី", "ពិភពលោក"]),
        ("Burmese", ["မင်္ဂလာ", "ပါ", "။"], ["မင်္ဂလာ", "ပါ", "။"]),
        ("Chinese", ["我", "喜欢", "狗", "。"], ["我", "喜欢", "狗", "。"]),
        ("Japanese", ["犬", "が", "ﾎﾟ", "ケット", "ー"], ["犬", "が", "ﾎﾟ", "ケット", "ー"]),
        ("Korean has spaces", [" 개", "가", " 뛴다"], ["개가", "뛴다"]),
        ("Hindi has spaces", [" कु", "त्ता", " है"], ["कुत्ता", "है"]),
        ("A joined emoji", ["👩", "\u200d", "👩", "👧"], ["👩\u200d👩👧"]),
    ],
)
def test_scripts_without_spaces_are_read_by_piece(script: str, pieces: list[str], words: list[str]) -> None:
    assert unmarked(text_axis(pieces, [False] * len(pieces))) == words


@pytest.mark.parametrize(
    ("pieces", "direction"),
    [
        (["مرحبا", "يا", "عالم"], "rtl"),
        (["שלום"], "rtl"),
        (["«", "سلام", "BERT"], "rtl"),
        (["BERT", "سلام"], "ltr"),
        (["123", "…"], "ltr"),
        ([], "ltr"),
    ],
)
def test_the_first_letter_tells_which_way_words_run(pieces: list[str], direction: str) -> None:
    assert text_axis(["<s>", *pieces], [True] + [False] * len(pieces)).direction == direction


def marian(folder: Path) -> hf.MarianTokenizer:
    """Two vocabularies: each side knows other pieces under the same ids."""
    for side, text in (("source", "a b c d e"), ("target", "v w x y z")):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([text] * 50),
            model_prefix=str(folder / side),
            vocab_size=10,
            model_type="char",
            unk_id=0,
            bos_id=-1,
            eos_id=1,
            pad_id=-1,
            hard_vocab_limit=False,
        )
        spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.model"))
        pieces = ["</s>", "<unk>", *(f"▁{letter}" for letter in text.split()), *text.split(), "▁", "<pad>"]
        (folder / f"{side}.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
        assert spm.encode(text[:1], out_type=str)
    return hf.MarianTokenizer(
        str(folder / "source.model"),
        str(folder / "target.model"),
        str(folder / "source.json"),
        target_vocab_file=str(folder / "target.json"),
        separate_vocabs=True,
    )


class Waiting:
    """A SentencePiece model that waits within its first sentence."""

    def __init__(self, model: Any) -> None:
        self.model, self.begun, self.go_on, self.first = model, Event(), Event(), True

    def encode(self, text: str, out_type: type) -> list[str]:
        if self.first:
            self.first = False
            self.begun.set()
            assert self.go_on.wait(30)
        return self.model.encode(text, out_type=out_type)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def both(one: Any, begun: Event, other: Any, go_on: Event) -> None:
    """`one` until it has begun, then `other`, which may have to wait for it, then the rest of `one`."""
    threads = [Thread(target=one), Thread(target=other)]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    threads[1].join(1)
    go_on.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def two_vocabularies(folder: Path) -> Translator:
    own = marian(folder)
    config = hf.MarianConfig(
        vocab_size=len(own), d_model=32, max_position_embeddings=64, pad_token_id=13, eos_token_id=0, **SIZES
    )
    return Translator("two", hf.MarianMTModel(config).eval(), own, ())


def test_a_sentence_is_cut_rightly_while_another_session_cuts_targets(tmp_path: Path) -> None:
    translator = two_vocabularies(tmp_path)
    own, found = translator.tokenizer, {}
    wanted = translator.source_pieces("a b c", None)
    own.spm_target = target = Waiting(own.spm_target)
    both(
        lambda: found.update(share=tokenizing.unknown_letters(own, ["v w", "x y z"])),
        target.begun,
        lambda: found.update(source=translator.source_pieces("a b c", None)),
        target.go_on,
    )
    assert found["share"] == (0, []), "every letter of the targets is known"
    assert found["source"][0].tolist() == wanted[0].tolist() and found["source"][1] == wanted[1]


def test_targets_are_cut_rightly_while_another_session_is_within_its_sentence(tmp_path: Path) -> None:
    translator = two_vocabularies(tmp_path)
    own, found = translator.tokenizer, {}
    wanted = translator.source_pieces("a b c", None)
    own.spm_source = own.current_spm = source = Waiting(own.spm_source)
    own.spm_target = target = Waiting(own.spm_target)

    def read() -> None:
        found.update(source=translator.source_pieces("a b c", None))
        target.go_on.set()

    def cut() -> None:
        found.update(share=tokenizing.unknown_letters(own, ["v w", "x y z"]))

    threads = [Thread(target=read), Thread(target=cut)]
    threads[0].start()
    assert source.begun.wait(30)
    threads[1].start()
    target.begun.wait(1)
    source.go_on.set()
    for thread in threads:
        thread.join(30)
    assert found["source"][0].tolist() == wanted[0].tolist() and found["share"] == (0, [])


def test_a_fast_tokenizer_answers_many_threads_alike() -> None:
    """One asks for pairs, one for sentences with marks that were typed, one for targets that are cut off."""
    own = bart_tokenizer()
    text = "</s> " + "the dog runs " * 30
    asked = [
        lambda: tokenizing.read_text(own, text),
        lambda: tokenizing.encode(own, "the dog", text).input_ids.tolist(),
        lambda: tokenizing.encode_targets(own, [text], truncation=True, max_length=4),
    ]
    wanted, wrong = [ask() for ask in asked], []

    def again(number: int) -> None:
        for _ in range(150):
            if (found := asked[number]()) != wanted[number]:
                wrong.append(found)

    threads = [Thread(target=again, args=(number % 3,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert wanted[0][0].count(own.eos_token_id) == 1 and len(wanted[2][0]) == 4


def test_a_letter_that_is_spelt_by_bytes_is_shown_by_its_last() -> None:
    names = ["▁a", "▁", "<0xF0>", "<0x9F>", "<0x99>", "<0x82>", "<0xC3>", "<0x91>", "b", "<0xE9>", "c"]
    assert tokenizing.spelt(names) == [" a", " ", HALF, HALF, HALF, "🙂", HALF, "Ñ", "b", HALF, "c"]
