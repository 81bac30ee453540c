"""A fine-tuning job as a folder: what is to be learnt (`job.json`), how far it is (`state.json`), what is asked of it.

One process at a time works on a run and writes its state; others only leave a `request` for it. Every file is written
beside its place and renamed into it, so that a reader never sees half of one.
"""

import json
import os
import random
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.finetune.methods import METHODS
from core.models.catalogue import TaskName
from core.models.loading import precisions
from core.tasks import TASKS

State = Literal["queued", "running", "paused", "cancelled", "failed", "finished"]
Stage = Literal["", "loading", "before", "training", "saving", "measuring"]
Request = Literal["pause", "finish", "cancel"]
MOVING: tuple[State, ...] = ("queued", "running")  # those that somebody waits for
EVALUATIONS = 6  # of a run, about


@dataclass(frozen=True)
class Job:
    """What is to be learnt, from which base, and how. The data lies beside it, in `data/`.

    title: of the data, as a person would name it. batch: pictures, sentence pairs or texts. even: whether each class
    counts alike, however few items it has. grouped: whether near duplicates were brought to one side of the split.
    side: of a picture, px. probe: the sentence that is read on the way (of a picture task the probe is
    `film/probe.png`). owner: who asked for it. sweep: the name that the runs of a sweep share (`sweep.py`), or empty.
    """

    task: TaskName
    method: str
    base: str
    title: str
    epochs: int
    rate: float
    batch: int = 32
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    smoothing: float = 0.1
    varied: bool = True
    even: bool = False
    grouped: bool = False
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    patience: int = 0
    rank: int = 8
    side: int = 112
    probe: str = ""
    owner: str = ""
    sweep: str = ""


def default_job(task: TaskName, method: str, seed: int = 0, **changes: Any) -> Job:
    """The bundled model of the task, with the settings that suit the method and this machine."""
    kind = METHODS[method]
    settings: dict[str, Any] = {
        "base": TASKS[task].base,
        "title": task,
        "epochs": kind.epochs[task],
        "rate": kind.rate[task],
        "batch": TASKS[task].batch,
        "precision": precisions()[0],
        "seed": seed,
    }
    return Job(task=task, method=method, **settings | changes)


@dataclass(frozen=True)
class Status:
    """Where a run stands. error: code of a SidelightError and its values, or None. Times: seconds since the epoch."""

    state: State
    stage: Stage = ""
    queued: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    error: tuple[str, dict[str, Any]] | None = None


def new_run(root: Path, job: Job, number: int = 0) -> Path:
    """An empty folder for the job; it is not queued yet, so that its data can be put there first. number: of the job
    in its sweep, if it is of one."""
    when, mark = time.strftime("%Y%m%d-%H%M%S"), f"{random.SystemRandom().randrange(16**4):04x}"
    if job.sweep:
        when, mark = job.sweep[: len(when)], f"{job.sweep[-4:]}-{number:02d}"
    folder = root / f"{when}-{job.method}-{mark}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if job.sweep:
            raise
        return new_run(root, job)  # another run of this second drew the same mark
    write_json(folder / "job.json", asdict(job))
    return folder


def read_job(folder: Path) -> Job:
    return Job(**json.loads((folder / "job.json").read_text("utf-8")))


def status(folder: Path) -> Status:
    """Raises FileNotFoundError for a folder that was never queued."""
    found = json.loads((folder / "state.json").read_text("utf-8"))
    return Status(**found)


def set_status(folder: Path, state: State, **changes: Any) -> Status:
    """Change the state and what is named; keep the rest."""
    path = folder / "state.json"
    now = replace(status(folder) if path.exists() else Status(state), state=state, **changes)
    write_json(path, asdict(now))
    return now


def ask(folder: Path, request: Request) -> None:
    write_text(folder / "request", request)


def asked(folder: Path) -> Request | None:
    path = folder / "request"
    return path.read_text("utf-8") if path.exists() else None  # type: ignore[return-value]


def answered(folder: Path) -> None:
    (folder / "request").unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, "utf-8")
    os.replace(unfinished, path)
