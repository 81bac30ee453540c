"""A person's own pictures: from files in class folders to a training and a validation part that share no picture."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from core.errors import SidelightError
from core.finetune.data import layouts, listings, opened
from core.finetune.data.archives import UPLOAD, File, local_files, shown, zip_files
from core.finetune.data.classes import check_classes, split
from core.finetune.data.dataset import PictureData, clean, picture_digest
from core.finetune.data.enough import warnings_for
from core.finetune.data.near import near_pictures, warn_near
from core.finetune.data.opened import Found, Read, same, stacked
from core.finetune.data.report import Report
from core.finetune.pictures import Pictures

LABEL = 60  # characters of a class's name
CLASSES = 100


def pictures_from_zip(data: bytes, seed: int = 0, share: float = 0.2, level: int | None = None) -> PictureData:
    """The picture's class is the folder that it lies in, or stands in a table beside it; a person's own split is kept.
    share: of the pictures that validate, where there is none. level: a number of the report's `choices`.

    Raises SidelightError `data.*` where the whole cannot be used; a single file that cannot is in the report.
    """
    return _checked(zip_files(data, UPLOAD), seed, share, level)


def pictures_from_files(
    files: Mapping[str, Sequence[tuple[str, bytes]]], seed: int = 0, share: float = 0.2
) -> PictureData:
    """The same from class name -> (file name, content), where the names are classes whatever they say."""
    every = [((label, name), content) for label, group in files.items() for name, content in group]
    UPLOAD.check(len(every), sum(len(content) for _, content in every))
    return _checked(every, seed, share, None, named=True)


def pictures_from_path(path: Path, seed: int = 0, share: float = 0.2) -> PictureData:
    """The same from a .zip, a .tar.gz or a folder of class folders."""
    return _checked(local_files(path), seed, share)


def _checked(
    files: Iterable[File], seed: int, share: float, level: int | None = None, named: bool = False
) -> PictureData:
    read = opened.read(files, listings.READ, (".csv", ".tsv", ".txt"))
    layout = _named(read) if named else _layout(read, level)
    labels, warnings = _labels(layout, read)
    labels, merged = layouts.merge(labels)
    unreadable = _left_out(layout, read, labels)
    failed = [name for name, error in unreadable if error.code not in ("data.no_class", "data.is_mask")]
    if failed and not read.found:
        raise SidelightError("data.nothing_readable", count=len(failed), name=failed[0])
    kept, duplicates, conflicts = _distinct([item for item in read.found if item.path in labels], labels)
    classes = tuple(sorted(set(labels.values())))
    groups = {
        name: [(item, layout.parts.get(item.path)) for item in kept if labels[item.path] == name] for name in classes
    }
    check_classes(groups, CLASSES)
    parts = split(groups, seed, share)
    train, held_out = (_pictures(part, labels, classes) for part in parts)
    digest = picture_digest(train, held_out)
    train, held_out = (Pictures(p.images, p.labels, p.classes, digest) for p in (train, held_out))
    counts = {
        name: (int((train.labels == i).sum()), int((held_out.labels == i).sum())) for i, name in enumerate(classes)
    }
    near = warn_near("pictures", near_pictures(train.images, held_out.images))
    report = Report(
        counts,
        duplicates,
        conflicts,
        unreadable,
        (*warnings, *warnings_for(counts), *near),
        (*layout.understood, *merged, *_brightened(read, labels)),
        layout.choices,
        (layout.chosen,) if layout.choices else (),
    )
    return PictureData(train, held_out, report, digest)


def _brightened(read: Read, labels: Mapping[layouts.Path, str]) -> tuple[SidelightError, ...]:
    count = len(read.brightened & labels.keys())
    return (SidelightError("data.read_brightened", count=count),) if count else ()


def _named(read: Read) -> layouts.Layout:
    return layouts.Layout({path: path[0] for path in (*(item.path for item in read.found), *read.failed)})


def _layout(read: Read, level: int | None) -> layouts.Layout:
    """By folders; by a table where folders give no classes. Raises SidelightError `data.boxes`."""
    paths = [item.path for item in read.found]
    layout = layouts.by_folders(paths, level)
    kind = listings.boxes(paths, read.texts)
    few = len(set(layout.labels.values())) < 2
    if few and (listed := listings.by_table([p for p in paths if p not in layout.left_out], read.texts, level)):
        return replace(listed, left_out=layout.left_out)
    if kind and (few or kind != "COCO"):
        raise SidelightError("data.boxes", kind=kind)
    return layout


def _labels(layout: layouts.Layout, read: Read) -> tuple[dict[layouts.Path, str], list[SidelightError]]:
    """(path -> class in visible characters, a warning for each folder of files without any picture).

    Raises SidelightError `data.names_alike` where two names are cut to the same.
    """
    spellings: dict[str, str] = {}  # label -> the name before it was cleaned and cut
    labels: dict[layouts.Path, str] = {}
    readable = {item.path for item in read.found}
    for path, name in layout.labels.items():
        if path in readable and (label := clean(name)[:LABEL].strip()):
            if spellings.setdefault(label, name) != name:
                raise SidelightError("data.names_alike", name=label, limit=LABEL)
            labels[path] = label
    folders = Counter(path[-2] for path in read.failed if len(path) > 1 and path not in layout.used)
    used = {folder for path in readable for folder in path[:-1]}
    empty = {shown(folder): count for folder, count in folders.items() if folder not in used}
    return labels, [SidelightError("data.warn_no_pictures", name=name, count=empty[name]) for name in sorted(empty)]


def _left_out(
    layout: layouts.Layout, read: Read, labels: Mapping[layouts.Path, str]
) -> tuple[tuple[str, SidelightError], ...]:
    """Files that are not used, by name: no picture, no class, a mask; not those of a part that is kept for a test."""
    found = [(path, error) for path, error in read.failed.items() if path not in layout.used]
    for path in (item.path for item in read.found):
        if path not in labels and path not in layout.aside:
            found.append((path, layout.left_out.get(path) or SidelightError("data.no_class")))
    return tuple(sorted(((shown("/".join(path)), error) for path, error in found), key=lambda pair: pair[0]))


def _distinct(
    found: list[Found], labels: Mapping[layouts.Path, str]
) -> tuple[list[Found], tuple[str, ...], tuple[str, ...]]:
    """All at one size; without those that come again, and without those that stand under two labels."""
    kept, duplicates, conflicts = [], [], []
    for group in same(found):
        if len({labels[item.path] for item in group}) > 1:
            conflicts += [item.name for item in group]
        else:
            kept.append(group[0])
            duplicates += [item.name for item in group[1:]]
    return kept, tuple(duplicates), tuple(conflicts)


def _pictures(items: Sequence[Found], labels: Mapping[layouts.Path, str], classes: tuple[str, ...]) -> Pictures:
    return Pictures(stacked(items), torch.tensor([classes.index(labels[item.path]) for item in items]), classes, "")
