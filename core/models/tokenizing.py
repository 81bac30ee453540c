"""What tokenizers of all kinds are asked: ids of a text, what each piece covers, what each id adds.

A tokenizer is shared by all sessions and keeps how it was last asked. A fast one keeps whether marks are split, a text
is cut off and which language's marks stand around it, so whoever asks waits for `LOCK`; a slow one which of its two
vocabularies is in use, so targets are cut by a twin of it.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from threading import RLock
from typing import Any

from core.attention.axes import HALF
from core.models.languages import TAG
from core.models.pieces import BOUNDARY, BYTE

LOCK = RLock()  # held while a shared tokenizer cuts texts, which takes milliseconds


def encode(tokenizer: Any, *texts: str, marks: bool = False) -> Any:
    """One text or a pair as tensors (1, N). Marks that were typed are plain text, unless `marks` are meant. Its
    `encodings[0]` is what `covered` reads, where the tokenizer is a fast one."""
    with LOCK:
        return tokenizer(*texts, return_tensors="pt", split_special_tokens=not marks, verbose=False)


def encode_targets(
    tokenizer: Any, texts: Sequence[str], language: str | None = None, **options: Any
) -> list[list[int]]:
    """Ids of texts in the target language, with their marks. language: its code, where the tokenizer must be told.
    options: of a transformers tokenizer, e.g. truncation."""
    with LOCK if tokenizer.is_fast else nullcontext():
        if not tokenizer.is_fast:
            twin = object.__new__(type(tokenizer))
            vars(twin).update(vars(tokenizer))  # `copy.copy` would have Marian's read its files again
            tokenizer = twin
        if language:
            tokenizer.tgt_lang = language
        return tokenizer(text_target=list(texts), verbose=False, **options).input_ids


def read_text(tokenizer: Any, text: str) -> tuple[list[int], list[str], list[bool]]:
    """Ids of a text, what each covers, as `covered`, and which are marks. Letters that the vocabulary lacks stay."""
    encoding = encode(tokenizer, text)
    if tokenizer.is_fast:
        return (list(encoding.encodings[0].ids), *covered(encoding.encodings[0], [text]))
    ids = encoding.input_ids[0].tolist()
    texts, marks = read_ids(tokenizer, ids)
    if _has_sentencepiece(tokenizer):
        with LOCK:
            typed = tokenizer.tokenize(text, split_special_tokens=True)
        first = next((at for at, mark in enumerate(marks) if not mark), 0)
        if tokenizer.convert_tokens_to_ids(typed) == ids[first : first + len(typed)]:
            texts[first : first + len(typed)] = spelt(typed)
    return ids, texts, marks


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
        is_last = at + 1 == len(offsets) or owners[at + 1] != owner
        following = len(texts[owner]) if is_last else offsets[at + 1][0]
        done = following if start <= following < end else end
        half = HALF * (done < end)
        # An accent that BERT's normaliser took off belongs to the piece before it.
        while done < following and unicodedata.category(texts[owner][done]) == "Mn":
            done += 1
        text = " " if not name.strip(BOUNDARY) else texts[owner][start:done] + half
        found.append(" " * any(map(str.isspace, gap)) + text)
    return found, marks


def read_ids(tokenizer: Any, ids: Sequence[int]) -> tuple[list[str], list[bool]]:
    """What each id of an output says, with the white space before it, and which are marks, shown by their names."""
    special, tokens = special_ids(tokenizer), _tokens(tokenizer, ids)
    pairs = zip(ids, tokens, strict=True)
    marks = [token is None or piece in special or bool(TAG.fullmatch(token)) for piece, token in pairs]
    texts = spelt([token or "" for token in tokens]) if _has_sentencepiece(tokenizer) else spoken(tokenizer, ids)
    named = zip(ids, tokens, texts, marks, strict=True)
    return [(token or _nameless(piece)) if mark else text for piece, token, text, mark in named], marks


def spelt(names: Sequence[str]) -> list[str]:
    """What SentencePiece's pieces of these names say. The bytes of a letter say nothing (HALF) up to the last one."""
    found, so_far = [], b""
    for name in names:
        if not BYTE.fullmatch(name):
            so_far = b""
            found.append(name.replace(BOUNDARY, " "))
            continue
        so_far += bytes([int(name[3:5], 16)])
        letter = so_far.decode("utf-8", "ignore")
        found.append(letter or HALF)
        so_far = b"" if letter else so_far
    return found


def spoken(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """What each id adds to the text that all ids before it give, by decoding growing prefixes."""
    done, found = "", []
    for count in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False)
        whole = text.rstrip(HALF)
        found.append(whole[len(done) :].lstrip(HALF) + HALF * (whole != text))
        done = max(done, whole, key=len)
    return found


def names(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Ids, each by itself, as a person reads them. A model may have more ids than its tokenizer has pieces (T5 rounds
    their number up); those are shown by their number."""
    found = []
    for piece, token in zip(ids, _tokens(tokenizer, ids), strict=True):
        if token is None:
            text = _nameless(piece)
        elif _has_sentencepiece(tokenizer):
            text = token.replace(BOUNDARY, " ")
        else:
            text = tokenizer.decode([piece], clean_up_tokenization_spaces=False)
        found.append(shown(text))
    return found


def shown(text: str) -> str:
    """What a piece says by itself, white space made visible."""
    return text.strip() or ("↵" if "\n" in text else "␣")


def said(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of an output, without its marks and what has no piece."""
    marks, tokens = special_ids(tokenizer), _tokens(tokenizer, ids)
    known = [piece for piece, token in zip(ids, tokens, strict=True) if token is not None and piece not in marks]
    return tokenizer.decode(known, skip_special_tokens=True)


def unknown_letters(tokenizer: Any, texts: Sequence[str]) -> tuple[float, list[str]]:
    """The share of the pieces of target sentences that a vocabulary lacks, and the letters that no piece gives back,
    most frequent first."""
    ids = encode_targets(tokenizer, texts)
    total = sum(map(len, ids))
    unknown = sum(row.count(tokenizer.unk_token_id) for row in ids)
    written = "".join(tokenizer.batch_decode(ids, skip_special_tokens=True))
    letters = Counter(letter for text in texts for letter in unicodedata.normalize("NFKC", text))
    return unknown / max(1, total), [
        letter for letter, _ in letters.most_common() if letter.strip() and letter not in written
    ]


def special_ids(tokenizer: Any) -> set[int]:
    """The marks among the ids: ends, padding, languages. What stands for unknown letters is one only where it is the
    end as well, as in GPT-2."""
    found = {*tokenizer.all_special_ids}
    found |= {piece for piece, token in tokenizer.added_tokens_decoder.items() if token.special}
    found |= {*getattr(tokenizer, "lang_code_to_id", {}).values()}
    marks = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    return found - ({tokenizer.unk_token_id} - marks)


def _tokens(tokenizer: Any, ids: Sequence[int]) -> list[str | None]:
    """The vocabulary's own names; None for an id that it lacks."""
    if tokenizer.is_fast:
        return tokenizer.convert_ids_to_tokens(list(ids))
    known = len(tokenizer)
    return [tokenizer.convert_ids_to_tokens(piece) if piece < known else _beyond(tokenizer, piece) for piece in ids]


def _beyond(tokenizer: Any, piece: int) -> str | None:
    """The name of an id after a slow tokenizer's vocabulary, where M2M100 keeps its languages."""
    try:
        token = tokenizer.convert_ids_to_tokens(piece)
    except IndexError:
        return None
    return token if tokenizer.convert_tokens_to_ids(token) == piece else None


def _nameless(piece: int) -> str:
    return f"<{piece}>"


def _has_sentencepiece(tokenizer: Any) -> bool:
    """Whether its pieces are SentencePiece's own, which say where words begin."""
    return hasattr(tokenizer, "spm_target") or hasattr(tokenizer, "sp_model")
