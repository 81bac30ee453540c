"""A person's own sentence pairs: from a file's bytes to a training and a validation part that share no sentence.

`formats.py` and `records.py` read the file, `columns.py` finds the sentences in it.
"""

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePath

from core.errors import SidelightError
from core.finetune.data import columns as columns_of
from core.finetune.data import records
from core.finetune.data.archives import UPLOAD, shown, zip_files
from core.finetune.data.columns import Columns
from core.finetune.data.dataset import PairData, cut, pair_digest, shuffled
from core.finetune.data.enough import few_pairs
from core.finetune.data.formats import SIZE, Row, Table, read_lines, text_of
from core.finetune.data.near import near_sentences, warn_near
from core.finetune.data.report import Report
from core.finetune.parallel import TAGS, Pair

LONGEST = 400  # characters of a side
LEAST = 10  # different sentences
READ = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".json", ".tmx")

Chosen = tuple[int, int] | None  # columns of the sources and of the targets, where a person chose them


def pairs_from_table(
    name: str, data: bytes, language: str, seed: int = 0, share: float = 0.2, columns: Chosen = None
) -> PairData:
    """CSV, TSV, "|||", JSON records or TMX; the columns are found (`columns.py`) or given. language: a key of TAGS, or
    "" for a model that translates into one language. share: of the pairs that validate; pairs of one source stay
    together.

    Raises SidelightError `data.*` where the table cannot be used; single lines that cannot are in the report.
    """
    if language and language not in TAGS:
        raise SidelightError("data.language", language=language, known=", ".join(TAGS))
    return _checked(table_of(name, data), language, seed, share, columns)


def pairs_from_files(
    files: Sequence[tuple[str, bytes]], language: str, seed: int = 0, share: float = 0.2, columns: Chosen = None
) -> PairData:
    """The same from one file of any of these kinds, packed or not, or from two that belong together line by line
    ("corpus.en" and "corpus.de"). Raises SidelightError `data.several_tables` where it is not clear which is meant."""
    if language and language not in TAGS:
        raise SidelightError("data.language", language=language, known=", ".join(TAGS))
    found = [one for name, data in files for one in unpacked(name, data)]
    if moses := records.moses_names([name for name, _ in found], language):
        english, other = (next((name, data) for name, data in found if name == one) for one in moses)
        return _checked(records.read_moses(english, other), language, seed, share, columns)
    tables = [(name, data) for name, data in found if name.lower().endswith(READ)] if len(found) > 1 else found
    if len(tables) != 1:
        raise SidelightError("data.several_tables", count=len(tables))
    return _checked(table_of(*tables[0]), language, seed, share, columns)


def pairs_from_path(path: Path, language: str, seed: int = 0, share: float = 0.2) -> PairData:
    """The same from the disk. Of two files that belong together either is named, or what they have in common."""
    code = language or next((code for code in TAGS if _beside(path, code)), "")
    paths = [path] if path.is_file() else []
    if not any(path.name.removesuffix(".gz").lower().endswith(READ) for path in paths):
        paths = [one for tag in ("en", code) if (one := _beside(path, tag))] or paths
    if not paths:
        raise SidelightError("data.path_missing", path=str(path))
    try:
        return pairs_from_files([(one.name, beginning(one)) for one in paths], language, seed, share)
    except OSError as error:
        raise SidelightError("data.not_archive", name=path.name) from error


def _beside(path: Path, code: str) -> Path | None:
    """`corpus.<code>` or `corpus.<code>.gz` for "corpus" or any of its files."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    stem = plain.with_suffix("") if path.is_file() else plain
    names = [f"{stem.name}.{code}", f"{stem.name}.{code}.gz"] if code else []
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def beginning(path: Path) -> bytes:
    """Its content, no further than what is refused."""
    with path.open("rb") as file:
        return file.read(UPLOAD.size + 1 if path.suffix == ".zip" else SIZE + 1)


def unpacked(name: str, data: bytes) -> list[tuple[str, bytes]]:
    """The file itself, or what is packed in it. Raises SidelightError `data.not_archive` and as `zip_files` does."""
    if name.lower().endswith(".gz"):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                return [(name[:-3], file.read(SIZE + 1))]
        except (OSError, EOFError, zlib.error) as error:
            raise SidelightError("data.not_archive", name=shown(name)) from error
    if not name.lower().endswith(".zip"):
        return [(name, data)]
    entries = [(parts[-1], content) for parts, content in zip_files(data) if isinstance(content, bytes)]
    return [one for inner, content in entries for one in _gunzipped(inner, content)]


def _gunzipped(name: str, data: bytes) -> list[tuple[str, bytes]]:
    """Inside a ZIP a file may be packed once more, but holds no further ZIP."""
    kept = name.lower().removesuffix(".gz")
    wanted = kept.endswith(READ) or columns_of.language_of(PurePath(kept).suffix[1:])
    return unpacked(name, data) if wanted else []


def table_of(name: str, data: bytes) -> Table:
    if records.is_tmx(name, data):
        return records.read_tmx(data)
    text = text_of(data)
    return records.read_json(text) if records.is_json(text) else read_lines(name, text)


def _checked(table: Table, language: str, seed: int, share: float, chosen: Chosen) -> PairData:
    columns, rows = columns_of.choose(table, language, chosen)
    pairs, duplicates, unreadable = _pairs(rows, columns, language)
    train, held_out = _split(pairs, seed, share)
    report = Report(
        {language: (len(train), len(held_out))},
        duplicates,
        unreadable=(*table.faults, *unreadable),
        warnings=_warnings(train, held_out, columns),
        understood=_understood(columns),
        choices=columns.names,
        chosen=(columns.source, columns.target),
    )
    return PairData(train, held_out, report, pair_digest(train, held_out))


def _pairs(
    rows: Sequence[Row], columns: Columns, language: str
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


def _understood(columns: Columns) -> tuple[SidelightError, ...]:
    source, target = columns.names[columns.source], columns.names[columns.target]
    code = "data.read_header" if columns.header else "data.read_columns"
    swapped = [SidelightError("data.read_swapped")] if columns.swapped else []
    return (SidelightError(code, source=source, target=target), *swapped)


def _warnings(train: Sequence[Pair], held_out: Sequence[Pair], columns: Columns) -> tuple[SidelightError, ...]:
    found = list(few_pairs(len(train), len(held_out)))
    found += warn_near("sentences", near_sentences([pair.source for pair in train], [pair.source for pair in held_out]))
    if columns.left_out:
        left = ", ".join(f"“{name}”" for name in columns.left_out[:8]) + (" …" if len(columns.left_out) > 8 else "")
        source, target = columns.names[columns.source], columns.names[columns.target]
        found.append(
            SidelightError("data.warn_columns", count=len(columns.names), source=source, target=target, left=left)
        )
    same = sum(pair.source.casefold() == pair.target.casefold() for pair in (*train, *held_out))
    if 2 * same > len(train) + len(held_out):
        found.append(SidelightError("data.warn_same", count=same))
    return tuple(found)
