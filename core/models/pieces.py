"""Sub-word pieces as a person reads them: where words start, which pieces are marks, what may be typed."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from core.attention.axes import HALF, TokenAxis

BOUNDARY = "▁"  # SentencePiece's mark of a word's start
TAG = re.compile(r">>\w+<<")
# Scripts without spaces: each piece counts as a word.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def clean(sentence: str) -> str:
    """The sentence in NFC with control and invisible format characters gone and white space joined.

    Joiners that emoji and some scripts need (U+200C, U+200D) stay where something visible stands beside them.
    """
    text = " ".join(printable(sentence).split())
    return text if any(_visible(c) and c not in "\u200c\u200d\ufe0f" for c in text if c != " ") else ""


def printable(text: str) -> str:
    """The text in NFC with control and invisible format characters gone; of white space, line ends and tabs stay."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = [c if c in "\n\t" or not c.isspace() else " " for c in text if c.isspace() or _visible(c)]
    return "".join(kept)


def _visible(character: str) -> bool:
    return character in "\u200c\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def token_axis(pieces: Sequence[str], special: Collection[str]) -> TokenAxis:
    """Pieces of SentencePiece as its tokenizer gives them -> what is read. `special`: the tokenizer's own marks."""
    marks = [piece in special or bool(TAG.fullmatch(piece)) for piece in pieces]
    return text_axis([p if mark else p.replace(BOUNDARY, " ") for p, mark in zip(pieces, marks, strict=True)], marks)


def text_axis(texts: Sequence[str], marks: Sequence[bool]) -> TokenAxis:
    """What each piece covers, with the white space before or after it -> what is read. Words begin after white space,
    at marks, and where `_stands_alone` says. White space by itself belongs to the word that it begins."""
    words: list[int] = []
    word, so_far, before = -1, "", ""  # so_far: of the word
    for at, (text, mark) in enumerate(zip(texts, marks, strict=True)):
        shown, character = text.strip(), _completed(texts, at).strip()
        apart = text[:1].isspace() or before[-1:].isspace()
        apart = apart or (not before.endswith(HALF) and _stands_alone(character, before.strip()))
        if word < 0 or mark or marks[at - 1] or (so_far and apart):
            word, so_far = word + 1, ""
        so_far += shown
        before = text
        words.append(word)
    return TokenAxis(tuple(text.strip() for text in texts), tuple(words), tuple(map(bool, marks)))


def _completed(texts: Sequence[str], at: int) -> str:
    """The piece `at`, up to the end of the character that it has only a part of."""
    end = at
    while end + 1 < len(texts) and texts[end].endswith(HALF):
        end += 1
    return "".join(texts[at : end + 1]).replace(HALF, "")


def encode(tokenizer: Any, *texts: str) -> Any:
    """One text or a pair as tensors (1, N). Marks that were typed are plain text, not marks. Its `encodings[0]` is what
    `covered` reads."""
    return tokenizer(*texts, return_tensors="pt", split_special_tokens=True, verbose=False)


def covered(encoding: Any, texts: Sequence[str]) -> tuple[list[str], list[bool]]:
    """What the pieces of one text or a pair cover, as it was typed, with white space where it stands before them; and
    which are marks, shown by their names. encoding: a `tokenizers.Encoding` of these texts."""
    marks = [bool(mark) for mark in encoding.special_tokens_mask]
    owners, offsets, found = encoding.sequence_ids, encoding.offsets, []
    done = 0
    for at, (name, owner, (start, end)) in enumerate(zip(encoding.tokens, owners, offsets, strict=True)):
        if marks[at]:
            found.append(name)
            continue
        first = at == 0 or owners[at - 1] != owner
        gap = " " if first else texts[owner][done:start]
        following = offsets[at + 1][0] if at + 1 < len(offsets) and owners[at + 1] == owner else end
        done = following if start <= following < end else end
        text = " " if not name.strip(BOUNDARY) else texts[owner][start:done] + HALF * (done < end)
        found.append(" " * any(map(str.isspace, gap)) + text)
    return found, marks


def spoken(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """What each id adds to the text that all ids before it give, by decoding growing prefixes."""
    done, found = "", []
    for count in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False)
        whole = text.rstrip(HALF)
        found.append(whole[len(done) :].lstrip(HALF) + HALF * (whole != text))
        done = max(done, whole, key=len)
    return found


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
