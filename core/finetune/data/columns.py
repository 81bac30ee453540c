"""Which two columns hold the sentences: by the header's names, else by what the cells are.

Numbers, codes and one value over and over are no sentences, so that ids, scores and tags are left out by themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from core.errors import SidelightError
from core.finetune.data.formats import Row, Table

SOURCES = {"source", "src", "input", "original", "原文", "源文"}
TARGETS = {"target", "tgt", "trg", "translation", "output", "reference", "译文", "翻译", "目标"}
NEUTRAL = {"sentence", "text", "句子"}  # alone a source; beside a language no more than a word
NAMES = {
    code: set(names.split())
    for code, names in {
        "en": "en eng english englisch anglais anglaise anglicky angličtina 英语 英文",
        "de": "de deu ger german deutsch allemand allemande německy němčina 德语 德文",
        "fr": "fr fra fre french französisch français française francais francouzsky 法语 法文",
        "cs": "cs ces cze czech tschechisch tchèque čeština česky 捷克语 捷克文",
        "zh": "zh zho chi cmn chinese chinesisch chinois čínsky 中文 汉语 汉文",
    }.items()
}
FILLERS = {  # words of headers that say nothing about the side
    *("words", "word", "sentences", "phrase", "phrases", "texts", "segment", "seg", "line", "side", "language", "lang"),
    *("translations", "column", "file", "the", "in", "of", "latn", "hans", "hant", "cn", "us", "gb", "uk", "cz", "at"),
    *("ch", "ca", "tw", "satz", "sätze", "texte", "věta", "文本", "列", "语句"),
}
SIDES = SOURCES | TARGETS | NEUTRAL | set().union(*NAMES.values())
ENGLISH = re.compile(r"\b(the|is|are|of|and|with|you|it|this|that|have|they|she|his)\b", re.IGNORECASE)  # nobody else's
LOOKED_AT = 500  # rows
LONG = 40  # characters of a header's cell, at most
MANY = 0.9  # share of the cells of a column that makes it one of numbers


@dataclass(frozen=True)
class Columns:
    """source, target: numbers of columns from 0. names: of all columns, by the header or as "1", "2", ... header:
    whether the names were given. swapped: whether English was found in the later column."""

    source: int
    target: int
    names: tuple[str, ...]
    header: bool
    swapped: bool = False

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(name for i, name in enumerate(self.names) if i not in (self.source, self.target))


def words_of(name: str) -> list[str]:
    """The words of a header's cell: "sentence_en" -> sentence, en; "英文句子" -> 英文, 句子."""
    found: list[str] = []
    for part in re.findall(r"[^\W\d_]+", name.lower()):
        while part and (known := next((w for w in SIDES | FILLERS if len(w) > 1 and _glued(part, w)), None)):
            found.append(known)
            part = part[len(known) :]
        found += [part] if part else []
    return found


def _glued(part: str, word: str) -> bool:
    """Chinese words are written without spaces between them."""
    return part == word or (part.startswith(word) and "\u4e00" <= word[0] <= "\u9fff")


def language_of(name: str) -> str:
    """The language that a name or a tag such as "en-GB" says, or ""."""
    words = words_of(name)
    return next((code for word in words for code, names in NAMES.items() if word in names), "")


def choose(table: Table, language: str, given: tuple[int, int] | None = None) -> tuple[Columns, list[Row]]:
    """The columns, and the rows without a header. given: columns that a person chose.

    Raises SidelightError `data.table_columns`, `data.table_sentences`, `data.table_language`.
    """
    header = table.header or (table.rows[0][1] if is_header(table.rows) else None)
    rows = table.rows if table.header or not header else table.rows[1:]
    width = max([len(cells) for _, cells in rows] + [len(header or ())])
    names = [*(header or ()), *(str(i + 1) for i in range(len(header or ()), width))]
    if given and max(given) < width and given[0] != given[1]:
        return Columns(*given, tuple(names), bool(header)), rows
    if width < 2:
        raise SidelightError("data.table_columns")
    source, target = _by_names(names, language) if header else (None, None)
    swapped = False
    if source is None or target is None:
        source, target, swapped = _by_cells(rows, width, source, target, language)
    return Columns(source, target, tuple(names), bool(header), swapped), rows


def is_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names columns: two of its cells are made of words that headers have, or one stands over
    numbers; none is a sentence or a name that comes again."""
    first = rows[0][1]
    if len(set(first)) < len(first) or any(
        len(cell) > LONG or cell.endswith((".", "?", "!", "。", "？", "！")) for cell in first
    ):
        return False
    sides = sum(any(w in SIDES for w in words) and set(words) <= SIDES | FILLERS for words in map(words_of, first))
    over_numbers = any(
        any(letter.isalpha() for letter in cell) and _numbers(_cells(rows[1:], i)) for i, cell in enumerate(first)
    )
    return sides >= 2 or over_numbers


def _by_names(names: Sequence[str], language: str) -> tuple[int | None, int | None]:
    words = [set(words_of(name)) for name in names]
    languages = [language_of(name) for name in names]

    def first(*wanted: set[str], but: int | None = None) -> int | None:
        return next((i for one in wanted for i, w in enumerate(words) if w & one and i != but), None)

    source = first(NAMES["en"], SOURCES, NEUTRAL)
    target = languages.index(language) if language in languages else None
    if target is None:
        target = first(TARGETS, but=source)
        other = next((i for i, code in enumerate(languages) if code and i != source and code != "en"), None)
        if language and (target is None or languages[target]) and other is not None:
            raise SidelightError("data.table_language", header=names[other], language=language)
        target = other if target is None else target
    return (None if source == target else source), target


def _by_cells(
    rows: Sequence[Row], width: int, source: int | None, target: int | None, language: str
) -> tuple[int, int, bool]:
    """The first columns of sentences that are not taken; English first where the later one is English."""
    columns = [_cells(rows, i) for i in range(width)]
    numbers = [i for i in range(width) if _numbers(columns[i])]
    texts = [i for i in range(width) if i not in numbers and (width == 2 or not _codes(columns[i]))]
    if len(texts) < 2:
        if numbers:
            raise SidelightError("data.table_sentences")
        texts = [i for i in range(width) if i not in numbers]
    free = [i for i in texts if i not in (source, target)]
    if source is None and target is None and language:
        first, second = (_english(columns[i]) for i in free[:2])
        if first < 0.1 and second > 0.4:
            return free[1], free[0], True
    left, right = (free.pop(0) if side is None and free else side for side in (source, target))
    if left is None or right is None:
        raise SidelightError("data.table_sentences")
    return left, right, False


def _cells(rows: Sequence[Row], column: int) -> list[str]:
    """What stands in a column of the first rows, blanks left out."""
    return [cells[column] for _, cells in islice(rows, LOOKED_AT) if column < len(cells) and cells[column]]


def _numbers(cells: Sequence[str]) -> bool:
    """No letters in nearly all of them: ids, scores, dates."""
    return bool(cells) and sum(not any(map(str.isalpha, cell)) for cell in cells) >= MANY * len(cells)


def _codes(cells: Sequence[str]) -> bool:
    """A few values again and again (a language, a licence), addresses, names of files."""
    if not cells:
        return True
    single = sum(bool(re.search(r"[\d_/.:#-]", cell)) and " " not in cell and cell.isascii() for cell in cells)
    return len(cells) > 5 and (len(set(cells)) <= max(1, len(cells) // 10) or single >= MANY * len(cells))


def _english(cells: Sequence[str]) -> float:
    """Share of the cells with a small English word."""
    return sum(bool(ENGLISH.search(cell)) for cell in cells) / max(1, len(cells))
