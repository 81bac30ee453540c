"""What a finished model answered for every held-out item, kept beside its result, so that each error can be looked
at."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.finetune.job import write_json

FILE = "answers.json"


@dataclass(frozen=True)
class Answer:
    """item: its number among the held-out ones. output: what the model said, of which `reference` would have been
    right. fault: how much an error weighs, 0 to 1: of a class the probability that it was given, of a translation what
    its chrF lacks."""

    item: int
    reference: str
    output: str
    fault: float

    @property
    def is_wrong(self) -> bool:
        return self.output != self.reference


def write(run: Path, answers: Sequence[Answer]) -> None:
    write_json(run / FILE, [asdict(answer) for answer in answers])


def read(run: Path) -> list[Answer] | None:
    """None where they were not kept: of a result that was brought back, and of runs before they were."""
    try:
        return [Answer(**one) for one in json.loads((run / FILE).read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def errors(answers: Sequence[Answer], taken: tuple[str, str] | None = None) -> list[Answer]:
    """The wrong ones, the heaviest first. taken: only those of this class that were taken for that one."""
    wrong = [one for one in answers if one.is_wrong and taken in (None, (one.reference, one.output))]
    return sorted(wrong, key=lambda one: -one.fault)


def confusion(answers: Sequence[Answer], classes: Sequence[str]) -> list[list[int]]:
    """How many of each class (rows) were taken for each class (columns)."""
    place = {name: number for number, name in enumerate(classes)}
    found = [[0] * len(classes) for _ in classes]
    for one in answers:
        found[place[one.reference]][place[one.output]] += 1
    return found
