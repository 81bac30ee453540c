"""Tokenizers of three families, trained on a few sentences: WordPiece, byte-level BPE, SentencePiece's Metaspace."""

import json
from functools import cache

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXT = ["Hello world, the dog's café is unhappily running in the snow 10,000 times. 我喜欢狗。 🙂"] * 3
FAMILIES = ("wordpiece", "bytes", "metaspace")


@cache
def tokenizer(family: str) -> PreTrainedTokenizerFast:
    return {"wordpiece": _wordpiece, "bytes": _bytes, "metaspace": _metaspace}[family]()


def _wordpiece() -> PreTrainedTokenizerFast:
    """As BERT's: lower case, ## inside words, [UNK] for what it lacks."""
    found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    found.normalizer, found.pre_tokenizer = (
        normalizers.BertNormalizer(lowercase=True),
        pre_tokenizers.BertPreTokenizer(),
    )
    found.decoder = decoders.WordPiece()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    found.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=90, special_tokens=marks))
    found.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=found,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _bytes() -> PreTrainedTokenizerFast:
    """As GPT-2's: bytes, Ġ before words, one mark for everything."""
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder, found.post_processor = decoders.ByteLevel(), processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    found.train_from_iterator(TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=found, eos_token="<|end|>", bos_token="<|end|>", unk_token="<|end|>"
    )


def _metaspace() -> PreTrainedTokenizerFast:
    """As Llama's: ▁ before words, bytes for what it lacks, a mark before the text."""
    found = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    space = decoders.Replace("▁", " ")
    found.decoder = decoders.Sequence([space, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    marks = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    english = [text[:60] for text in TEXT]
    found.train_from_iterator(english, trainers.BpeTrainer(vocab_size=340, special_tokens=marks))
    found.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A </s> $B", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    state = json.loads(found.to_str())  # bytes are no marks
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    found = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(
        tokenizer_object=found, unk_token="<unk>", bos_token="<s>", eos_token="</s>", cls_token="<s>"
    )
