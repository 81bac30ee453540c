"""The sets that ship with the project (`assets/data/`): no bundled model was trained on any of it."""

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from core.errors import SidelightError
from core.finetune.data.dataset import PairData, PictureData, Report, pair_digest, picture_digest, shuffled
from core.finetune.data.enough import warnings_for
from core.finetune.parallel import Pair
from core.finetune.pictures import Pictures, read_pictures
from core.wording import ASSETS

FOLDER = ASSETS / "data"
EACH_LEAST, EACH_LIMIT, EACH_HELD_OUT = 2, 100, 50  # pictures of a class: to train on at least, at most; to validate
COUNT_LEAST = 10  # pairs to train on


@dataclass(frozen=True)
class Collection:
    """languages: what its English sentences are translated into. most: pairs of a language that can be trained on.
    held_out: other pairs, which validate."""

    file: str
    languages: tuple[str, ...]
    most: int
    held_out: int


COLLECTIONS = {
    "recipes": Collection("recipes.tsv", ("de", "fr", "cs", "zh"), most=200, held_out=100),
    "captions": Collection("captions.tsv.gz", ("de", "fr", "cs"), most=600, held_out=200),
}


@cache
def every_picture() -> Pictures:
    """All 150 of each class."""
    return read_pictures(FOLDER / "cifar10.tar.gz")


def bundled_classes() -> tuple[str, ...]:
    return every_picture().classes


def bundled_pictures(classes: Sequence[str], each: int, seed: int = 0) -> PictureData:
    """`each` training pictures of every class, and 50 others of it to validate, whichever other classes are chosen.

    Raises SidelightError `data.few_classes`, `data.unknown_class`, `data.each_limit`.
    """
    known = bundled_classes()
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise SidelightError("data.unknown_class", name=unknown[0], known=", ".join(known))
    chosen = tuple(name for name in known if name in classes)
    if len(chosen) < 2:
        raise SidelightError("data.few_classes", found=len(chosen))
    if not EACH_LEAST <= each <= EACH_LIMIT:
        raise SidelightError("data.each_limit", each=each, least=EACH_LEAST, limit=EACH_LIMIT)
    parts: tuple[list[int], list[int]] = ([], [])
    for label in (known.index(name) for name in chosen):
        numbers = (every_picture().labels == label).nonzero().flatten().tolist()
        order = [numbers[i] for i in shuffled(len(numbers), seed * len(known) + label)]
        parts[0].extend(order[EACH_HELD_OUT : EACH_HELD_OUT + each])
        parts[1].extend(order[:EACH_HELD_OUT])
    train, held_out = (_relabelled(numbers, chosen) for numbers in parts)
    digest = picture_digest(train, held_out)
    train, held_out = (Pictures(part.images, part.labels, chosen, digest) for part in (train, held_out))
    counts = {name: (each, EACH_HELD_OUT) for name in chosen}
    return PictureData(train, held_out, Report(counts, warnings=warnings_for(counts)), digest)


def _relabelled(numbers: Sequence[int], chosen: tuple[str, ...]) -> Pictures:
    every = every_picture()
    labels = torch.tensor([chosen.index(every.classes[every.labels[number]]) for number in numbers])
    return Pictures(every.images[numbers], labels, chosen, "")


@cache
def _lines(file: str) -> list[dict[str, str]]:
    """A collection's lines: language -> sentence."""
    data = (FOLDER / file).read_bytes()
    text = (gzip.decompress(data) if file.endswith(".gz") else data).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def bundled_pairs(collection: str, language: str, count: int, seed: int = 0) -> PairData:
    """`count` pairs to train on, and the same others to validate whatever `count` is.

    Raises SidelightError `data.unknown_collection`, `data.language`, `data.count_limit`.
    """
    if collection not in COLLECTIONS:
        raise SidelightError("data.unknown_collection", name=collection, known=", ".join(COLLECTIONS))
    offer = COLLECTIONS[collection]
    if language not in offer.languages:
        raise SidelightError("data.language", language=language, known=", ".join(offer.languages))
    if not COUNT_LEAST <= count <= offer.most:
        raise SidelightError("data.count_limit", count=count, least=COUNT_LEAST, limit=offer.most)
    lines = _lines(offer.file)
    pairs = [Pair(lines[i]["en"], lines[i][language], language) for i in shuffled(len(lines), seed)]
    train, held_out = tuple(pairs[offer.held_out : offer.held_out + count]), tuple(pairs[: offer.held_out])
    report = Report({language: (len(train), len(held_out))})
    return PairData(train, held_out, report, pair_digest(train, held_out))
