"""A sweep: methods x rates x seeds on the same data, each an ordinary run that carries the sweep's name.

So the queue, pausing, cancelling and results are those of any run, and what is finished stays when the rest is
cancelled. A grid of some dozens at most, every corner of which is wanted in the table, needs no search.
"""

import contextlib
import csv
import io
import math
import os
import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import SidelightError
from core.finetune import results, worker
from core.finetune.job import MOVING, Job, State, new_run, read_job
from core.finetune.methods import METHODS
from core.finetune.results import Result
from core.models.catalogue import runs_folder

MOST = 48  # runs
# Student's t at 97.5%, by degrees of freedom from 1 on: half of a 95% interval in standard errors.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
SEEDS = len(STUDENT) + 1  # at most


@dataclass(frozen=True)
class Sweep:
    """runs: oldest first."""

    name: str
    runs: tuple[Path, ...]

    @property
    def first(self) -> Job:
        return read_job(self.runs[0])


@dataclass(frozen=True)
class Row:
    """One run of a sweep. result: None before it is finished."""

    run: Path
    job: Job
    state: State
    result: Result | None


@dataclass(frozen=True)
class Spread:
    """A measure over seeds: its mean, and half the width of its 95% t interval (Student 1908); None for one seed."""

    mean: float
    half: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """values: 1 to SEEDS."""
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(statistics.fmean(values), None if error is None else STUDENT[len(values) - 2] * error)


@dataclass(frozen=True)
class Group:
    """The finished runs of one method and rate. quality: by measure. seconds: of training, the mean. peak_mb: the most.
    forgetting: by measure, the mean change."""

    method: str
    rate: float
    seeds: tuple[int, ...]
    quality: dict[str, Spread]
    seconds: float
    peak_mb: float
    trainable: int
    forgetting: dict[str, float]


def rates_of(job: Job, methods: Sequence[str], times: Sequence[float]) -> dict[str, list[float]]:
    """Of each method its own rate, or that of the job's method as the job has it, times each of these."""
    own = {method: job.rate if method == job.method else METHODS[method].rate[job.task] for method in methods}
    return {method: [float(f"{rate * factor:.3g}") for factor in times] for method, rate in own.items()}


def grid(job: Job, rates: dict[str, list[float]], seeds: Iterable[int]) -> list[Job]:
    """The job with each method at each of its rates with each seed; another method brings its own epochs. Raises
    SidelightError `training.sweep_size`."""
    seeds = list(dict.fromkeys(seeds))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-sweep-{random.SystemRandom().randrange(16**4):04x}"
    jobs = [
        replace(job, method=method, rate=rate, seed=seed, epochs=_epochs(job, method), sweep=name)
        for method, its in rates.items()
        for rate in dict.fromkeys(its)
        for seed in seeds
    ]
    if not 2 <= len(jobs) <= MOST or len(seeds) > SEEDS:
        raise SidelightError("training.sweep_size", count=len(jobs), most=MOST, seeds=SEEDS)
    return jobs


def _epochs(job: Job, method: str) -> int:
    return job.epochs if method == job.method else METHODS[method].epochs[job.task]


def start(jobs: Sequence[Job], fill: Callable[[Path], object]) -> Sweep:
    """A run of each job in the queue, in their order. fill: puts the data and the probe into the first one's folder;
    the others have the same files, which nobody changes, by a link. Raises SidelightError as `worker.check_room`."""
    worker.check_room(jobs[0].owner, len(jobs))
    runs: list[Path] = []
    try:
        for job in jobs:
            runs.append(new_run(runs_folder(), job, len(runs)))
            if len(runs) == 1:
                fill(runs[0])
            else:
                _link(runs[0], runs[-1])
    except BaseException:
        for run in runs:
            shutil.rmtree(run, ignore_errors=True)
        raise
    sweep = Sweep(jobs[0].sweep, tuple(runs))
    _track(sweep, jobs)
    for run in runs:
        worker.queue(run)
    return sweep


def tracking(sweep: Sweep) -> Path:
    """The folder that TensorBoard is given: links to what its runs tell, named by what they differ in."""
    return runs_folder() / ".sweeps" / sweep.name


def _track(sweep: Sweep, jobs: Sequence[Job]) -> None:
    place = tracking(sweep)
    place.mkdir(parents=True)
    for run, job in zip(sweep.runs, jobs, strict=True):
        name = f"{job.method}-{job.rate:g}-seed{job.seed}"
        (place / name).symlink_to(Path("../..") / run.name / "tracking")


def _link(first: Path, run: Path) -> None:
    for part in ("data", "film"):
        if (first / part).exists():
            shutil.copytree(first / part, run / part, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has links
        shutil.copy2(source, target)


def sweeps() -> dict[str, Sweep]:
    """Those that are here, by name, the newest first."""
    found: dict[str, list[Path]] = {}
    for run in worker.runs():
        with contextlib.suppress(OSError, ValueError, TypeError):  # deleted meanwhile
            if name := read_job(run).sweep:
                found.setdefault(name, []).append(run)
    return {name: Sweep(name, tuple(sorted(runs, key=_number))) for name, runs in found.items()}


def _number(run: Path) -> str:
    """As `new_run` ends its name."""
    return run.name.rpartition("-")[2]


def cancel(sweep: Sweep) -> None:
    """End what learns, waits or is paused; what is finished stays, and so does what failed, with its error."""
    for run in reversed(sweep.runs):  # what learns comes last, so that nothing begins in its place
        if worker.state_of(run).state in (*MOVING, "paused"):
            worker.request(run, "cancel")


def pause(sweep: Sweep) -> None:
    for run in reversed(sweep.runs):
        if worker.state_of(run).state in MOVING:
            worker.request(run, "pause")


def resume(sweep: Sweep) -> None:
    """Ask again for all that is not finished and does not move."""
    for run in sweep.runs:
        if worker.state_of(run).state not in (*MOVING, "finished"):
            worker.queue(run)


def rows(sweep: Sweep) -> list[Row]:
    """Its runs that are still here."""
    found = []
    for run in sweep.runs:
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Row(run, read_job(run), worker.state_of(run).state, results.read(run)))
    return found


def seconds_left(sweep: Sweep) -> float | None:
    """What is left if each run takes as long as those that are finished; None while none is."""
    found = [worker.state_of(run) for run in sweep.runs]
    took = [now.ended - now.started for now in found if now.state == "finished"]
    return statistics.fmean(took) * sum(now.state in MOVING for now in found) if took else None


def groups(found: Sequence[Row]) -> list[Group]:
    """What the finished runs of each method and rate came to, in the order of the runs."""
    parts: dict[tuple[str, float], list[tuple[Job, Result]]] = {}
    for row in found:
        if row.result:
            parts.setdefault((row.job.method, row.job.rate), []).append((row.job, row.result))
    return [_group(method, rate, part) for (method, rate), part in parts.items()]


def _group(method: str, rate: float, part: Sequence[tuple[Job, Result]]) -> Group:
    every = [result for _, result in part]
    forgotten = [forgetting(result) for result in every]
    return Group(
        method,
        rate,
        tuple(job.seed for job, _ in part),
        {name: Spread.of([result.metrics[name] for result in every]) for name in every[0].metrics},
        statistics.fmean(result.seconds for result in every),
        max(result.peak_mb for result in every),
        every[0].trainable,
        {name: statistics.fmean(one[name] for one in forgotten) for name in forgotten[0]},
    )


def forgetting(result: Result) -> dict[str, float]:
    """By measure, what it is after training less what it was before."""
    found = result.forgetting
    return {name: value - found["before"][name] for name, value in found["after"].items()} if found else {}


def as_csv(found: Sequence[Row]) -> str:
    """A line a run."""
    lines = [_line(row) for row in found]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for line in lines for name in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def _line(row: Row) -> dict[str, object]:
    job, result = row.job, row.result
    line: dict[str, object] = {
        "run": row.run.name,
        "state": row.state,
        **{name: getattr(job, name) for name in ("base", "method", "rate", "seed", "epochs", "batch", "rank")},
    }
    if result:
        line |= result.metrics
        line |= {name: getattr(result, name) for name in ("seconds", "peak_mb", "trainable", "parameters", "data")}
        for when, measures in result.forgetting.items():
            line |= {f"{name}_{when}": value for name, value in measures.items()}
    return line
