"""What files beside the pictures say of them: a table of file and class, or boxes of objects, which are no classes."""

import re
from collections.abc import Iterator, Mapping, Sequence

from core.errors import SidelightError
from core.finetune.data.formats import read_lines, text_of
from core.finetune.data.layouts import Layout, Part, Path, keep_split, named, part_of

READ = (".csv", ".tsv", ".txt", ".json", ".xml", ".yaml", ".yml")
LABELS = {"label", "labels", "class", "class_name", "classname", "category", "target", "species", "diagnosis", "dx"} | {
    *("name", "type", "breed", "klasse", "类别", "标签", "分类")
}
MOST = 100  # values of a column that could be classes
BOX = re.compile(r"\d+(\s+-?\d*\.?\d+(e-?\d+)?){4,}", re.IGNORECASE)  # a line of a YOLO label


def boxes(paths: Sequence[Path], texts: Mapping[Path, bytes]) -> str:
    """The name of the format whose boxes most pictures have, or ""."""
    stems = {path[-1].rpartition(".")[0] for path in paths}
    beside: dict[str, int] = {}
    for path, content in texts.items():
        stem, _, kind = path[-1].rpartition(".")
        if kind.lower() == "json" and all(word in content for word in (b'"images"', b'"annotations"')):
            return "COCO"
        if stem in stems and kind.lower() == "txt" and _is_yolo(content):
            beside["YOLO"] = beside.get("YOLO", 0) + 1
        if stem in stems and kind.lower() == "xml" and b"<annotation" in content:
            beside["Pascal VOC"] = beside.get("Pascal VOC", 0) + 1
    return next((kind for kind, count in beside.items() if 2 * count > len(stems)), "")


def _is_yolo(content: bytes) -> bool:
    lines = [line.strip() for line in content[:2000].decode("latin-1").splitlines()[:5]]
    return bool(lines) and all(BOX.fullmatch(line) for line in lines[:-1] or lines)


def by_table(paths: Sequence[Path], texts: Mapping[Path, bytes], chosen: int | None = None) -> Layout | None:
    """Classes from tables with a column of files and one of classes; None where no table names half the pictures.
    chosen: a number of `choices`, the other columns, where a person chose it."""
    known = places(paths)
    labels: dict[Path, str] = {}
    parts: dict[Path, Part] = {}
    used: list[Path] = []
    header: list[str] = []
    column = 0
    for file, content in texts.items():
        table = _read(file, content, known)
        if table is None:
            continue
        header, rows, where = table
        column = chosen if chosen is not None and chosen < len(header) else _label_column(header, rows)
        used.append(file)
        split = next((i for i in range(len(header)) if _is_split(rows, i)), None)
        for path, cells in zip(where, rows, strict=True):
            if path and (label := cells[column].strip()):
                labels[path] = label
                part = part_of(cells[split]) if split is not None else part_of(file[-1].rpartition(".")[0])
                if part:
                    parts[path] = part
    if 2 * len(labels) <= len(paths):
        return None
    every = frozenset(labels)
    labels, parts, said = keep_split(labels, parts if set(parts) == every else {})
    names = ", ".join("/".join(file) for file in used)
    read = SidelightError("data.read_table", file=names, column=header[column], names=named(labels.values()))
    return Layout(labels, parts, {}, (read, *said), tuple(header), column, every - set(labels), frozenset(used))


def places(paths: Sequence[Path]) -> dict[str, Path | None]:
    """How a table may name a picture: the end of its path, with or without the suffix; None for two of a name."""
    found: dict[str, Path | None] = {}
    for path in paths:
        for start in range(len(path)):
            name = "/".join(path[start:]).lower()
            for key in {name, name.rpartition(".")[0] or name}:
                found[key] = None if key in found else path
    return found


def find(cell: str, places: Mapping[str, Path | None]) -> Path | None:
    """The picture of a cell: the longest end of what it names that is the end of one picture's path."""
    parts = [part for part in cell.replace("\\", "/").lower().split("/") if part not in ("", ".")]
    return next(filter(None, (places.get("/".join(parts[start:])) for start in range(len(parts)))), None)


def _read(
    file: Path, content: bytes, places: Mapping[str, Path | None]
) -> tuple[list[str], list[list[str]], list[Path | None]] | None:
    """(names of the columns, rows of equal length, the picture of each row), or None for what is no such table."""
    if not file[-1].lower().endswith((".csv", ".tsv", ".txt")):
        return None
    try:
        rows = [cells for _, cells in read_lines(file[-1], text_of(content)).rows]
    except SidelightError:  # a text that is no table is none of ours
        return None
    width = max(map(len, rows))
    rows = [[*cells, *[""] * (width - len(cells))] for cells in rows]
    found = [[find(cells[i], places) for cells in rows] for i in range(width)]
    where = max(found, key=lambda column: sum(path is not None for path in column))
    if width < 2 or 2 * sum(path is not None for path in where) <= len(where):
        return None
    first = rows[0] if where[0] is None else [str(i + 1) for i in range(width)]
    skip = 1 if where[0] is None else 0
    return first, rows[skip:], where[skip:]


def _label_column(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The one that is named so, else the first whose values come again and again, words before numbers."""
    by_name = [i for i, name in enumerate(header) if name.strip().lower().replace(" ", "_") in LABELS]
    candidates = list(_repeating(len(header), rows))
    words = [i for i in candidates if not all(cells[i].replace(".", "").isdigit() for cells in rows)]
    free = [i for i in (*(i for i in by_name if i in candidates), *words, *candidates) if not _is_split(rows, i)]
    if not free:
        raise SidelightError("data.few_classes", found=1)
    return free[0]


def _repeating(width: int, rows: Sequence[Sequence[str]]) -> Iterator[int]:
    for i in range(width):
        values = {cells[i] for cells in rows if cells[i]}
        if 2 <= len(values) <= min(MOST, len(rows) // 2):
            yield i


def _is_split(rows: Sequence[Sequence[str]], column: int) -> bool:
    return all(part_of(cells[column]) for cells in rows)
