"""A person's own pictures with captions: from an archive with a table to a training and a validation part that share
no picture.

A table names a picture and its caption on each line (CSV, TSV, JSON lines, COCO's JSON); where there is none, a text
file beside each picture, of its name, is the caption.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File_Path

from core.errors import SidelightError
from core.finetune.captioned import Captioned
from core.finetune.data import layouts, listings, opened
from core.finetune.data.archives import UPLOAD, File, local_files, shown, zip_files
from core.finetune.data.caption_data import CaptionData
from core.finetune.data.dataset import clean, cut, shuffled
from core.finetune.data.enough import few_captions
from core.finetune.data.formats import Table, text_of
from core.finetune.data.layouts import Part, Path, part_of
from core.finetune.data.near import near_pictures, warn_near
from core.finetune.data.opened import Found, Read
from core.finetune.data.report import Report
from core.finetune.data.tables import table_of
from core.scenes.grammar import LANGUAGES

LONGEST = 400  # characters of a caption
LEAST = 10  # different pictures
READ = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".json")
NAMES = (  # of a column of captions, the surest first
    *("caption", "captions", "description", "text", "sentence", "alt_text", "alt", "prompt", "comment", "title"),
    *("图片描述", "描述", "说明", "文本", "标题"),
)


@dataclass
class _Told:
    """captions: of each picture that a file tells something of, in their order. parts: the person's own. faults: what
    could not be used. wrong: tables that cannot be read. files: those that were. columns: of the last table, with the
    chosen one."""

    captions: dict[Path, dict[str, None]] = field(default_factory=dict)
    parts: dict[Path, Part] = field(default_factory=dict)
    faults: list[tuple[str, SidelightError]] = field(default_factory=list)
    wrong: list[SidelightError] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    column: int = 0


def captions_from_zip(
    data: bytes, language: str, seed: int = 0, share: float = 0.2, column: int | None = None
) -> CaptionData:
    """language: of the captions, or "" for a model that writes one. share: of the pictures that validate, where the
    person has not split them. column: of the captions, a number of the report's `choices`.

    Raises SidelightError `data.*` where the whole cannot be used; a single file or line that cannot is in the report.
    """
    return _checked(zip_files(data, UPLOAD), language, seed, share, column)


def captions_from_path(path: File_Path, language: str, seed: int = 0, share: float = 0.2) -> CaptionData:
    """The same from a .zip, a .tar.gz or a folder."""
    return _checked(local_files(path), language, seed, share, None)


def _checked(files: Iterable[File], language: str, seed: int, share: float, column: int | None) -> CaptionData:
    if language and language not in LANGUAGES:
        raise SidelightError("data.language", language=language, known=", ".join(LANGUAGES))
    read = opened.read(files, READ, READ)
    if not read.found:
        failed = [(path, error) for path, error in sorted(read.failed.items()) if path not in read.texts]
        if not failed:
            raise SidelightError("data.no_pictures")
        raise SidelightError("data.nothing_readable", count=len(failed), name=shown("/".join(failed[0][0])))
    told = _by_tables(read, column)
    if not told.captions:
        told = _beside(read, told.wrong)
    pictures = {item.path: item for item in read.found}
    kept, again = _distinct([pictures[path] for path in sorted(told.captions)], told)
    if len(kept) < LEAST:
        raise SidelightError("data.few_captions", least=LEAST, found=len(kept))
    used, parts, said = layouts.keep_split({one.path: "" for one in kept}, _parts(told, kept))
    kept = [one for one in kept if one.path in used]
    train, held_out = (_captioned(part, told) for part in _split(kept, parts, seed, share))
    near = warn_near("pictures", near_pictures(train.images, held_out.images))
    report = Report(
        {},
        again,
        unreadable=_left_out(read, told),
        warnings=(*few_captions(len(train), len(held_out)), *near),
        understood=(_understood(told), *said),
        choices=told.columns,
        chosen=(told.column,) if told.columns else (),
    )
    return CaptionData.of(train, held_out, language, report)


def _by_tables(read: Read, column: int | None) -> _Told:
    """What the tables say of the pictures."""
    places = listings.places([item.path for item in read.found])
    told = _Told()
    for file, content in sorted(read.texts.items()):
        try:
            table = _coco(content) or table_of(file[-1], content)
        except SidelightError as error:  # of a text that is no table nothing need be said
            told.wrong += [error] if not file[-1].lower().endswith(".txt") else []
            continue
        _take(told, file, table, places, column)
    return told


def _coco(content: bytes) -> Table | None:
    """The captions of COCO's JSON; None for any other file."""
    if not all(word in content for word in (b'"images"', b'"annotations"', b'"caption"')):
        return None
    try:
        found = json.loads(text_of(content))
        names = {image["id"]: str(image["file_name"]) for image in found["images"]}
        pairs = [(names[one["image_id"]], str(one["caption"])) for one in found["annotations"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SidelightError("data.json_damaged") from error
    rows = [(number, [name, clean(text)]) for number, (name, text) in enumerate(pairs, start=1)]
    return Table(rows, ["file_name", "caption"])


def _take(told: _Told, file: Path, table: Table, places: Mapping[str, Path | None], column: int | None) -> None:
    """The lines of a table, if it names pictures: most of its lines do, or most pictures stand in it."""
    header, rows = table.header, table.rows
    width = max([len(cells) for _, cells in rows] + [len(header or ())])
    cells = [[*line, *[""] * (width - len(line))] for _, line in rows]
    found = [[_named(line[i], places) for line in cells] for i in range(width)]
    files = max(range(width), key=lambda i: sum(path is not None for path in found[i]))
    named = {path for path in found[files] if path}
    pictures = len({path for path in places.values() if path})
    if width < 2 or not named or max(2 * sum(map(bool, found[files])) / len(rows), 2 * len(named) / pictures) <= 1:
        return
    first = 0
    if header is None and found[files][0] is None:
        header, first = cells[0], 1
    names = tuple(header or map(str, range(1, width + 1)))
    names += tuple(map(str, range(len(names) + 1, width + 1)))
    split = next((i for i in range(width) if all(part_of(line[i]) for line in cells[first:])), None)
    own = column if column is not None and column < width else _caption_column(names, cells[first:], {files, split})
    told.files.append(file)
    told.faults += table.faults
    told.columns, told.column = names, own
    for (number, _), line, path in list(zip(rows, cells, found[files], strict=True))[first:]:
        where = f"{shown(file[-1])}:{number}"
        if path is None:
            told.faults.append((where, SidelightError("data.no_such_picture", name=shown(line[files]))))
        elif not line[own]:
            told.faults.append((where, SidelightError("data.caption_empty", line=number)))
        elif len(line[own]) > LONGEST:
            told.faults.append((where, SidelightError("data.caption_long", line=number, limit=LONGEST)))
        else:
            told.captions.setdefault(path, {})[line[own]] = None
            part = part_of(line[split]) if split is not None else part_of(file[-1].rpartition(".")[0])
            if part:
                told.parts[path] = part


def _named(cell: str, places: Mapping[str, Path | None]) -> Path | None:
    """The picture of a cell; Flickr's tables add "#0" to "#4"."""
    return listings.find(cell, places) or listings.find(cell.partition("#")[0], places) if cell else None


def _caption_column(names: Sequence[str], cells: Sequence[Sequence[str]], taken: set[int | None]) -> int:
    """The one that is named so, else the one with most letters. Raises SidelightError `data.caption_column`."""
    free = [i for i in range(len(names)) if i not in taken]
    letters = {i: sum(sum(map(str.isalpha, line[i])) for line in cells) for i in free}
    if not any(letters.values()):
        raise SidelightError("data.caption_column")
    called = [name.strip().lower().replace(" ", "_") for name in names]
    return min(free, key=lambda i: (NAMES.index(called[i]) if called[i] in NAMES else len(NAMES), -letters[i]))


def _beside(read: Read, wrong: Sequence[SidelightError]) -> _Told:
    """A text file of each picture's name. Where most pictures have none, raises what is wrong with the first table, or
    SidelightError `data.no_captions`."""
    told = _Told()
    texts = {
        (*file[:-1], file[-1].rpartition(".")[0]): file for file in read.texts if file[-1].lower().endswith(".txt")
    }
    for path in (item.path for item in read.found):
        file = texts.get((*path[:-1], path[-1].rpartition(".")[0]))
        if file is None:
            continue
        try:
            text = clean(text_of(read.texts[file]))
            if not text or len(text) > LONGEST:
                code = "data.caption_long" if text else "data.caption_empty"
                raise SidelightError(code, line=1, **({"limit": LONGEST} if text else {}))
        except SidelightError as error:
            told.faults.append((shown("/".join(file)), error))
            continue
        told.captions[path] = {text: None}
        told.files.append(file)
    if 2 * len(told.captions) <= len(read.found):
        raise wrong[0] if wrong else SidelightError("data.no_captions")
    return told


def _distinct(items: Sequence[Found], told: _Told) -> tuple[list[Found], tuple[str, ...]]:
    """Each picture once, with the captions of all its copies; the names of those that come again."""
    kept, again = list[Found](), list[str]()
    for first, *others in opened.same(items):
        kept.append(first)
        for other in others:
            told.captions[first.path] |= told.captions[other.path]
            again.append(other.name)
    return kept, tuple(again)


def _parts(told: _Told, kept: Sequence[Found]) -> dict[Path, Part]:
    """The person's own split, by the tables or by folders, where it has every picture."""
    paths = [one.path for one in kept]
    if set(paths) <= set(told.parts):
        return {path: told.parts[path] for path in paths}
    parts, _ = layouts.split_of(paths)
    return parts if set(parts) == set(paths) else {}


def _split(
    kept: Sequence[Found], parts: Mapping[Path, Part], seed: int, share: float
) -> tuple[list[Found], list[Found]]:
    """(training, validation). Raises SidelightError `data.split_captions`."""
    if parts:
        train, held_out = ([one for one in kept if parts[one.path] == part] for part in ("train", "held_out"))
        if len(train) < LEAST // 2 or not held_out:
            raise SidelightError("data.split_captions", train=len(train), held_out=len(held_out), least=LEAST // 2)
        return train, held_out
    order, count = shuffled(len(kept), seed), cut(len(kept), share, LEAST // 2)
    return [kept[i] for i in order[count:]], [kept[i] for i in order[:count]]


def _captioned(items: Sequence[Found], told: _Told) -> Captioned:
    return Captioned(opened.stacked(items), tuple(tuple(told.captions[item.path]) for item in items))


def _left_out(read: Read, told: _Told) -> tuple[tuple[str, SidelightError], ...]:
    """Files that are no picture, pictures without a caption, and lines that could not be used."""
    files = [(path, error) for path, error in read.failed.items() if path not in told.files]
    files += [(one.path, SidelightError("data.no_caption")) for one in read.found if one.path not in told.captions]
    return (*((shown("/".join(path)), error) for path, error in sorted(files, key=lambda pair: pair[0])), *told.faults)


def _understood(told: _Told) -> SidelightError:
    count = sum(len(captions) for captions in told.captions.values())
    if not told.columns:
        return SidelightError("data.read_captions_beside", count=len(told.captions))
    names = layouts.named("/".join(file) for file in told.files)
    values = {"file": names, "column": told.columns[told.column], "count": count, "pictures": len(told.captions)}
    return SidelightError("data.read_captions", **values)
