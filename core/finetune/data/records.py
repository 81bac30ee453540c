"""Sentence pairs whose fields have names: JSON records, translation memories (TMX), a file a language (Moses)."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from core.errors import SidelightError
from core.finetune.data.columns import language_of
from core.finetune.data.formats import LINES, SIZE, WIDTH, Row, Table, cleaned, lines_of, text_of

MARKUP = {"bpt", "ept", "ph", "it", "ut"}  # formatting codes inside a segment
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def is_json(text: str) -> bool:
    """Whether it begins with a record, on a line of its own or in a list."""
    start = text.lstrip()[:2000]
    return bool(re.match(r'\{\s*"|\[\s*\{', start))


def read_json(text: str) -> Table:
    """A record a line, or a list of records; nested fields are named "translation.en". Raises SidelightError
    `data.json_damaged`, `data.table_long`, `data.table_empty`."""
    faults: list[tuple[str, SidelightError]] = []
    records: list[tuple[int, dict[str, str]]] = []
    for number, value in _values(text):
        if isinstance(value, dict):
            records.append((number, dict(_fields(value))))
        else:
            faults.append((str(number), SidelightError("data.line_json", line=number)))
        if len(records) + len(faults) > LINES:
            raise SidelightError("data.table_long", limit=LINES)
    return _table(records, tuple(faults))


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """(number of the line or of the record, its value; None where it is no JSON)."""
    if text.lstrip().startswith("["):
        try:
            yield from enumerate(json.loads(text), start=1)
        except (ValueError, RecursionError) as error:
            raise SidelightError("data.json_damaged") from error
        return
    for number, line in lines_of(text):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def _fields(record: Mapping[str, Any], before: str = "", depth: int = 3) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, dict) and depth:
            yield from _fields(value, f"{before}{name}.", depth - 1)
        elif isinstance(value, (str, int, float)):
            yield before + name, str(value)


def _table(records: Sequence[tuple[int, Mapping[str, str]]], faults: tuple[tuple[str, SidelightError], ...]) -> Table:
    """A column for each field that records have, in the order in which they come."""
    names = list(dict.fromkeys(name for _, record in records for name in record))[:WIDTH]
    rows: list[Row] = [(number, cleaned([record.get(name, "") for name in names])) for number, record in records]
    if not any(any(cells) for _, cells in rows):
        raise SidelightError("data.table_empty")
    return Table(rows, cleaned(names), faults)


def is_tmx(name: str, data: bytes) -> bool:
    return name.lower().endswith(".tmx") or b"<tmx" in data[:2000]


def read_tmx(data: bytes) -> Table:
    """A column a language. Raises SidelightError `data.table_large`, `data.tmx_damaged`, `data.table_empty`, ..."""
    if len(data) > SIZE:
        raise SidelightError("data.table_large", limit=SIZE // 10**6)
    if b"<!ENTITY" in data or b"<\0!\0E\0N\0T\0I\0T\0Y" in data:  # a memory needs none, and a bomb is made of them
        raise SidelightError("data.tmx_damaged")
    records: list[tuple[int, dict[str, str]]] = []
    try:
        for _, unit in ElementTree.iterparse(io.BytesIO(data)):
            if _local(unit) == "tu":
                records.append((len(records) + 1, _segments(unit)))
                unit.clear()
            if len(records) > LINES:
                raise SidelightError("data.table_long", limit=LINES)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SidelightError("data.tmx_damaged") from error
    return _table(records, ())


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _segments(unit: ElementTree.Element) -> dict[str, str]:
    """Language -> sentence of one unit; "en-GB" and "EN" are both "en"."""
    found: dict[str, str] = {}
    for variant in (child for child in unit if _local(child) == "tuv"):
        tag = variant.get(LANG) or variant.get("lang") or ""
        segment = next((child for child in variant if _local(child) == "seg"), None)
        if tag and segment is not None:
            found.setdefault(language_of(tag) or tag.lower(), "".join(_plain(segment)))
    return found


def _plain(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if _local(child) not in MARKUP:
            yield from _plain(child)
        yield child.tail or ""


def moses_names(names: Sequence[str], language: str) -> tuple[str, str] | None:
    """The English file and the other of "corpus.en" and "corpus.de"; None where there is no such pair. language: of the
    other; "" for any."""
    by_stem: dict[str, dict[str, str]] = {}
    for name in names:
        path = PurePath(name)
        if code := language_of(path.suffix[1:]):
            by_stem.setdefault(str(path.with_suffix("")), {})[code] = name
    for found in by_stem.values():
        other = next((found[code] for code in found if code == language or (not language and code != "en")), None)
        if "en" in found and other:
            return found["en"], other
    return None


def read_moses(english: tuple[str, bytes], other: tuple[str, bytes]) -> Table:
    """Two files, line by line. Raises SidelightError `data.moses_lengths`, and as `text_of` does."""
    sides = [[line for _, line in lines_of(text_of(data).removesuffix("\n"))] for _, data in (english, other)]
    first, second = (len(side) for side in sides)
    if first != second:
        raise SidelightError("data.moses_lengths", first=english[0], count=first, second=other[0], other=second)
    if first > LINES:
        raise SidelightError("data.table_long", limit=LINES)
    rows = [(number, cleaned([*pair])) for number, pair in enumerate(zip(*sides, strict=True), start=1)]
    return Table(rows, [PurePath(name).suffix[1:] for name, _ in (english, other)])
