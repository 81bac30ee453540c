"""A person's own pictures: from files in class folders to a training and a validation part that share no picture."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import torch
from PIL import Image

from core.errors import SidelightError
from core.finetune.data import layouts, listings
from core.finetune.data.archives import LOCAL, UPLOAD, File, folder_files, shown, tar_files, zip_files
from core.finetune.data.classes import check_classes, split
from core.finetune.data.dataset import PictureData, clean, picture_digest
from core.finetune.data.enough import warnings_for
from core.finetune.data.formats import SIZE
from core.finetune.data.near import near_pictures, warn_near
from core.finetune.data.report import Report
from core.finetune.pictures import Pictures
from core.models.deep import was_brightened
from core.models.images import fit_image, open_image

SIDE = 224  # px that are kept of a picture; fewer if all are smaller
LABEL = 60  # characters of a class's name
CLASSES = 100
BEGINNING = 1 << 16  # bytes of each end of a file of settings that are looked at
PIXELS = 4_000_000_000  # decoded in all, so that small files of huge pictures do not keep the machine busy for an hour


@dataclass(frozen=True)
class _Found:
    """A picture as it was read. pixels: (s, s, 3) uint8, s at most SIDE."""

    path: layouts.Path
    pixels: np.ndarray

    @property
    def name(self) -> str:
        return shown("/".join(self.path))


@dataclass(frozen=True)
class _Read:
    """brightened: whose values were stretched. failed: path -> why it is no picture. texts: what may say something of
    the pictures."""

    found: list[_Found]
    brightened: set[layouts.Path]
    failed: dict[layouts.Path, SidelightError]
    texts: dict[layouts.Path, bytes]


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
    if not path.exists():
        raise SidelightError("data.path_missing", path=str(path))
    if path.is_dir():
        return _checked(folder_files(path, LOCAL), seed, share)
    if path.suffix.lower() == ".zip":
        LOCAL.check(0, path.stat().st_size)
        return _checked(zip_files(path.read_bytes(), LOCAL), seed, share)
    return _checked(tar_files(path, LOCAL), seed, share)


def _checked(
    files: Iterable[File], seed: int, share: float, level: int | None = None, named: bool = False
) -> PictureData:
    read = _read(files)
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


def _read(files: Iterable[File]) -> _Read:
    """Every file once: a picture, or why it is none."""
    read, decoded = _Read([], set(), {}, {}), 0
    for parts, content in files:
        path = tuple(normalize("NFC", part) for part in parts)
        try:
            if isinstance(content, SidelightError):
                raise content
            image = _opened(content)
        except SidelightError as error:
            read.failed[path] = error
            if isinstance(content, bytes) and path[-1].lower().endswith(listings.READ):
                whole = path[-1].lower().endswith((".csv", ".tsv", ".txt"))
                read.texts[path] = content[:SIZE] if whole else content[:BEGINNING] + content[-BEGINNING:]
            continue
        decoded += image.width * image.height
        if decoded > PIXELS:
            raise SidelightError("data.too_many_pixels", limit=PIXELS // 10**6)
        read.found.append(_Found(path, _square(image)))
        if was_brightened(image):
            read.brightened.add(path)
    read.found.sort(key=lambda item: item.name)
    return read


def _brightened(read: _Read, labels: Mapping[layouts.Path, str]) -> tuple[SidelightError, ...]:
    count = len(read.brightened & labels.keys())
    return (SidelightError("data.read_brightened", count=count),) if count else ()


def _named(read: _Read) -> layouts.Layout:
    return layouts.Layout({path: path[0] for path in (*(item.path for item in read.found), *read.failed)})


def _layout(read: _Read, level: int | None) -> layouts.Layout:
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


def _labels(layout: layouts.Layout, read: _Read) -> tuple[dict[layouts.Path, str], list[SidelightError]]:
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
    layout: layouts.Layout, read: _Read, labels: Mapping[layouts.Path, str]
) -> tuple[tuple[str, SidelightError], ...]:
    """Files that are not used, by name: no picture, no class, a mask; not those of a part that is kept for a test."""
    found = [(path, error) for path, error in read.failed.items() if path not in layout.used]
    for path in (item.path for item in read.found):
        if path not in labels and path not in layout.aside:
            found.append((path, layout.left_out.get(path) or SidelightError("data.no_class")))
    return tuple(sorted(((shown("/".join(path)), error) for path, error in found), key=lambda pair: pair[0]))


def _opened(content: bytes) -> Image.Image:
    try:
        return open_image(content, least=2 * SIDE)
    except RuntimeError as error:  # Pillow's decoders of AVIF and DDS, on damaged files
        raise SidelightError("image.truncated") from error


def _square(image: Image.Image) -> np.ndarray:
    """The largest centred square, made smaller but never larger: (s, s, 3)."""
    return np.asarray(fit_image(image, "crop", min(SIDE, *image.size), 1).pixels)


def _distinct(
    found: list[_Found], labels: Mapping[layouts.Path, str]
) -> tuple[list[_Found], tuple[str, ...], tuple[str, ...]]:
    """All at one size; without those that come again, and without those that stand under two labels."""
    side = max((len(item.pixels) for item in found), default=0)
    groups: dict[bytes, list[_Found]] = {}
    for item in found:
        pixels = item.pixels
        if len(pixels) < side:
            pixels = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
        groups.setdefault(hashlib.sha256(pixels.tobytes()).digest(), []).append(replace(item, pixels=pixels))
    kept, duplicates, conflicts = [], [], []
    for group in groups.values():
        if len({labels[item.path] for item in group}) > 1:
            conflicts += [item.name for item in group]
        else:
            kept.append(group[0])
            duplicates += [item.name for item in group[1:]]
    return kept, tuple(duplicates), tuple(conflicts)


def _pictures(items: Sequence[_Found], labels: Mapping[layouts.Path, str], classes: tuple[str, ...]) -> Pictures:
    images = torch.from_numpy(np.stack([item.pixels for item in items])).permute(0, 3, 1, 2).contiguous()
    return Pictures(images, torch.tensor([classes.index(labels[item.path]) for item in items]), classes, "")
