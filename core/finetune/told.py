"""How a translator is told what to write when it learns a field: by a piece or words before each sentence, by a code of
its tokenizer and the first piece of what it writes, or not at all. Every pair of such a field has one direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.finetune.parallel import TAGS, Pair
from core.models.languages import iso
from core.models.tokenizing import LOCK, encode_targets
from core.models.translation import Translator

Ids = tuple[list[int], list[int]]  # of source and target
LONGEST = 128  # pieces of a sentence; what is longer is cut off


@dataclass(frozen=True)
class Told:
    """target: the model's own code of the language, or empty. before: what stands before each source. source: the code
    that the tokenizer must be told, or empty. first: the id that every output begins with."""

    target: str = ""
    before: str = ""
    source: str = ""
    first: int | None = None


def told(translator: Translator, language: str) -> Told:
    """language: as `written`, or empty. A model that has one direction is told nothing. Raises SidelightError
    `translation.unknown_target` for a language that the model cannot write."""
    if not translator.targets:
        return Told()
    target = written(translator.targets, language)
    translator.languages.check(target or language or None)
    how = translator.languages
    piece, source = how.pieces.get(target, ""), next(iter(how.sources), "")
    return Told(target, f"{piece} " if piece else how.words.get(target, ""), source, how.first.get(target))


def written(targets: Sequence[str], language: str) -> str:
    """The code among a model's targets for a language, a key of TAGS or of two or three letters; empty where it has
    none. Of two scripts the simpler one."""
    known = TAGS.get(language, language)
    found = [target for target in targets if language and iso(target) == iso(known)]
    return min(found, key=lambda target: (target != known, "Hant" in target or "TW" in target, target), default="")


def languages(targets: Sequence[str]) -> list[str]:
    """What a model with these targets can be taught, as `Pair.language` names it: those of TAGS first."""
    known = [code for code in TAGS if written(targets, code)]
    return known + sorted({iso(target) for target in targets} - {iso(TAGS[code]) for code in known})


def source_text(pair: Pair, how: Told | None) -> str:
    """how: None for the pair's own tag."""
    return pair.tagged if how is None else how.before + pair.source


def encode(tokenizer: Any, pairs: Sequence[Pair], how: Told | None = None) -> list[Ids]:
    if not pairs:
        return []
    cut: dict[str, Any] = {"truncation": True, "max_length": LONGEST}
    sources = encode_sources(tokenizer, pairs, how, **cut)
    code = how.target if how and how.source else None
    targets = encode_targets(tokenizer, [pair.target for pair in pairs], code, **cut)
    return list(zip(sources, targets, strict=True))


def encode_sources(tokenizer: Any, pairs: Sequence[Pair], how: Told | None = None, **cut: Any) -> list[list[int]]:
    with LOCK:
        if how and how.source:
            tokenizer.src_lang = how.source
        return tokenizer([source_text(pair, how) for pair in pairs], **cut).input_ids
