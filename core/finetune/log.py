"""What a run writes line by line while it learns: its events (`log.jsonl`) and what it answered (`probes.jsonl`).

A kill may cut the last line off, and what is appended next would join it. Whoever appends takes such a rest away
first, and whoever reads leaves out what is no line of JSON.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """After `step` updates. loss: mean over the batch. seconds: since the run began, pauses left out.

    terms: what the loss is a mean of (tokens, images). memory: most that the process has held so far, MB.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    rate: float
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    terms: int = 0
    memory: float = 0.0


def read_log(folder: Path) -> list[Event]:
    """The events of a run so far; a record that is none is left out."""
    return [event for line in read_lines(folder / "log.jsonl") if (event := _event(line))]


def _event(line: dict[str, Any]) -> Event | None:
    try:
        found = Event(**line)
    except TypeError:
        return None
    numbers = (found.step, found.steps, found.loss, found.rate, found.seconds, found.memory)
    return found if all(isinstance(number, int | float) for number in numbers) else None


def write_log(folder: Path, events: Iterable[Event]) -> None:
    write_lines(folder / "log.jsonl", (asdict(event) for event in events))


def log_event(folder: Path, event: Event) -> None:
    append_line(folder / "log.jsonl", asdict(event))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file of JSON lines, without what a kill cut off; none where there is no file."""
    whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = []
    for line in whole:
        with suppress(ValueError, RecursionError):  # cut off by a kill, and joined by the line after it; or rubbish
            found.append(json.loads(line))
    return [record for record in found if isinstance(record, dict)]


def append_line(path: Path, record: dict[str, Any]) -> None:
    with path.open("a+b") as file:
        _cut_rest(file.fileno())
        file.write(_line(record))


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """The file with these records alone, renamed into its place."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(b"".join(map(_line, records)))
    os.replace(unfinished, path)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _cut_rest(file: int) -> None:
    """Shorten an open file to its last whole line."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.ftruncate(file, os.pread(file, size, 0).rfind(b"\n") + 1)
