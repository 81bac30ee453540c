"""The split by group: items that are nearly the same (`near.py`) lie on one side of it, so that what is held out is
new to whoever learnt the rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from core.errors import SidelightError
from core.finetune.data.dataset import Data
from core.finetune.data.enough import TRAINING
from core.finetune.data.near import groups, is_near


def is_offered(data: Data) -> bool:
    """Whether near duplicates were found on both sides of a split that is not the person's own."""
    own = any(sentence.code == "data.read_split" for sentence in data.report.understood)
    return any(map(is_near, data.report.warnings)) and not own


def grouped(data: Data) -> Data:
    """The same items, each group of near ones whole in one part, and of each kind as many held out as before, or
    nearly. Items without a near one in the other part stay where they are.

    Raises SidelightError `data.one_group` where a part would be left without any of a kind.
    """
    kinds, first = data.kinds(), len(data.train)
    members: dict[int, list[int]] = {}
    for item, group in enumerate(groups(data.near(), len(kinds)).tolist()):
        members.setdefault(group, []).append(item)
    parted = [items for items in members.values() if items[0] < first <= items[-1]]
    held_out = set(range(first, len(kinds))).difference(*parted)
    held_out.update(*_chosen(parted, kinds, held_out, Counter(kinds[first:])))
    train = [item for item in range(len(kinds)) if item not in held_out]
    found = data.divided(train, sorted(held_out))
    said = SidelightError("data.read_grouped", count=sum(map(len, parted)), groups=len(parted))
    warnings = tuple(warning for warning in found.report.warnings if not is_near(warning))
    return replace(found, report=replace(found.report, warnings=warnings, understood=(*found.report.understood, said)))


def _chosen(
    parted: Sequence[list[int]], kinds: Sequence[str], held_out: set[int], wanted: Counter[str]
) -> list[list[int]]:
    """The groups to hold out, beside what is held out anyway, so that of each kind as many are as `wanted`, or nearly:
    a group is taken if that brings them nearer, or if there would be none."""
    every, now, chosen = Counter(kinds), Counter(kinds[item] for item in held_out), list[list[int]]()
    counts = [Counter(kinds[item] for item in items) for items in parted]

    def fits(more: Counter[str]) -> bool:
        return all(every[kind] - now[kind] - count >= TRAINING for kind, count in more.items())

    def gain(more: Counter[str]) -> int:
        return sum(abs(now[k] - wanted[k]) - abs(now[k] + n - wanted[k]) for k, n in more.items())

    for items, more in zip(parted, counts, strict=True):
        if fits(more) and gain(more) > 0:
            chosen.append(items)
            now += more
    for kind in wanted:
        if not now[kind]:
            some = [n for n, more in enumerate(counts) if more[kind] and fits(more)]
            if not some:
                raise SidelightError("data.one_group")
            least = min(some, key=lambda n: len(parted[n]))
            chosen.append(parted[least])
            now += counts[least]
    return chosen
