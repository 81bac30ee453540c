"""Pictures with captions that have been checked, as `dataset.py` keeps the other kinds."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file

from core.finetune.captioned import Captioned
from core.finetune.data.enough import few_captions
from core.finetune.data.near import Near, near_pictures
from core.finetune.data.report import Report, report_from_json

FILE = "pictures.safetensors"


@dataclass(frozen=True)
class CaptionData:
    """language: of the captions, a key of `eyes.TAGS`; empty for a model that writes one. digest: SHA-256 of both
    parts."""

    train: Captioned
    held_out: Captioned
    language: str
    report: Report
    digest: str

    @classmethod
    def of(cls, train: Captioned, held_out: Captioned, language: str, report: Report) -> Self:
        """The counts of the report are those of the parts."""
        counts = {language or "captions": (len(train), len(held_out))}
        digest = hashlib.sha256(json.dumps([language, train.captions, held_out.captions]).encode())
        for part in (train, held_out):
            digest.update(json.dumps(list(part.images.shape)).encode())
            digest.update(part.images.contiguous().numpy().data)
        return cls(train, held_out, language, replace(report, counts=counts), digest.hexdigest())

    def write(self, folder: Path) -> dict[str, object]:
        """`pictures.safetensors`, and what else `data.json` says."""
        images = {"train": self.train.images.contiguous(), "held_out": self.held_out.images.contiguous()}
        save_file(images, folder / ".unfinished")
        os.replace(folder / ".unfinished", folder / FILE)
        captions = {"train": self.train.captions, "held_out": self.held_out.captions}
        return {"kind": "captions", "language": self.language, "captions": captions}

    def kinds(self) -> tuple[str, ...]:
        """As of pictures: all of one kind."""
        return (self.language,) * (len(self.train) + len(self.held_out))

    def near(self) -> Near:
        images = torch.cat([self.train.images, self.held_out.images])
        return near_pictures(images, images)

    def divided(self, train: Sequence[int], held_out: Sequence[int]) -> "CaptionData":
        every = self.train.joined(self.held_out)
        first, second = (every.part(torch.tensor(list(numbers))) for numbers in (train, held_out))
        before, now = few_captions(len(self.train), len(self.held_out)), few_captions(len(first), len(second))
        return self.of(first, second, self.language, self.report.divided({}, before, now))

    def mended(self, right: Mapping[int, str]) -> "CaptionData":
        """The same with another caption for some of the held-out pictures, by their numbers."""
        captions = ((right[n],) if n in right else known for n, known in enumerate(self.held_out.captions))
        held_out = replace(self.held_out, captions=tuple(captions))
        return self.of(self.train, held_out, self.language, self.report)


def load_captions(folder: Path, head: dict[str, Any]) -> CaptionData:
    """What `write` wrote. Raises what reading does."""
    images = load_file(folder / FILE)
    train, held_out = (
        Captioned(images[part], tuple(map(tuple, head["captions"][part]))) for part in ("train", "held_out")
    )
    if any(len(part.images) != len(part) for part in (train, held_out)):
        raise ValueError("a picture without captions, or captions without a picture")
    return CaptionData.of(train, held_out, head["language"], report_from_json(head["report"]))
