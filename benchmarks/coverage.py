"""Which families of models open and are traced rightly: python -m benchmarks.coverage [--part PART ...] [--only TEXT]

Each entry makes one small model of a family with random weights and real classes, opens it through the functions that
the pages call, and compares what is shown with the model itself. Needs no network.
"""

import argparse
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.errors import SidelightError

STATES = {
    "right": "traced, and equal to the model's own eager attention",
    "in part": "what is drawn is equal; it is said how many layers, such as those between channels, are not drawn",
    "untraced": "its answer is shown, its attention is said not to be captured",
    "refused": "refused in a sentence",
    "wrong": "shown, but untrue",
    "traceback": "an error that nobody worded",
}


class Wrong(Exception):
    """What is shown is not what the model does."""


class Untraced(Exception):
    """The model answers, but no attention of it is shown."""


class InPart(Exception):
    """What is drawn is right, and that some of its attention is not drawn is said."""


@dataclass(frozen=True)
class Entry:
    """check: passes where all is right; raises InPart, Untraced, Wrong, or what opening the model raises."""

    family: str
    name: str
    check: Callable[[], None]


@dataclass(frozen=True)
class Outcome:
    entry: Entry
    state: str
    note: str = ""


def outcome(entry: Entry) -> Outcome:
    try:
        entry.check()
    except InPart:
        return Outcome(entry, "in part")
    except Untraced:
        return Outcome(entry, "untraced")
    except Wrong as error:
        return Outcome(entry, "wrong", str(error))
    except SidelightError as error:
        return Outcome(entry, "refused", error.sentence())
    except Exception:  # counted and printed: that there is none is what is to be shown
        return Outcome(entry, "traceback", traceback.format_exc(limit=-2))
    return Outcome(entry, "right")


def parts() -> dict[str, Callable[[], Iterator[Entry]]]:
    from benchmarks import coverage_text, coverage_vision

    vision = {"transformers-vision": coverage_vision.transformers_entries, "timm": coverage_vision.timm_entries}
    return vision | coverage_text.PARTS


def main(arguments: Sequence[str] | None = None) -> None:
    every = parts()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="*", choices=every, default=list(every))
    parser.add_argument("--only", default="", help="entries whose name or family has this text")
    options = parser.parse_args(arguments)
    for part in options.part:
        entries = [entry for entry in every[part]() if options.only in f"{entry.family} {entry.name}"]
        found = []
        for entry in entries:
            found.append(outcome(entry))
            print(f"{found[-1].state:<10} {entry.family:<28} {entry.name}  {found[-1].note}", flush=True)
        counts = Counter(one.state for one in found)
        print(f"\n{part}: {len(found)}")
        for state, meaning in STATES.items():
            print(f"{counts[state]:>6}  {meaning}")


if __name__ == "__main__":
    from benchmarks import coverage  # the module that the entries know, not a second one called __main__

    coverage.main()
