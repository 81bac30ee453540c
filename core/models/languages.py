"""The languages of a translator: which it reads and writes, how it is told them, and what they are called.

A language is its code in the model's own vocabulary: "deu" (Marian), "deu_Latn" (NLLB), "de" (M2M100, MADLAD, T5),
"de_DE" (mBART-50). Where a model must be told both, they are one text, "eng_Latn>deu_Latn".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from babel import Locale
from babel.core import get_global

from core.errors import SidelightError

TAG = re.compile(r">>\w+<<")  # a piece of Marian's that names a language
MADLAD = re.compile(r"<2([a-z]{2,3}(_[A-Z][A-Za-z]+)?)>")
CODE = re.compile(r"[a-z]{2,3}_[A-Z][A-Za-z]{1,3}")  # a piece of NLLB's that names a language
TASK = re.compile(r"translation_(\w+?)_to_(\w+)")  # of T5's configuration
ENGLISH = ("eng_Latn", "en", "en_XX", "eng")


@dataclass(frozen=True)
class Languages:
    """sources: what it reads, where it must be told; the first is usual. targets: what it writes, where there is a
    choice. By target: pieces, the one that stands before the sentence; words, those that do; first, the id that the
    output has to begin with."""

    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    pieces: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    first: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def tagged(cls, targets: Sequence[str], form: str = ">>{}<<") -> "Languages":
        """Told by a piece before the sentence."""
        return cls(targets=tuple(targets), pieces={target: form.format(target) for target in targets})

    def check(self, language: str | None) -> tuple[str, str]:
        """The source, empty where it is the usual one, and the target, empty where there is none. T5, which has other
        tasks too, can go without. Raises SidelightError `translation.unknown_target`."""
        source, target = parts(language)
        if self.targets and target not in self.targets and (target or not self.words):
            raise SidelightError("translation.unknown_target", target=str(target), known=", ".join(self.targets))
        if source and source not in self.sources:
            raise SidelightError("translation.unknown_target", target=source, known=", ".join(self.sources))
        return source or "", target or ""


def languages_of(tokenizer: Any, config: Any, forced: int | None = None) -> Languages:
    """What a sequence-to-sequence model can be told. forced: the id that its settings have every output begin with."""
    vocabulary = tokenizer.get_vocab()
    if tags := sorted(piece[2:-2] for piece in vocabulary if TAG.fullmatch(piece)):
        return Languages.tagged(tags)
    if tags := sorted(found[1] for found in map(MADLAD.fullmatch, vocabulary) if found):
        return Languages.tagged(tags, "<2{}>")
    if hasattr(tokenizer, "src_lang"):
        return _coded(tokenizer, config, forced)
    tasks = getattr(config, "task_specific_params", None) or {}
    asked = {
        match[2]: one["prefix"] for name, one in tasks.items() if (match := TASK.fullmatch(name)) and one.get("prefix")
    }
    return Languages(targets=tuple(asked), words=asked)


def _coded(tokenizer: Any, config: Any, forced: int | None) -> Languages:
    """NLLB, M2M100, mBART-50: a code beside the source, and the target's code first in the output."""
    codes = dict(getattr(tokenizer, "lang_code_to_id", None) or {})
    if not codes:
        special = tokenizer.added_tokens_decoder.items()
        codes = {str(token): piece for piece, token in special if CODE.fullmatch(str(token))}
    codes = {code: piece for code, piece in codes.items() if piece < config.vocab_size}
    if config.decoder_start_token_id in codes.values():  # mBART of one pair, whose configuration names its target
        return Languages()
    targets = [code for code, piece in codes.items() if forced not in codes.values() or piece == forced]
    usual = next((code for code in ENGLISH if code in codes), tokenizer.src_lang)
    sources = sorted(codes, key=lambda code: (code != usual, code))
    return Languages(tuple(sources), tuple(sorted(targets)), first={target: codes[target] for target in targets})


def pair(source: str | None, target: str | None) -> str | None:
    """Both as one text."""
    return f"{source}>{target}" if source and target else target


def parts(language: str | None) -> tuple[str | None, str | None]:
    """The source, where it is named, and the target."""
    source, _, target = (language or "").rpartition(">")
    return source or None, target or None


def names(codes: Sequence[str], interface: str) -> dict[str, str]:
    """What these languages are called in the interface's language, with their scripts where one is written in two; the
    code itself where Unicode's CLDR has no name for it."""
    known = Locale.parse(interface)
    plain = {code: _name(code, known) for code in codes}
    with_script = {code: _with_script(code, name, known) for code, name in plain.items()}
    both = [list(found.values()) for found in (plain, with_script)]
    return {
        code: name
        if both[0].count(name) == 1
        else longer
        if both[1].count(longer := with_script[code]) == 1
        else f"{name} ({code})"
        for code, name in plain.items()
    }


def iso(code: str) -> str:
    """The language alone, as CLDR writes it: "de" for "deu", "deu_Latn" and "de_DE"."""
    base = re.split("[_-]", code.lower())[0]
    return get_global("language_aliases").get(base, base).split("_")[0]


def _name(code: str, known: Locale) -> str:
    base = re.split("[_-]", code.lower())[0]
    name = known.languages.get(base) or known.languages.get(iso(code)) or code
    return name[:1].upper() + name[1:]


def _with_script(code: str, name: str, known: Locale) -> str:
    script = next((known.scripts[part] for part in re.split("[_-]", code)[1:] if part in known.scripts), None)
    return f"{name} ({script})" if script else name
