"""Make the bundled sets again from the full data: python -m core.finetune.data.extract --data FOLDER --to assets/data

Only what the bundled models were not trained on is taken: pictures that `core.finetune.classify` held out, captions and
everyday sentences of the validation parts. `recipes.tsv` beside them was written by hand.
"""

import argparse
import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import torch

from core.finetune.classify import HELD_OUT
from core.finetune.parallel import read_lines
from core.finetune.pictures import Pictures
from core.finetune.texts import asks

EACH = 150  # pictures of a class
CAPTIONS = ("en", "de", "fr", "cs")
EVERYDAY = 600  # sentences


def pictures(source: Path, target: Path) -> None:
    """Files of `source` (.tar.gz) that were held out, as they are; a picture that stands there twice is left out."""
    with tarfile.open(source) as archive:
        files = {m.name: file.read() for m in archive if (file := archive.extractfile(m))}
    names = sorted(files)
    classes = tuple(sorted({PurePosixPath(name).parent.name for name in names}))
    labels = torch.tensor([classes.index(PurePosixPath(name).parent.name) for name in names])
    numbers = Pictures(torch.arange(len(names)), labels, classes, "")  # numbers where the pictures were
    _, held_out = numbers.split(HELD_OUT, seed=0)
    chosen, seen = [], set()
    for label in range(len(classes)):
        fresh: list[str] = []
        for name in (names[int(number)] for number in held_out.images[held_out.labels == label]):
            key = hashlib.sha256(files[name]).digest()
            if key not in seen and len(fresh) < EACH:
                seen.add(key)
                fresh.append(name)
        chosen += fresh
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in sorted(chosen):
            member = tarfile.TarInfo(str(PurePosixPath(*PurePosixPath(name).parts[-2:])))
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    target.write_bytes(gzip.compress(content.getvalue(), 9, mtime=0))


def captions(source: Path, target: Path) -> None:
    """The validation captions, a column a language."""
    columns = [[language, *read_lines(source / f"val.{language}.gz")] for language in CAPTIONS]
    lines = ["\t".join(cell.strip() for cell in row) + "\n" for row in zip(*columns, strict=True)]
    target.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))


def everyday(sources: Sequence[Path], target: Path) -> None:
    """English sentences of the validation parts that stand in no training part: all that ask, and others."""
    known = {line.strip() for source in sources for line in read_lines(source / "train.en.gz")}
    lines = {line.strip() for source in sources for line in read_lines(source / "val.en.gz")} - known
    asked = {line: asks(line) for line in sorted(lines)}
    questions, others = ([line for line, one in asked.items() if one is wanted] for wanted in (True, False))
    rest = random.Random(0).sample(others, EVERYDAY - len(questions))
    target.write_text("\n".join(["en", *sorted([*questions, *rest])]) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="holds cifar10/train.tar.gz, multi30k/, tatoeba-en-.../"
    )
    parser.add_argument("--to", type=Path, required=True, help="where the extracts go")
    options = parser.parse_args(arguments)
    pictures(options.data / "cifar10" / "train.tar.gz", options.to / "cifar10.tar.gz")
    captions(options.data / "multi30k", options.to / "captions.tsv.gz")
    everyday(sorted(options.data.glob("tatoeba-en-*")), options.to / "everyday.tsv")


if __name__ == "__main__":
    main()
