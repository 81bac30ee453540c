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
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from core.errors import SidelightError
from core.finetune import parallel
from core.finetune.data.caption_data import CaptionData, load_captions
from core.finetune.data.enough import few_pairs, warnings_for
from core.finetune.data.near import Near, near_pictures, near_sentences
from core.finetune.data.report import Report, report_from_json, report_to_json
from core.finetune.parallel import Pair
from core.finetune.pictures import Pictures
from core.finetune.texts import Texts

HIDDEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Labelled:
    """What data of labelled items have in common. Two parts can be `joined`, and one gives a `part` of itself."""

    train: Any
    held_out: Any
    report: Report
    digest: str

    @classmethod
    def of(cls, train: Any, held_out: Any, report: Report) -> Self:
        """The counts of the report are those of the parts."""
        sizes = [torch.bincount(part.labels, minlength=len(train.classes)).tolist() for part in (train, held_out)]
        counts = {name: (sizes[0][n], sizes[1][n]) for n, name in enumerate(train.classes)}
        return cls(train, held_out, replace(report, counts=counts), cls.digest_of(train, held_out))  # type: ignore[call-arg]

    def warned(self, warnings: tuple[SidelightError, ...]) -> Self:
        """With these warnings in its report."""
        return self.of(self.train, self.held_out, replace(self.report, warnings=warnings))

    @staticmethod
    def digest_of(train: Any, held_out: Any) -> str:
        """SHA-256 of both parts."""
        raise NotImplementedError

    def kinds(self) -> tuple[str, ...]:
        """What each item is of, training items first: each kind has its share in both parts."""
        return tuple(self.train.classes[n] for part in (self.train, self.held_out) for n in part.labels.tolist())

    def divided(self, train: Sequence[int], held_out: Sequence[int]) -> Self:
        """The same items in other parts, by their numbers, training items first."""
        every = self.train.joined(self.held_out)
        first, second = (every.part(torch.tensor(list(numbers))) for numbers in (train, held_out))
        found = self.of(first, second, self.report)
        before, now = warnings_for(self.report.counts), warnings_for(found.report.counts)
        return replace(found, report=self.report.divided(found.report.counts, before, now))  # type: ignore[type-var]

    def mended(self, right: Mapping[int, str]) -> Self:
        """The same with other classes for some of the held-out items, by their numbers."""
        labels, classes = self.held_out.labels.clone(), self.train.classes
        for item, name in right.items():
            labels[item] = classes.index(name)
        return self.of(self.train, replace(self.held_out, labels=labels), self.report)


@dataclass(frozen=True)
class PictureData(Labelled):
    """digest: SHA-256 of both parts (`picture_digest`)."""

    train: Pictures
    held_out: Pictures
    report: Report
    digest: str

    @staticmethod
    def digest_of(train: Pictures, held_out: Pictures) -> str:
        return picture_digest(train, held_out)

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

    def near(self) -> Near:
        """The items that are near each item, training items first."""
        images = torch.cat([self.train.images, self.held_out.images])
        return near_pictures(images, images)


@dataclass(frozen=True)
class TextData(Labelled):
    """digest: SHA-256 of both parts."""

    train: Texts
    held_out: Texts
    report: Report
    digest: str

    @staticmethod
    def digest_of(train: Texts, held_out: Texts) -> str:
        parts = [[part.classes, part.texts, part.labels.tolist()] for part in (train, held_out)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def write(self, folder: Path) -> dict[str, object]:
        """`texts.json`, and what else `data.json` says."""
        named = (("train", self.train), ("held_out", self.held_out))
        parts = {name: [part.texts, part.labels.tolist()] for name, part in named}
        _write(folder / "texts.json", json.dumps(parts, ensure_ascii=False))
        return {"kind": "texts", "classes": self.train.classes}

    def near(self) -> Near:
        texts = (*self.train.texts, *self.held_out.texts)
        return near_sentences(texts, texts)


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


Data = PictureData | PairData | TextData | CaptionData


def save(data: Data, folder: Path) -> None:
    """Write `pictures.safetensors`, `pairs.tsv` or `texts.json`, and `data.json` last: without it nothing is loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.json").unlink(missing_ok=True)
    kind = data.write(folder)
    head = {"digest": data.digest, "report": report_to_json(data.report), **kind}
    _write(folder / "data.json", json.dumps(head, indent=1) + "\n")


def load(folder: Path) -> Data:
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
    return PictureData(train, held_out, report_from_json(head["report"]), picture_digest(train, held_out))


def _load_pairs(folder: Path, head: dict) -> PairData:
    parts: dict[str, list[Pair]] = {"train": [], "held_out": []}
    with (folder / "pairs.tsv").open(encoding="utf-8", newline="") as file:
        for part, origin, language, source, target in csv.reader(file, "excel-tab"):
            parts[part].append(Pair(source, target, language, origin))
    train, held_out = tuple(parts["train"]), tuple(parts["held_out"])
    return PairData(train, held_out, report_from_json(head["report"]), pair_digest(train, held_out))


def _load_texts(folder: Path, head: dict) -> TextData:
    found, classes = json.loads((folder / "texts.json").read_text("utf-8")), tuple(head["classes"])
    parts = ((tuple(texts), torch.tensor(labels)) for texts, labels in (found["train"], found["held_out"]))
    train, held_out = (Texts(texts, labels, classes) for texts, labels in parts)
    return TextData.of(train, held_out, report_from_json(head["report"]))


KINDS: dict[str, Callable[[Path, dict[str, Any]], Data]] = {
    "pictures": _load_pictures,
    "pairs": _load_pairs,
    "texts": _load_texts,
    "captions": load_captions,
}


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(".unfinished")
    unfinished.write_text(text, "utf-8", newline="")
    os.replace(unfinished, path)


def cut(total: int, share: float, least_training: int) -> int:
    """How many of `total` items validate: `share` of them, at least one, and `least_training` are left to train on."""
    return min(max(1, round(share * total)), total - least_training)


def shuffled(total: int, seed: int) -> list[int]:
    """0 .. total - 1 in an order of `seed` alone."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(seed)).tolist()
