"""Sub-word pieces as a person reads them: where words start, which pieces are marks, what may be typed."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from core.attention.axes import TokenAxis

BOUNDARY = "▁"  # SentencePiece's mark of a word's start
TAG = re.compile(r">>\w+<<")
# Scripts without spaces: each piece counts as a word.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def clean(sentence: str) -> str:
    """The sentence in NFC with control and invisible format characters gone and white space joined.

    Joiners that emoji and some scripts need (U+200C, U+200D) stay where something visible stands beside them.
    """
    text = unicodedata.normalize("NFC", sentence)
    kept = [" " if c.isspace() else c for c in text if c.isspace() or _visible(c)]
    text = " ".join("".join(kept).split())
    return text if any(_visible(c) and c not in "\u200c\u200d\ufe0f" for c in text if c != " ") else ""


def _visible(character: str) -> bool:
    return character in "\u200c\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def token_axis(pieces: Sequence[str], special: Collection[str]) -> TokenAxis:
    """Pieces as the tokenizer gives them -> what is read. `special`: the tokenizer's own marks."""
    shown, words, marks = [], [], []
    word = -1
    for piece in pieces:
        mark = piece in special or bool(TAG.fullmatch(piece))
        text = piece if mark else piece.replace(BOUNDARY, " ").strip()
        if word < 0 or mark or marks[-1] or piece.startswith(BOUNDARY) or _stands_alone(text, shown[-1]):
            word += 1
        shown.append(text)
        words.append(word)
        marks.append(mark)
    return TokenAxis(tuple(shown), tuple(words), tuple(marks))


def _stands_alone(text: str, before: str) -> bool:
    """Punctuation after a word, a word after punctuation, and anything in an unspaced script start a new word."""
    if not before:  # a word-boundary mark by itself
        return False
    if UNSPACED.search(text) or UNSPACED.search(before):
        return True
    return _is_punctuation(text) != _is_punctuation(before)


def _is_punctuation(text: str) -> bool:
    # Apostrophes and hyphens belong to the word that they are in.
    return bool(text) and all(unicodedata.category(c)[0] in "PS" and c not in "'’-" for c in text)


def unknown_letters(tokenizer: Any, texts: Sequence[str]) -> tuple[float, list[str]]:
    """The share of the pieces of target sentences that a vocabulary lacks, and the letters that no piece gives back,
    most frequent first."""
    ids = tokenizer(text_target=list(texts)).input_ids
    total = sum(map(len, ids))
    unknown = sum(row.count(tokenizer.unk_token_id) for row in ids)
    written = "".join(tokenizer.batch_decode(ids, skip_special_tokens=True))
    letters = Counter(letter for text in texts for letter in unicodedata.normalize("NFKC", text))
    return unknown / max(1, total), [
        letter for letter, _ in letters.most_common() if letter.strip() and letter not in written
    ]
