"""A person's own texts with labels: from a table to a training and a validation part that share no text.

`tables.py` reads the file; here the column of texts, that of labels and that of her own split are found in it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import torch

from core.errors import SidelightError
from core.finetune.data.archives import shown
from core.finetune.data.classes import check_classes, split
from core.finetune.data.dataset import TextData, clean
from core.finetune.data.enough import warnings_for
from core.finetune.data.formats import Row, Table
from core.finetune.data.layouts import Part, keep_split, merge, named, part_of
from core.finetune.data.listings import LABELS as OF_PICTURES
from core.finetune.data.near import near_sentences, warn_near
from core.finetune.data.report import Report
from core.finetune.data.tables import READ, beginning, table_of, unpacked
from core.finetune.texts import Texts

CLASSES = 50
LONGEST = 2000  # characters of a text
LABEL = 60  # characters of a label
TEXTS = {
    *("text", "sentence", "review", "content", "body", "message", "comment", "tweet", "utterance", "query"),
    *("headline", "title", "description", "document", "question", "input"),
    *("文本", "句子", "内容", "评论", "正文", "标题"),
}
LABELS = (OF_PICTURES - {"name"}) | {
    *("sentiment", "intent", "topic", "emotion", "polarity", "rating", "stars", "score", "spam", "language", "output"),
    *("情感", "主题", "意图", "类型", "语言"),
}
FASTTEXT = re.compile(rb"\s*__label__(\S+)\s+(.+)")

Chosen = tuple[int, int] | None  # columns of the texts and of the labels, where a person chose them


@dataclass(frozen=True)
class Columns:
    """Numbers of columns from 0. names: of all, by the header or as "1", "2", ... header: whether they were given."""

    text: int
    label: int
    part: int | None
    names: tuple[str, ...]
    header: bool


@dataclass(frozen=True)
class _Line:
    """where: its file's number and its own, as it is told."""

    where: tuple[str, ...]
    text: str
    label: str
    part: Part | None


def texts_from_files(
    files: Sequence[tuple[str, bytes]], seed: int = 0, share: float = 0.2, columns: Chosen = None
) -> TextData:
    """CSV, TSV, JSON records or fastText's lines, packed or not; several files are one set, and "train" and "test" in
    their names, or in a column, are the person's own split. share: of the texts that validate, where there is none.

    Raises SidelightError `data.*` where the whole cannot be used; a single line that cannot is in the report.
    """
    found = [one for name, data in files for one in unpacked(name, data)]
    tables = [(name, data) for name, data in found if name.lower().endswith(READ)] if len(found) > 1 else found
    if not tables:
        raise SidelightError("data.no_table")
    lines: list[_Line] = []
    faults: list[tuple[str, SidelightError]] = []
    chosen: Columns | None = None
    for name, data in tables:
        table = _fasttext(data) or table_of(name, data)
        rows, own = choose(table, columns if chosen is None else (chosen.text, chosen.label))
        chosen = chosen or own
        faults += table.faults
        before = (shown(name),) if len(tables) > 1 else ()
        for line in _lines(rows, own, before, part_of(PurePath(name).stem), faults):
            lines.append(line)
    assert chosen is not None
    return _checked(lines, faults, chosen, seed, share)


def texts_from_path(path: Path, seed: int = 0, share: float = 0.2) -> TextData:
    """The same from the disk: a file, or a folder of files."""
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    if not all(one.exists() for one in paths):
        raise SidelightError("data.path_missing", path=str(path))
    return texts_from_files([(one.name, beginning(one)) for one in paths if one.is_file()], seed, share)


def choose(table: Table, given: Chosen = None) -> tuple[list[Row], Columns]:
    """The rows without a header, and the columns. given: those that a person chose.

    Raises SidelightError `data.label_columns`.
    """
    width = max([len(cells) for _, cells in table.rows] + [len(table.header or ())])
    first = table.header or _padded(table.rows[0][1], width)
    by_name = [name.strip().lower().replace(" ", "_") for name in first]
    is_named = table.header is not None or bool({*by_name} & (TEXTS | LABELS))
    rows = table.rows[1:] if table.header is None and is_named else table.rows
    cells = [_padded(row, width) for _, row in rows]
    part = next((i for i in range(width) if cells and all(part_of(row[i]) for row in cells)), None)
    usable = bool(given) and max(given or ()) < width and len({*(given or ())}) == 2
    text, label = given if given and usable else _found(by_name if is_named else [""] * width, cells, part)
    later = {row[label] for row in cells[1:]}
    if not is_named and len(cells) > 2 and cells[0][label] not in later:  # its values come again, a header does not
        rows, is_named = rows[1:], True
    names = tuple(first) if is_named else tuple(str(i + 1) for i in range(width))
    return rows, Columns(text, label, part, names, is_named)


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]


def _found(names: Sequence[str], cells: Sequence[Sequence[str]], part: int | None) -> tuple[int, int]:
    """(texts, labels): by name, else the labels where few values come again and again, the texts where most letters
    are."""
    width = len(names)
    columns = [[row[i] for row in cells if row[i]] for i in range(width)]
    letters = [sum(map(len, one)) / max(1, len(one)) for one in columns]
    repeating = [i for i in range(width) if i != part and 2 <= len({*columns[i][1:]}) <= min(CLASSES, len(cells) // 2)]
    words = [i for i in repeating if any(any(map(str.isalpha, value)) for value in columns[i])]
    called = [i for i in range(width) if names[i] in LABELS and i != part and columns[i]]
    labels = [*(i for i in called if i in repeating), *words, *repeating, *called]
    texts = [i for i in sorted(range(width), key=lambda i: (names[i] not in TEXTS, -letters[i])) if i != part]
    for label in labels:
        text = next((i for i in texts if i != label and letters[i] > 0), None)
        if text is not None:
            return text, label
    raise SidelightError("data.label_columns")


def _fasttext(data: bytes) -> Table | None:
    lines = data.splitlines()
    found = [(number, match) for number, line in enumerate(lines, start=1) if (match := FASTTEXT.fullmatch(line))]
    if 2 * len(found) <= len(lines):
        return None
    rows = [(number, [clean(cell.decode("utf-8", "replace")) for cell in match.groups()]) for number, match in found]
    return Table(rows, ["label", "text"])


def _lines(
    rows: Sequence[Row],
    columns: Columns,
    before: tuple[str, ...],
    of_file: Part | None,
    faults: list[tuple[str, SidelightError]],
) -> Iterator[_Line]:
    """before: the file's name, where there are several. of_file: the part that its name says."""
    for number, given in rows:
        cells = _padded(given, len(columns.names))
        text, label = cells[columns.text], cells[columns.label][:LABEL].strip()
        where = (*before, str(number))
        if not text or not label:
            faults.append((":".join(where), SidelightError("data.line_empty", line=number)))
        elif len(text) > LONGEST:
            faults.append((":".join(where), SidelightError("data.line_long", line=number, limit=LONGEST)))
        else:
            yield _Line(where, text, label, part_of(cells[columns.part]) if columns.part is not None else of_file)


def _checked(
    lines: Sequence[_Line], faults: Sequence[tuple[str, SidelightError]], columns: Columns, seed: int, share: float
) -> TextData:
    kept, duplicates, conflicts = _distinct(lines)
    labels, merged = merge({line.where: line.label for line in kept})
    own = {line.where: line.part for line in kept if line.part}
    labels, parts, said = keep_split(labels, own if len(own) == len(kept) else {})
    used = [line for line in kept if line.where in labels]
    classes = tuple(sorted(set(labels.values())))
    groups = {name: [(line, parts.get(line.where)) for line in used if labels[line.where] == name] for name in classes}
    check_classes(groups, CLASSES)
    train, held_out = (
        Texts(
            tuple(line.text for line in some),
            torch.tensor([classes.index(labels[line.where]) for line in some]),
            classes,
        )
        for some in split(groups, seed, share)
    )
    read = SidelightError(
        "data.read_labels",
        text=columns.names[columns.text],
        label=columns.names[columns.label],
        names=named(classes),
    )
    report = Report(
        {},
        duplicates,
        conflicts,
        tuple(faults),
        understood=(read, *said, *merged),
        choices=columns.names,
        chosen=(columns.text, columns.label),
    )
    found = TextData.of(train, held_out, report)
    near = warn_near("sentences", near_sentences(train.texts, held_out.texts))
    return found.warned((*warnings_for(found.report.counts), *near))


def _distinct(lines: Sequence[_Line]) -> tuple[list[_Line], tuple[str, ...], tuple[str, ...]]:
    """Without those that come again, and without those that stand under two labels; capitals do not make a text another
    one."""
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        groups.setdefault(line.text.casefold(), []).append(line)
    kept: list[_Line] = []
    duplicates: list[str] = []
    conflicts: list[str] = []
    for group in groups.values():
        if len({line.label.casefold() for line in group}) > 1:
            conflicts += [":".join(line.where) for line in group]
        else:
            kept.append(group[0])
            duplicates += [":".join(line.where) for line in group[1:]]
    return kept, tuple(duplicates), tuple(conflicts)
