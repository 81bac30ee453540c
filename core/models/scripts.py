"""Whether a model can read what was typed: the script of its letters beside that of the language it reads (Unicode's
scripts; CLDR's script of a language), and the letters that its vocabulary has no piece for.

A translator answers anything, so that Chinese given to a reader of English comes out as fluent nonsense.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import regex
from babel.core import get_global

from core.models import tokenizing
from core.models.languages import TASK, iso, parts
from core.models.translation import Translator

LETTER = regex.compile(r"\p{L}")
WORD = regex.compile(r"[\p{L}\p{M}]{2,}")
WRITTEN_IN = {  # CLDR names some ways of writing by one word for several of Unicode's scripts
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}
USUAL_LANGUAGE = {  # of those who type a script, to name a model of the hub by (Helsinki-NLP/opus-mt-zh-en)
    "Kana": "ja",
    "Hira": "ja",
    "Hang": "ko",
    "Hani": "zh",
    "Cyrl": "ru",
    "Arab": "ar",
    "Deva": "hi",
    "Thai": "th",
    "Hebr": "he",
    "Grek": "el",
    "Latn": "en",
}
MOST = 0.5  # of the letters, in another script: then the sentence is of another language


@dataclass(frozen=True)
class Unread:
    """reads: the language that the model reads, by ISO 639, or empty where it is not known. foreign: the script of most
    letters (ISO 15924) where it is not that language's, else empty. letters: those that it cannot read, each once."""

    reads: str
    foreign: str
    letters: str


def unread(model: Translator, sentence: str, target: str | None) -> Unread:
    """What of the sentence the translator was not made to read. target: as `Translator.translate` takes it."""
    reads = source_language(model, target)
    own = scripts_of(reads)
    letters = [one for one in sentence if LETTER.match(one)]
    strange = [one for one in letters if own and not any(_is_of(one, script) for script in own)]
    foreign = _main_script(strange) if len(strange) > MOST * len(letters) else ""
    named = dict.fromkeys([*strange, *unknown(model.tokenizer, sentence)])
    return Unread(reads, foreign, "".join(named))


def astray(text: str, sentence: str, target: str | None) -> list[str]:
    """Words of a translation in letters that its language is not written in, which the sentence does not have either: a
    model that does not know a word may go on in another language."""
    own = scripts_of(iso(parts(target)[1] or ""))
    rest = "".join(" " if any(_is_of(one, script) for script in own) else one for one in text) if own else ""
    return [word for word in dict.fromkeys(WORD.findall(rest)) if word not in sentence]


def source_language(model: Translator, target: str | None) -> str:
    """The ISO 639 code of what is read, empty where the model does not tell: it is told (NLLB), its tokenizer names it
    (Marian), or its tasks do (T5)."""
    if spoken := parts(target)[0] or (model.sources[0] if model.sources else ""):
        return iso(spoken)
    if named := getattr(model.tokenizer, "source_lang", None):
        return iso(str(named))
    tasks = getattr(model.module.config, "task_specific_params", None) or {}
    named = {found[1] for found in map(TASK.fullmatch, tasks) if found}
    return iso(named.pop()) if len(named) == 1 else ""


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts that CLDR expects of a language; none for a group of languages, such as "mul"."""
    likely = get_global("likely_subtags").get(language, "").split("_")
    if len(likely) < 2:
        return ()
    return WRITTEN_IN.get(likely[1], (likely[1],))


def unknown(tokenizer: Any, text: str) -> list[str]:
    """The letters and signs of a text that no piece of the vocabulary stands for."""
    gap = tokenizer.unk_token_id
    if gap is None or gap in {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id}:
        return []  # GPT-2's, which reads any byte
    ids, covers, marks = tokenizing.read_text(tokenizer, text)
    lost = [cover for piece, cover, mark in zip(ids, covers, marks, strict=True) if piece == gap and not mark]
    return [one for one in "".join(lost) if not one.isspace()]


def _main_script(letters: list[str]) -> str:
    """The script of most of them; of text with kana it is Japanese, however many Chinese characters it has."""
    counts = Counter(next((script for script in USUAL_LANGUAGE if _is_of(one, script)), "") for one in letters)
    return next((script for script in ("Hira", "Kana") if counts[script]), counts.most_common(1)[0][0])


def _is_of(letter: str, script: str) -> bool:
    return regex.match(rf"\p{{Script_Extensions={script}}}", letter) is not None
