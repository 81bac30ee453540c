"""What was found while data was checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import SidelightError


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


def report_to_json(report: Report) -> dict[str, object]:
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


def report_from_json(found: dict) -> Report:
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
