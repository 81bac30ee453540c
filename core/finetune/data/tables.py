"""A person's own sentence pairs: from a table's bytes to a training and a validation part that share no sentence.

A comma or semicolon table is read as CSV, where a quoted field may hold separators. In a tab table each line is a pair
and quotation marks are text, unless they enclose the whole field: that is how sentence pairs are passed around.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import SidelightError
from core.finetune.data.dataset import FEW_VALIDATION, PairData, Report, clean, cut, pair_digest, shuffled
from core.finetune.parallel import TAGS, Pair

SIZE = 20_000_000  # bytes
LINES = 20_000
LONGEST = 400  # characters of a side
LEAST = 10  # different sentences
ADVISED = 50  # training pairs; below, a warning
SPAN = 5  # lines that a quoted field may run over
LINE_END = re.compile(r"\r\n|\n|\r")
SOURCES = {"source", "src", "input", "original", "sentence", "text", "原文", "源文", "句子"}
TARGETS = {"target", "tgt", "trg", "translation", "output", "reference", "译文", "翻译", "目标"}
NAMES = {
    "en": {"en", "eng", "english", "englisch", "anglais", "英语", "英文"},
    "de": {"de", "deu", "ger", "german", "deutsch", "德语", "德文"},
    "fr": {"fr", "fra", "fre", "french", "français", "francais", "法语", "法文"},
    "cs": {"cs", "ces", "cze", "czech", "čeština", "česky", "捷克语", "捷克文"},
    "zh": {"zh", "zho", "chi", "cmn", "chinese", "zh-cn", "zh_cn", "中文", "汉语"},
}
HEADER = SOURCES | TARGETS | set().union(*NAMES.values())

Row = tuple[int, list[str]]  # number of its first line, cells


@dataclass(frozen=True)
class _Columns:
    """Where the sides are, and how the columns are called (by their header, or by their number)."""

    source: int = 0
    target: int = 1
    names: tuple[str, str] = ("1", "2")


def pairs_from_table(name: str, data: bytes, language: str, seed: int = 0, share: float = 0.2) -> PairData:
    """CSV or TSV, source then target, or columns with a header that names them. language: a key of TAGS, or "" for a
    model that translates into one language. share: of the pairs that validate; pairs of one source stay together.

    Raises SidelightError `data.*` where the table cannot be used; single lines that cannot are in the report.
    """
    if language and language not in TAGS:
        raise SidelightError("data.language", language=language, known=", ".join(TAGS))
    rows = _rows(name, _text(data))
    columns = _columns(rows[0][1], language)
    if columns.names != ("1", "2"):
        rows = rows[1:]
    pairs, duplicates, unreadable = _pairs(rows, columns, language)
    widest = max((len(cells) for _, cells in rows), default=0)
    if pairs == [] and widest < 2:
        raise SidelightError("data.table_columns")
    train, held_out = _split(pairs, seed, share)
    counts = {language: (len(train), len(held_out))}
    report = Report(counts, duplicates, (), unreadable, _warnings(train, held_out, widest, columns))
    return PairData(train, held_out, report, pair_digest(train, held_out))


def pairs_from_path(path: Path, language: str, seed: int = 0, share: float = 0.2) -> PairData:
    """The same from a file, packed with gzip where its name ends in .gz."""
    if not path.is_file():
        raise SidelightError("data.path_missing", path=str(path))
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            data = file.read(SIZE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SidelightError("data.not_archive", name=path.name) from error
    return pairs_from_table(path.name.removesuffix(".gz"), data, language, seed, share)


def _text(data: bytes) -> str:
    if len(data) > SIZE:
        raise SidelightError("data.table_large", limit=SIZE // 10**6)
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):  # .xlsx, .ods; .xls
        raise SidelightError("data.table_spreadsheet")
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SidelightError("data.table_encoding") from error
    if "\0" in text:
        raise SidelightError("data.table_encoding")
    return text


def _rows(name: str, text: str) -> list[Row]:
    """The lines that are not blank, each with its number, counted from 1."""
    separator = _separator(name, text)
    rows = []
    for number, cells in _tab_rows(text) if separator == "\t" else _csv_rows(text, separator):
        cleaned = [clean(cell) for cell in cells]
        if any(cleaned):
            rows.append((number, cleaned))
        if len(rows) > LINES + 1:  # a header and the lines
            raise SidelightError("data.table_long", limit=LINES)
    if not rows:
        raise SidelightError("data.table_empty")
    return rows


def _separator(name: str, text: str) -> str:
    """The one that gives the most lines the same number of columns, two or more."""
    lines = [line for line in LINE_END.split(text[:100_000]) if line.strip()][:200]
    if name.lower().endswith((".tsv", ".tab")) and any("\t" in line for line in lines):
        return "\t"

    def steadiness(separator: str) -> int:
        widths = Counter(len(next(csv.reader([line], delimiter=separator))) for line in lines)
        return max((count for width, count in widths.items() if width > 1), default=0)

    return max("\t;,", key=steadiness)


def _tab_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(LINE_END.split(text), start=1):
        yield number, [_unquoted(cell) for cell in line.split("\t")]


def _unquoted(cell: str) -> str:
    inner = cell[1:-1]
    enclosed = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if enclosed else cell


def _csv_rows(text: str, separator: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    odd, before = text.count('"') % 2, 0
    try:
        for cells in reader:
            span = reader.line_num - before
            if span > SPAN or (span > 1 and odd):
                raise SidelightError("data.table_quote", line=before + 1)
            yield before + 1, cells
            before = reader.line_num
    except csv.Error as error:  # a field of more than 131,072 characters: its quotation mark was never closed
        raise SidelightError("data.table_quote", line=before + 1) from error


def _columns(first: list[str], language: str) -> _Columns:
    """From the first line, if each of its cells is a name that headers have."""
    words = [cell.lower() for cell in first]
    if len(words) < 2 or not all(word in HEADER for word in words):
        return _Columns()
    sources, targets = SOURCES | NAMES["en"], NAMES.get(language, set())
    source = next((i for i, word in enumerate(words) if word in sources), 0)
    others = [i for i in range(len(words)) if i != source]
    target = next((i for i in others if words[i] in targets), None)
    if target is None:
        target = next((i for i in others if words[i] in TARGETS), others[0])
        if language and any(words[target] in names for names in NAMES.values()):
            raise SidelightError("data.table_language", header=first[target], language=language)
    return _Columns(source, target, (first[source], first[target]))


def _pairs(
    rows: Sequence[Row], columns: _Columns, language: str
) -> tuple[list[Pair], tuple[str, ...], tuple[tuple[str, SidelightError], ...]]:
    pairs: dict[Pair, None] = {}
    duplicates, unreadable = [], []
    for number, cells in rows:
        if max(columns.source, columns.target) >= len(cells):
            code = "data.line_columns" if len(cells) < 2 else "data.line_empty"
            unreadable.append((str(number), SidelightError(code, line=number)))
            continue
        pair = Pair(cells[columns.source], cells[columns.target], language)
        if not (pair.source and pair.target):
            unreadable.append((str(number), SidelightError("data.line_empty", line=number)))
        elif max(len(pair.source), len(pair.target)) > LONGEST:
            unreadable.append((str(number), SidelightError("data.line_long", line=number, limit=LONGEST)))
        elif pair in pairs:
            duplicates.append(str(number))
        else:
            pairs[pair] = None
    return list(pairs), tuple(duplicates), tuple(unreadable)


def _split(pairs: Sequence[Pair], seed: int, share: float) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """(training, validation) pairs; capitals do not make a source another one."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.source.casefold(), []).append(pair)
    if len(groups) < LEAST:
        raise SidelightError("data.few_pairs", least=LEAST, found=len(groups))
    together, order = list(groups.values()), shuffled(len(groups), seed)
    held_out = cut(len(groups), share, LEAST // 2)
    return (
        tuple(pair for i in order[held_out:] for pair in together[i]),
        tuple(pair for i in order[:held_out] for pair in together[i]),
    )


def _warnings(
    train: Sequence[Pair], held_out: Sequence[Pair], widest: int, columns: _Columns
) -> tuple[SidelightError, ...]:
    found = []
    if len(train) < ADVISED:
        found.append(SidelightError("data.warn_few_pairs", count=len(train), advised=ADVISED))
    if len(held_out) < FEW_VALIDATION:
        found.append(SidelightError("data.warn_validation", count=len(held_out), advised=FEW_VALIDATION))
    if widest > 2:
        source, target = columns.names
        found.append(SidelightError("data.warn_columns", count=widest, source=source, target=target))
    same = sum(pair.source.casefold() == pair.target.casefold() for pair in (*train, *held_out))
    if 2 * same > len(train) + len(held_out):
        found.append(SidelightError("data.warn_same", count=same))
    return tuple(found)
