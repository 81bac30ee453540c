"""Sub-word pieces as a person reads them: where words start, which pieces are marks, what may be typed."""

import unicodedata
from collections.abc import Collection, Sequence

import regex

from core.attention.axes import HALF, TokenAxis
from core.models.languages import TAG

BOUNDARY = "▁"  # SentencePiece's mark of a word's start
BYTE = regex.compile(r"<0x[0-9A-F]{2}>")  # SentencePiece's way to spell a letter that has no piece
# Scripts that put no spaces between words: Chinese, Japanese, Tibetan, and those whose lines break by a dictionary
# (Line_Break SA: Thai, Lao, Khmer, Burmese, ...). Each piece counts as a word there: a dictionary's words end within
# pieces, and no small library has the dictionaries of all of these.
UNSPACED = regex.compile(
    r"[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{Tibetan}\p{Line_Break=SA}--\p{P}]", regex.V1
)


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
        apart = apart or (not before.endswith(HALF) and _stands_alone(character, before.strip(), so_far))
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


def _stands_alone(text: str, before: str, so_far: str) -> bool:
    """Punctuation after a word, a word after punctuation, and anything in an unspaced script start a new word, but for
    what completes a character: a vowel sign of its consonant, a joined part of an emoji."""
    if not before or _is_inside_a_character(so_far, text):  # the former: a word-boundary mark by itself
        return False
    if UNSPACED.search(text) or UNSPACED.search(before):
        return True
    return _is_punctuation(text) != _is_punctuation(before)


def _is_inside_a_character(before: str, text: str) -> bool:
    """Whether what a reader sees as one character (a grapheme cluster of Unicode) goes from one piece into the next."""
    return all(found.end() != len(before) for found in regex.finditer(r"\X", before + text))


def _is_punctuation(text: str) -> bool:
    # Apostrophes and hyphens belong to the word that they are in.
    return bool(text) and all(unicodedata.category(c)[0] in "PS" and c not in "'’-" for c in text)
