"""A person's own pictures: from files in class folders to a training and a validation part that share no picture."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import numpy as np
import torch
from PIL import Image

from core.errors import SidelightError
from core.finetune.data.archives import LOCAL, UPLOAD, File, folder_files, shown, tar_files, zip_files
from core.finetune.data.dataset import PictureData, Report, clean, cut, picture_digest, shuffled, warnings_for
from core.finetune.pictures import Pictures
from core.models.images import fit_image, open_image

SIDE = 160  # px that are kept of a picture; fewer if all are smaller
LABEL = 60  # characters of a class's name
CLASSES = 100
TRAINING = 2  # pictures of a class, at least; and one to validate
PIXELS = 4_000_000_000  # decoded in all, so that small files of huge pictures do not keep the machine busy for an hour


@dataclass(frozen=True)
class _Found:
    """A picture as it was read. pixels: (s, s, 3) uint8, s at most SIDE."""

    name: str
    label: str
    pixels: np.ndarray


def pictures_from_zip(data: bytes, seed: int = 0, share: float = 0.2) -> PictureData:
    """The picture's class is the folder that it lies in. share: of the pictures that validate.

    Raises SidelightError `data.*` where the whole cannot be used; a single file that cannot is in the report.
    """
    return _checked(zip_files(data, UPLOAD), seed, share)


def pictures_from_files(
    files: Mapping[str, Sequence[tuple[str, bytes]]], seed: int = 0, share: float = 0.2
) -> PictureData:
    """The same from class name -> (file name, content)."""
    every = [((label, name), content) for label, group in files.items() for name, content in group]
    UPLOAD.check(len(every), sum(len(content) for _, content in every))
    return _checked(every, seed, share)


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


def _checked(files: Iterable[File], seed: int, share: float) -> PictureData:
    found, unreadable, warnings = _read(files)
    failed = [name for name, error in unreadable if error.code != "data.no_class"]
    if failed and not found:
        raise SidelightError("data.nothing_readable", count=len(failed), name=failed[0])
    kept, duplicates, conflicts = _distinct(found)
    by_class = {label: [item for item in kept if item.label == label] for label in sorted({i.label for i in found})}
    _check_classes(by_class)
    chosen: tuple[list[_Found], list[_Found]] = ([], [])  # training, validation
    for number, group in enumerate(by_class.values()):
        order = shuffled(len(group), seed * CLASSES + number)
        held_out = cut(len(group), share, TRAINING)
        chosen[0].extend(group[i] for i in order[held_out:])
        chosen[1].extend(group[i] for i in order[:held_out])
    train, held_out = (_pictures(part, tuple(by_class)) for part in chosen)
    digest = picture_digest(train, held_out)
    train, held_out = (Pictures(p.images, p.labels, p.classes, digest) for p in (train, held_out))
    counts = {
        label: (int((train.labels == i).sum()), int((held_out.labels == i).sum())) for i, label in enumerate(by_class)
    }
    report = Report(counts, duplicates, conflicts, unreadable, (*warnings, *warnings_for(counts)))
    return PictureData(train, held_out, report, digest)


def _read(
    files: Iterable[File],
) -> tuple[list[_Found], tuple[tuple[str, SidelightError], ...], list[SidelightError]]:
    """Pictures and unreadable files, both by name, and a warning for each folder without any picture."""
    found, unreadable, decoded = [], [], 0
    spellings: dict[str, str] = {}  # label -> the folder's name before it was cleaned and cut
    failed: dict[str, int] = {}
    for parts, content in files:
        name, folder = shown("/".join(parts)), normalize("NFC", parts[-2]) if len(parts) > 1 else ""
        label = clean(folder)[:LABEL].strip()
        try:
            if not label:
                raise SidelightError("data.no_class")
            if isinstance(content, SidelightError):
                raise content
            image = _opened(content)
        except SidelightError as error:
            unreadable.append((name, error))
            failed[label] = failed.get(label, 0) + 1
            continue
        if spellings.setdefault(label, folder) != folder:
            raise SidelightError("data.names_alike", name=label, limit=LABEL)
        decoded += image.width * image.height
        if decoded > PIXELS:
            raise SidelightError("data.too_many_pixels", limit=PIXELS // 10**6)
        found.append(_Found(name, label, _square(image)))
    empty = {label: count for label, count in failed.items() if label and label not in spellings}
    warnings = [SidelightError("data.warn_no_pictures", name=label, count=empty[label]) for label in sorted(empty)]
    unreadable.sort(key=lambda pair: pair[0])
    return sorted(found, key=lambda item: item.name), tuple(unreadable), warnings


def _opened(content: bytes) -> Image.Image:
    try:
        return open_image(content)
    except RuntimeError as error:  # Pillow's decoders of AVIF and DDS, on damaged files
        raise SidelightError("image.truncated") from error


def _square(image: Image.Image) -> np.ndarray:
    """The largest centred square, made smaller but never larger: (s, s, 3)."""
    return np.asarray(fit_image(image, "crop", min(SIDE, *image.size), 1).pixels)


def _distinct(found: list[_Found]) -> tuple[list[_Found], tuple[str, ...], tuple[str, ...]]:
    """All at one size; without those that come again, and without those that stand under two labels."""
    side = max((len(item.pixels) for item in found), default=0)
    groups: dict[bytes, list[_Found]] = {}
    for item in found:
        pixels = item.pixels
        if len(pixels) < side:
            pixels = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
        groups.setdefault(hashlib.sha256(pixels).digest(), []).append(_Found(item.name, item.label, pixels))
    kept, duplicates, conflicts = [], [], []
    for group in groups.values():
        if len({item.label for item in group}) > 1:
            conflicts += [item.name for item in group]
        else:
            kept.append(group[0])
            duplicates += [item.name for item in group[1:]]
    return kept, tuple(duplicates), tuple(conflicts)


def _check_classes(by_class: Mapping[str, Sequence[_Found]]) -> None:
    if len(by_class) < 2:
        raise SidelightError("data.few_classes", found=len(by_class))
    if len(by_class) > CLASSES:
        raise SidelightError("data.many_classes", found=len(by_class), limit=CLASSES)
    short = [f"{label} ({len(group)})" for label, group in by_class.items() if len(group) <= TRAINING]
    if short:
        more = " …" if len(short) > 5 else ""
        raise SidelightError("data.too_few", names=", ".join(short[:5]) + more, least=TRAINING + 1)


def _pictures(items: Sequence[_Found], classes: tuple[str, ...]) -> Pictures:
    images = torch.from_numpy(np.stack([item.pixels for item in items])).permute(0, 3, 1, 2).contiguous()
    return Pictures(images, torch.tensor([classes.index(item.label) for item in items]), classes, "")
