"""Models that must be told their languages are told by their tokenizers' own means, and write what was asked for."""

import copy
import json
from pathlib import Path

import pytest
import sentencepiece
import torch
import transformers as hf
from tokenizers import AddedToken

from core.errors import SidelightError
from core.models import languages
from core.models.translation import Translator, _translator, load_translator
from tests.models.hub import lay, offline
from tests.models.test_tokenizing import SIZES
from tests.models.tiny import tokenizer
from tests.models.untrained import spread

SENTENCE = "the dog runs"
LETTERS = ["▁", *"abcdefghijklmnopqrstuvwxyz"]
ENDS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
SMALL = {"d_model": 32, "max_position_embeddings": 64, **SIZES}


def nllb(folder: Path) -> hf.PreTrainedTokenizerBase:
    marks = ["<s>", "<pad>", "</s>", "<unk>"]
    return hf.NllbTokenizer(vocab={piece: i for i, piece in enumerate(marks + LETTERS)}, merges=[])


def mbart50(folder: Path) -> hf.PreTrainedTokenizerBase:
    return hf.MBart50Tokenizer(vocab=[(piece, -1.0) for piece in ["<unk>", "<s>", "</s>", *LETTERS]], src_lang="en_XX")


def m2m100(folder: Path) -> hf.PreTrainedTokenizerBase:
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([SENTENCE, "abcdefghijklm nopqrstuvwxyz"] * 50),
        model_prefix=str(folder / "m"),
        vocab_size=30,
        model_type="char",
        hard_vocab_limit=False,
    )
    spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / "m.model"))
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(spm.id_to_piece(i) for i in range(3, spm.get_piece_size()))]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    return hf.M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "m.model"))


CODED = {  # tokenizer, configuration, source, targets, the piece of the source, where the target's code stands in front
    "nllb": (nllb, hf.M2M100Config, "eng_Latn", ("deu_Latn", "fra_Latn"), "eng_Latn"),
    "m2m100": (m2m100, hf.M2M100Config, "en", ("de", "fr"), "__en__"),
    "mbart50": (mbart50, hf.MBartConfig, "en_XX", ("de_DE", "fr_XX"), "en_XX"),
}


def coded(kind: str, folder: Path) -> Translator:
    make, config, *_ = CODED[kind]
    own = make(folder)
    rows = max(own.get_vocab().values()) + 1
    if kind == "m2m100":
        rows = max(own.lang_code_to_id.values()) + 1
    made = config(vocab_size=rows, **SMALL, **ENDS)
    module = hf.AutoModelForSeq2SeqLM.from_config(made, attn_implementation="sdpa")
    return _translator(kind, spread(module), own)


@pytest.mark.parametrize("kind", CODED)
def test_the_target_is_the_first_piece_of_the_output_as_with_the_librarys_own_means(kind: str, tmp_path: Path) -> None:
    _, _, source, targets, mark = CODED[kind]
    own = coded(kind, tmp_path)
    assert own.sources[0] == source and set(targets) <= set(own.targets) and len(own.targets) > 50
    for target in targets:
        found = own.translate(SENTENCE, target, beams=2, max_pieces=8)
        tokens = own.tokenizer
        tokens.src_lang = source
        given = tokens(SENTENCE, return_tensors="pt")
        code = tokens.lang_code_to_id[target] if kind != "nllb" else tokens.convert_tokens_to_ids(target)
        with torch.inference_mode():
            wanted = own.module.generate(**given, num_beams=2, max_new_tokens=8, forced_bos_token_id=code)
        assert own.source_pieces(SENTENCE, target)[0].tolist() == given.input_ids.tolist()
        assert list(found.ids[:2]) == wanted[0, :2].tolist() == [2, code]
        assert mark in found.source.pieces and found.source.special[found.source.pieces.index(mark)]
        assert found.target.special[0] and target.split("_")[0] in found.target.pieces[0]
        assert not [problem for trace in found.traces.values() for problem in trace.problems]
        words = [w for w, m in zip(found.source.merged().pieces, found.source.merged().special, strict=True) if not m]
        assert words == SENTENCE.split()


@pytest.mark.parametrize("kind", CODED)
def test_the_source_is_told_by_the_pair(kind: str, tmp_path: Path) -> None:
    _, _, source, (target, other), mark = CODED[kind]
    own = coded(kind, tmp_path)
    usual, axis = own.source_pieces(SENTENCE, target)
    turned, turned_axis = own.source_pieces(SENTENCE, f"{other}>{target}")
    assert own.source_pieces(SENTENCE, f"{source}>{target}")[0].tolist() == usual.tolist(), "nothing is left behind"
    assert mark in axis.pieces and mark not in turned_axis.pieces
    assert (usual != turned).sum() == 1
    for wrong in ("tlh", f"tlh>{target}", None):
        with pytest.raises(SidelightError) as caught:
            own.source_pieces(SENTENCE, wrong)
        assert caught.value.code == "translation.unknown_target"


@pytest.mark.parametrize("kind", CODED)
def test_a_reference_is_marked_as_the_librarys_own_labels(kind: str, tmp_path: Path) -> None:
    target = CODED[kind][3][0]
    own = coded(kind, tmp_path)
    ids = own.reference("der hund", target)
    code = own.languages.first[target]
    assert ids[0] == code and ids[-1] == 2 and code not in own.reference("der hund", CODED[kind][3][1])
    assert own.source_pieces(SENTENCE, target)[1].pieces.count(CODED[kind][4]) == 1, "reading is as it was"


def t5(more: list[str], **settings: object) -> Translator:
    own = hf.PreTrainedTokenizerFast(tokenizer_object=copy.deepcopy(tokenizer("metaspace").backend_tokenizer))
    own.add_special_tokens({"pad_token": "<unk>", "eos_token": "</s>"})
    own.add_tokens([AddedToken(piece, special=False, normalized=False) for piece in more])
    config = hf.T5Config(
        vocab_size=len(own),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=1,
        num_heads=4,
        pad_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=0,
        **settings,
    )
    return _translator(
        "t5", spread(hf.T5ForConditionalGeneration._from_config(config, attn_implementation="sdpa")), own
    )


def test_madlads_tags_choose_the_target() -> None:
    own = t5(["<2de>", "<2zh>", "<2sr_Latn>", "<2translate>"])
    assert own.targets == ("de", "sr_Latn", "zh") and own.sources == ()
    ids, axis = own.source_pieces("the <2zh> dog", "de")
    tag = own.tokenizer.convert_tokens_to_ids("<2de>")
    assert int(ids[0, 0]) == tag and axis.pieces[0] == "<2de>" and axis.special[0]
    assert own.source_pieces("the dog", "sr_Latn")[1].pieces[0] == "<2sr_Latn>"


def test_t5s_own_prefixes_choose_the_target_and_are_read_as_words() -> None:
    tasks = {
        "translation_en_to_de": {"prefix": "translate English to German: "},
        "translation_en_to_fr": {"prefix": "translate English to French: "},
        "summarization": {"prefix": "summarize: "},
    }
    own = t5([], task_specific_params=tasks)
    assert own.targets == ("de", "fr")
    ids, axis = own.source_pieces("the dog", "fr")
    assert own.tokenizer.decode(ids[0], skip_special_tokens=True) == "translate English to French: the dog"
    assert not axis.special[1]
    assert own.tokenizer.decode(own.source_pieces("the dog", None)[0][0], skip_special_tokens=True) == "the dog"


def test_a_model_of_one_pair_offers_no_choice(tmp_path: Path) -> None:
    own = mbart50(tmp_path)
    one = hf.MBartConfig(
        vocab_size=len(own), **SMALL, **ENDS | {"decoder_start_token_id": own.lang_code_to_id["ro_RO"]}
    )
    assert languages.languages_of(own, one) == languages.Languages()
    many = hf.MBartConfig(vocab_size=len(own), **SMALL, **ENDS)
    to_english = languages.languages_of(own, many, forced=own.lang_code_to_id["en_XX"])
    assert to_english.targets == ("en_XX",) and len(to_english.sources) > 50


def test_such_a_model_opens_by_its_name(tmp_path: Path, monkeypatch) -> None:
    offline(monkeypatch, tmp_path)
    own = coded("nllb", tmp_path / "own")
    lay(tmp_path, "tiny/nllb", own.module, own.tokenizer)
    loaded = load_translator("tiny/nllb")
    assert loaded.targets == own.targets and loaded.sources == own.sources
    assert (
        loaded.translate(SENTENCE, "deu_Latn", max_pieces=5).ids
        == own.translate(SENTENCE, "deu_Latn", max_pieces=5).ids
    )


@pytest.mark.parametrize(
    ("interface", "wanted"),
    [
        (
            "en",
            {
                "deu": "German",
                "cmn_Hans": "Chinese",
                "de_DE": "German",
                "fra_Latn": "French",
                "arb_Arab": "Arabic",
                "zho_Hans": "Chinese",
                "sr": "Serbian",
                "pt_XX": "Portuguese",
                "swh_Latn": "Swahili",
            },
        ),
        ("zh", {"deu": "德语", "cmn_Hans": "中文", "fra_Latn": "法语", "arb_Arab": "阿拉伯语", "en_XX": "英语"}),
    ],
)
def test_languages_have_names_in_the_persons_language(interface: str, wanted: dict[str, str]) -> None:
    for code, name in wanted.items():
        assert languages.names([code], interface) == {code: name}


def test_names_that_would_be_alike_say_their_script_or_code() -> None:
    found = languages.names(["zho_Hans", "zho_Hant", "deu_Latn", "prs_Arab", "pes_Arab", "tlh2"], "en")
    assert found["zho_Hans"] == "Chinese (Simplified)" and found["zho_Hant"] == "Chinese (Traditional)"
    assert found["deu_Latn"] == "German" and found["prs_Arab"] == "Persian (prs_Arab)"
    assert len(set(found.values())) == len(found)
    for code, iso in {"deu": "de", "deu_Latn": "de", "de_DE": "de", "cmn_Hans": "zh", "fr": "fr"}.items():
        assert languages.iso(code) == iso


@pytest.mark.parametrize("interface", ["en", "zh"])
def test_every_language_of_nllb_has_a_name_of_its_own(interface: str, tmp_path: Path) -> None:
    codes = coded("nllb", tmp_path).targets
    found = languages.names(codes, interface)
    assert len(codes) == 202 and len(set(found.values())) == 202
    assert sum(code in name for code, name in found.items()) < 30, "those without a name of their own in CLDR"
