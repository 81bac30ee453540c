"""Items of classes, whatever they are: whether there are enough of each, and which of them validate."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from core.errors import SidelightError
from core.finetune.data.dataset import cut, shuffled
from core.finetune.data.enough import TRAINING
from core.finetune.data.layouts import Part

SEEDS = 100  # so far apart are the draws of two seeds

Item = TypeVar("Item")


def check_classes(groups: Mapping[str, Sequence[object]], limit: int) -> None:
    """Raises SidelightError `data.few_classes`, `data.many_classes`, `data.too_few`."""
    if len(groups) < 2:
        raise SidelightError("data.few_classes", found=len(groups))
    if len(groups) > limit:
        raise SidelightError("data.many_classes", found=len(groups), limit=limit)
    short = [f"{label} ({len(group)})" for label, group in groups.items() if len(group) <= TRAINING]
    if short:
        more = " …" if len(short) > 5 else ""
        raise SidelightError("data.too_few", names=", ".join(short[:5]) + more, least=TRAINING + 1)


def split(
    groups: Mapping[str, Sequence[tuple[Item, Part | None]]], seed: int, share: float
) -> tuple[list[Item], list[Item]]:
    """(training, validation): the person's own parts where items have some, or a share of each class. Raises
    SidelightError `data.split_few` where a class lacks one of the person's parts."""
    train: list[Item] = []
    held_out: list[Item] = []
    for number, (label, group) in enumerate(groups.items()):
        if any(part for _, part in group):
            first = [item for item, part in group if part == "train"]
            second = [item for item, part in group if part == "held_out"]
            if len(first) < TRAINING or not second:
                raise SidelightError(
                    "data.split_few", name=label, train=len(first), held_out=len(second), least=TRAINING
                )
        else:
            items = [item for item, _ in group]
            order = shuffled(len(items), seed * SEEDS + number)
            count = cut(len(items), share, TRAINING)
            first, second = [items[i] for i in order[count:]], [items[i] for i in order[:count]]
        train += first
        held_out += second
    return train, held_out
