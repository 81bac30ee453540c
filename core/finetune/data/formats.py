"""From a file's bytes to lines of cells, whichever way its maker separates them; `records.py` reads what has fields.

A comma or semicolon table is read as CSV, where a quoted field may hold separators. In a tab table each line is a pair
and quotation marks are text, unless they enclose the whole field: that is how sentence pairs are passed around. `|||`
stands between the sides of what word aligners read.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import SidelightError
from core.finetune.data.dataset import clean

SIZE = 20_000_000  # bytes
LINES = 20_000
BLANK = 10 * LINES  # lines of any kind: above, nobody wrote them
WIDTH = 100  # columns that are looked at
CELL = 4_000  # characters of a cell that are looked at: ten times what a sentence may have
SPAN = 5  # lines that a quoted field may run over
BARS = "|||"
LINE_END = re.compile(r"\r\n|\n|\r")

Row = tuple[int, list[str]]  # number of its first line (or of its record), cells


@dataclass(frozen=True)
class Table:
    """rows: without the header. header: the columns' names where the format itself gives them, else None: the first row
    may be one (`columns.py`). faults: what could not be read, by its number."""

    rows: list[Row]
    header: list[str] | None = None
    faults: tuple[tuple[str, SidelightError], ...] = ()


def text_of(data: bytes) -> str:
    """Raises SidelightError `data.table_large`, `data.table_spreadsheet`, `data.table_encoding`."""
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


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) from 1, without a list of all of them. Raises SidelightError `data.table_long`."""
    start, number = 0, 0
    for number, end in enumerate(LINE_END.finditer(text), start=1):
        if number > BLANK:
            raise SidelightError("data.table_long", limit=LINES)
        yield number, text[start : end.start()]
        start = end.end()
    yield number + 1, text[start:]


def cleaned(cells: list[str]) -> list[str]:
    return [clean(cell[:CELL]) if cell else "" for cell in cells[:WIDTH]]


def read_lines(name: str, text: str) -> Table:
    """The lines that are not blank. Raises SidelightError `data.table_empty`, `data.table_long`, `data.table_quote`."""
    separator = _separator(name, text)
    rows: list[Row] = []
    for number, cells in _csv_rows(text, separator) if separator in ",;" else _split_rows(text, separator):
        found = cleaned(cells)
        if any(found):
            rows.append((number, found))
        if len(rows) > LINES + 1:  # a header and the lines
            raise SidelightError("data.table_long", limit=LINES)
    if not rows:
        raise SidelightError("data.table_empty")
    return Table(rows)


def _separator(name: str, text: str) -> str:
    """The one that gives the most lines the same number of columns, two or more."""
    lines = [line for line in LINE_END.split(text[:100_000]) if line.strip()][:200]
    if name.lower().endswith((".tsv", ".tab")) and any("\t" in line for line in lines):
        return "\t"
    if 2 * sum(BARS in line for line in lines) > len(lines):
        return BARS

    def steadiness(separator: str) -> int:
        widths = Counter(len(next(csv.reader([line], delimiter=separator))) for line in lines)
        return max((count for width, count in widths.items() if width > 1), default=0)

    return max("\t;,", key=steadiness)


def _split_rows(text: str, separator: str) -> Iterator[Row]:
    for number, line in lines_of(text):
        cells = line.split(separator, WIDTH)
        yield number, [_unquoted(cell) for cell in cells] if separator == "\t" else cells


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
            if reader.line_num > BLANK:
                raise SidelightError("data.table_long", limit=LINES)
            yield before + 1, cells
            before = reader.line_num
    except csv.Error as error:  # a field of more than 131,072 characters: its quotation mark was never closed
        raise SidelightError("data.table_quote", line=before + 1) from error
