"""Data that has been checked: a training part, a validation part, and a report of what was found on the way.

`core.finetune.data` makes these from bundled sets and from a person's files. A run keeps its own copy (`save`, `load`),
so that it can go on, and be understood, whatever became of the files.
"""

import csv
import hashlib
import io
import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from core.errors import SidelightError
from core.finetune import parallel
from core.finetune.data.enough import few_pairs, warnings_for
from core.finetune.data.near import Near, near_pictures, near_sentences
from core.finetune.parallel import Pair
from core.finetune.pictures import Pictures

HIDDEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Report:
    """counts: class (or language) -> (training, validation) items. duplicates: names (or numbers of lines) left out
    because the same content came before. conflicts: the same content under two labels, left out everywhere.
    unreadable: file (or number of a line) that was left out, and why. warnings: what is used, but may disappoint.
    understood: how the files were read, in sentences, so that a wrong guess is seen. choices: the columns of a table,
    or the levels of folders that could be the classes. chosen: the numbers of the two columns, or of the level."""

    counts: dict[str, tuple[int, int]]
    duplicates: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, SidelightError], ...] = ()
    warnings: tuple[SidelightError, ...] = ()
    understood: tuple[SidelightError, ...] = ()
    choices: tuple[str, ...] = ()
    chosen: tuple[int, ...] = ()

    def divided(
        self, counts: dict[str, tuple[int, int]], before: Sequence[SidelightError], now: Sequence[SidelightError]
    ) -> "Report":
        """The same of other parts. before, now: what was and is to be warned of their sizes."""
        old = {warning.code for warning in before}
        rest = [warning for warning in self.warnings if warning.code not in old]
        return replace(self, counts=counts, warnings=(*now, *rest))


@dataclass(frozen=True)
class PictureData:
    """digest: SHA-256 of both parts (`picture_digest`)."""

    train: Pictures
    held_out: Pictures
    report: Report
    digest: str

    def write(self, folder: Path) -> dict[str, object]:
        """`pictures.safetensors`, and what else `data.json` says."""
        tensors = {
            f"{part}_{name}": value.contiguous()
            for part, pictures in (("train", self.train), ("held_out", self.held_out))
            for name, value in (("images", pictures.images), ("labels", pictures.labels))
        }
        save_file(tensors, folder / ".unfinished")
        os.replace(folder / ".unfinished", folder / "pictures.safetensors")
        return {"kind": "pictures", "classes": self.train.classes}

    def kinds(self) -> tuple[str, ...]:
        """What each item is of, training items first: each kind has its share in both parts."""
        return tuple(self.train.classes[n] for part in (self.train, self.held_out) for n in part.labels.tolist())

    def near(self) -> Near:
        """The items that are near each item, training items first."""
        images = torch.cat([self.train.images, self.held_out.images])
        return near_pictures(images, images)

    def divided(self, train: Sequence[int], held_out: Sequence[int]) -> "PictureData":
        """The same items in other parts, by their numbers, training items first."""
        images, labels = (
            torch.cat([getattr(part, name) for part in (self.train, self.held_out)]) for name in ("images", "labels")
        )
        classes = self.train.classes
        parts = [Pictures(images[list(n)], labels[list(n)], classes, "") for n in (train, held_out)]
        digest = picture_digest(*parts)
        first, second = (replace(part, digest=digest) for part in parts)
        sizes = [[int((part.labels == n).sum()) for part in parts] for n in range(len(classes))]
        counts = {name: (size[0], size[1]) for name, size in zip(classes, sizes, strict=True)}
        before, now = warnings_for(self.report.counts), warnings_for(counts)
        return PictureData(first, second, self.report.divided(counts, before, now), digest)

    def mended(self, right: Mapping[int, str]) -> "PictureData":
        """The same with other classes for some of the held-out pictures, by their numbers."""
        labels, classes = self.held_out.labels.clone(), self.train.classes
        for item, name in right.items():
            labels[item] = classes.index(name)
        held_out = replace(self.held_out, labels=labels)
        counts = {
            name: (self.report.counts[name][0], int((labels == label).sum())) for label, name in enumerate(classes)
        }
        digest = picture_digest(self.train, held_out)
        return PictureData(self.train, held_out, replace(self.report, counts=counts), digest)


@dataclass(frozen=True)
class PairData:
    """digest: SHA-256 of both parts (`pair_digest`)."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    report: Report
    digest: str

    @property
    def language(self) -> str:
        return self.train[0].language

    def write(self, folder: Path) -> dict[str, object]:
        """`pairs.tsv`, and what else `data.json` says."""
        text = io.StringIO(newline="")
        table = csv.writer(text, "excel-tab", lineterminator="\n")
        for part, pairs in (("train", self.train), ("held_out", self.held_out)):
            table.writerows((part, p.origin, p.language, p.source, p.target) for p in pairs)
        _write(folder / "pairs.tsv", text.getvalue())
        return {"kind": "pairs"}

    def kinds(self) -> tuple[str, ...]:
        """As of pictures: all of one kind."""
        return (self.language,) * (len(self.train) + len(self.held_out))

    def near(self) -> Near:
        sources = [pair.source for pair in (*self.train, *self.held_out)]
        return near_sentences(sources, sources)

    def divided(self, train: Sequence[int], held_out: Sequence[int]) -> "PairData":
        every = (*self.train, *self.held_out)
        first, second = (tuple(every[n] for n in numbers) for numbers in (train, held_out))
        before, now = few_pairs(len(self.train), len(self.held_out)), few_pairs(len(first), len(second))
        report = self.report.divided({self.language: (len(first), len(second))}, before, now)
        return PairData(first, second, report, pair_digest(first, second))

    def mended(self, right: Mapping[int, str]) -> "PairData":
        """The same with other targets for some of the held-out pairs, by their numbers."""
        held_out = tuple(
            replace(pair, target=right.get(number, pair.target)) for number, pair in enumerate(self.held_out)
        )
        return PairData(self.train, held_out, self.report, pair_digest(self.train, held_out))


def clean(text: str) -> str:
    """One line of composed, visible text: no control characters, none that turn the direction of reading."""
    if text.isascii() and text.isprintable():  # nearly all text, at a fifth of the time
        return " ".join(text.split())
    kept = re.sub("[\ud800-\udfff]", "\ufffd", HIDDEN.sub("", text))
    return unicodedata.normalize("NFC", " ".join(kept.split()))


def picture_digest(train: Pictures, held_out: Pictures) -> str:
    """SHA-256 over names of classes, sizes, labels and pixels of both parts, in their order."""
    found = hashlib.sha256(json.dumps(train.classes).encode())
    for part in (train, held_out):
        found.update(json.dumps(list(part.images.shape)).encode())
        found.update(part.labels.contiguous().numpy().astype("<i8").tobytes())
        found.update(part.images.contiguous().numpy().data)
    return found.hexdigest()


def pair_digest(train: Sequence[Pair], held_out: Sequence[Pair]) -> str:
    return hashlib.sha256(f"{parallel.digest(train)} {parallel.digest(held_out)}".encode()).hexdigest()


def is_uneven(folder: Path) -> bool:
    """Whether some class of a saved set is twice as large as another, so that its accuracy may hide the smaller one."""
    try:
        counts = json.loads((folder / "data.json").read_text("utf-8"))["report"]["counts"]
    except (OSError, ValueError, KeyError):  # a result that was sent on comes without its data
        return False
    sizes = [sum(parts) for parts in counts.values()]
    return max(sizes) > 2 * min(sizes)


def save(data: PictureData | PairData, folder: Path) -> None:
    """Write `pictures.safetensors` or `pairs.tsv`, and `data.json` last: without it nothing is loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.json").unlink(missing_ok=True)
    kind = data.write(folder)
    head = {"digest": data.digest, "report": _report_to_json(data.report), **kind}
    _write(folder / "data.json", json.dumps(head, indent=1) + "\n")


def load(folder: Path) -> PictureData | PairData:
    """What `save` wrote. Raises SidelightError `data.saved_damaged` where a file is missing or was changed."""
    try:
        head = json.loads((folder / "data.json").read_text("utf-8"))
        data = KINDS[head["kind"]](folder, head)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, csv.Error) as error:
        raise SidelightError("data.saved_damaged", folder=folder.name) from error
    if data.digest != head["digest"]:
        raise SidelightError("data.saved_damaged", folder=folder.name)
    return data


def _load_pictures(folder: Path, head: dict) -> PictureData:
    tensors, classes = load_file(folder / "pictures.safetensors"), tuple(head["classes"])
    train, held_out = (
        Pictures(tensors[f"{part}_images"], tensors[f"{part}_labels"], classes, head["digest"])
        for part in ("train", "held_out")
    )
    return PictureData(train, held_out, _report_from_json(head["report"]), picture_digest(train, held_out))


def _load_pairs(folder: Path, head: dict) -> PairData:
    parts: dict[str, list[Pair]] = {"train": [], "held_out": []}
    with (folder / "pairs.tsv").open(encoding="utf-8", newline="") as file:
        for part, origin, language, source, target in csv.reader(file, "excel-tab"):
            parts[part].append(Pair(source, target, language, origin))
    train, held_out = tuple(parts["train"]), tuple(parts["held_out"])
    return PairData(train, held_out, _report_from_json(head["report"]), pair_digest(train, held_out))


KINDS: dict[str, Callable[[Path, dict[str, Any]], PictureData | PairData]] = {
    "pictures": _load_pictures,
    "pairs": _load_pairs,
}


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(".unfinished")
    unfinished.write_text(text, "utf-8", newline="")
    os.replace(unfinished, path)


def _report_to_json(report: Report) -> dict[str, object]:
    return {
        "counts": report.counts,
        "duplicates": report.duplicates,
        "conflicts": report.conflicts,
        "unreadable": [(name, error.code, error.values) for name, error in report.unreadable],
        "warnings": [(error.code, error.values) for error in report.warnings],
        "understood": [(error.code, error.values) for error in report.understood],
        "choices": report.choices,
        "chosen": report.chosen,
    }


def _report_from_json(found: dict) -> Report:
    return Report(
        {name: (training, held_out) for name, (training, held_out) in found["counts"].items()},
        tuple(found["duplicates"]),
        tuple(found["conflicts"]),
        tuple((name, SidelightError(code, **values)) for name, code, values in found["unreadable"]),
        tuple(SidelightError(code, **values) for code, values in found["warnings"]),
        tuple(SidelightError(code, **values) for code, values in found.get("understood", ())),
        tuple(found.get("choices", ())),
        tuple(found.get("chosen", ())),
    )


def cut(total: int, share: float, least_training: int) -> int:
    """How many of `total` items validate: `share` of them, at least one, and `least_training` are left to train on."""
    return min(max(1, round(share * total)), total - least_training)


def shuffled(total: int, seed: int) -> list[int]:
    """0 .. total - 1 in an order of `seed` alone."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(seed)).tolist()
