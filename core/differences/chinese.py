"""A Chinese sentence cut in three ways: into characters, into words, which it does not mark, and into a vocabulary's
pieces."""

import re
from dataclasses import dataclass

import torch

from core.models.pieces import BYTE
from core.models.translation import Translator

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True)
class Cut:
    """characters, words: without spaces; words end where spaces were typed. pieces: of the vocabulary that the
    translator writes with, an unknown one as "<unk>". lost: characters for which it has no piece. spelt: whether those
    are spelt by their bytes. known: pieces of the vocabulary with a Chinese character in them, of `vocabulary`."""

    characters: tuple[str, ...]
    words: tuple[str, ...]
    pieces: tuple[str, ...]
    lost: tuple[str, ...]
    spelt: bool
    known: int
    vocabulary: int


def cut(translator: Translator, spaced: str, target: str) -> Cut:
    """spaced: the sentence, with a space after each word."""
    words = tuple(spaced.split())
    text = "".join(words)
    ids = translator.reference(text, target)
    unknown = translator.tokenizer.unk_token_id
    names = translator.pieces(torch.tensor(ids))
    pieces = tuple(
        "<unk>" if number == unknown else name
        for number, name in zip(ids, names, strict=True)
        if number == unknown or name not in ("␣", "</s>", "")
    )
    vocabulary = translator.tokenizer.get_vocab()
    kept = "".join(pieces)
    lost = tuple(dict.fromkeys(one for one in text if HAN.match(one) and one not in kept))
    spelt = any(BYTE.fullmatch(name) for name in names)
    return Cut(
        tuple(text), words, pieces, lost, spelt, sum(bool(HAN.search(one)) for one in vocabulary), len(vocabulary)
    )
