"""The sets that ship with the project (`assets/data/`): no bundled model was trained on any of it."""

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from core.errors import SidelightError
from core.finetune.data.dataset import (
    PairData,
    PictureData,
    TextData,
    pair_digest,
    picture_digest,
    shuffled,
)
from core.finetune.data.enough import warnings_for
from core.finetune.data.report import Report
from core.finetune.parallel import Pair
from core.finetune.pictures import Pictures, read_pictures
from core.finetune.texts import Texts, unmarked
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


def texts_of(kind: str) -> dict[str, list[str]]:
    """The texts of each class of a bundled set: what is to be told apart is in the texts themselves. Which line a class
    has is never another's, so that no sentence stands beside its translation.

    Raises SidelightError `data.unknown_collection`.
    """
    if kind not in TEXT_KINDS:
        raise SidelightError("data.unknown_collection", name=kind, known=", ".join(TEXT_KINDS))
    return TEXT_KINDS[kind]()


def _questions() -> dict[str, list[str]]:
    """Without marks, so that words and their order alone tell."""
    lines = [line["en"] for line in _lines("everyday.tsv")]
    asked = [line.endswith("?") for line in lines]
    return {
        name: [unmarked(line) for line, one in zip(lines, asked, strict=True) if one is asks]
        for name, asks in (("question", True), ("statement", False))
    }


def _kinds() -> dict[str, list[str]]:
    sources = {"caption": "captions.tsv.gz", "everyday": "everyday.tsv", "recipe": "recipes.tsv"}
    return {name: [line["en"] for line in _lines(file)] for name, file in sources.items()}


def _tongues() -> dict[str, list[str]]:
    lines, codes = _lines("captions.tsv.gz"), COLLECTIONS["captions"].languages
    return {code: [line[code] for line in lines[n :: len(codes) + 1]] for n, code in enumerate(("en", *codes))}


TEXT_KINDS = {"kind": _kinds, "question": _questions, "language": _tongues}
TEXT_LEAST, TEXT_HELD_OUT = 5, 40  # texts of a class: to train on at least; to validate


def most_texts(kind: str) -> int:
    """How many of a class can be trained on."""
    return min(map(len, texts_of(kind).values())) - TEXT_HELD_OUT


def bundled_texts(kind: str, each: int, seed: int = 0) -> TextData:
    """`each` training texts of every class, and the same 40 others of it to validate whatever `each` is.

    Raises SidelightError `data.unknown_collection`, `data.each_limit`.
    """
    groups = {name: list(dict.fromkeys(texts)) for name, texts in texts_of(kind).items()}
    if not TEXT_LEAST <= each <= most_texts(kind):
        raise SidelightError("data.each_limit", each=each, least=TEXT_LEAST, limit=most_texts(kind))
    parts: tuple[list[str], list[str]] = ([], [])
    for number, texts in enumerate(groups.values()):
        chosen = [texts[i] for i in shuffled(len(texts), seed * len(groups) + number)]
        parts[0].extend(chosen[TEXT_HELD_OUT : TEXT_HELD_OUT + each])
        parts[1].extend(chosen[:TEXT_HELD_OUT])
    train, held_out = (
        Texts(tuple(part), torch.arange(len(groups)).repeat_interleave(len(part) // len(groups)), tuple(groups))
        for part in parts
    )
    return TextData.of(train, held_out, Report({}))
