"""A sweep from the command line: a worker of its own serves the queue, this process looks on and prints."""

import argparse
import json
import time
from pathlib import Path

from core.errors import SidelightError
from core.finetune import data as sets
from core.finetune import estimate, sweep, worker
from core.finetune.data.dataset import Data
from core.finetune.job import MOVING, Job
from core.finetune.sweep import Row, Sweep
from core.tasks import TASKS

GLANCE = 0.5  # seconds between two looks


def begun(given: argparse.Namespace, job: Job, found: Data) -> Sweep:
    """A new sweep in the queue; how long it will take is printed before. Raises SidelightError."""
    methods = given.methods or [job.method]
    rates = dict.fromkeys(methods, given.rates) if given.rates else sweep.rates_of(job, methods, given.times or [1.0])
    jobs = sweep.grid(job, rates, given.seeds or [job.seed])
    print(f"{len(jobs)} runs, about {estimated(jobs, found) / 60:.0f} min on this machine", flush=True)
    return sweep.start(jobs, lambda folder: sets.save(found, folder / "data"))


def estimated(jobs: list[Job], found: Data) -> float:
    """Seconds that all will take one after another, from a step of each method measured here."""
    model = TASKS[jobs[0].task].load(jobs[0].base)
    costs = {job.method: job for job in jobs}
    measured = {method: estimate.measure(model, job, found) for method, job in costs.items()}
    return sum(estimate.seconds(measured[job.method], job, found).usual for job in jobs)


def resumed(name: str) -> Sweep:
    """A sweep that was stopped, with its rest in the queue again. Raises SidelightError `training.no_sweep`."""
    found = sweep.sweeps().get(name)
    if found is None:
        raise SidelightError("training.no_sweep", name=name)
    sweep.resume(found)
    return found


def watch(found: Sweep) -> None:
    """Until all its runs have ended, or Ctrl-C, which pauses what has not."""
    print(f"{found.name}: begins (go on with a sweep that was stopped by --sweep {found.name})", flush=True)
    serving, told = worker.start_worker(), set[Path]()
    try:
        moving = True
        while moving:
            time.sleep(GLANCE)
            rows = sweep.rows(found)
            moving = any(row.state in MOVING for row in rows)
            for row in rows:
                if row.state not in MOVING and row.run not in told:
                    told.add(row.run)
                    print(json.dumps(_line(row)), flush=True)
    except KeyboardInterrupt:
        print(f"{found.name}: pauses after this step", flush=True)
        sweep.pause(found)
        while any(worker.state_of(run).state in MOVING for run in found.runs):
            time.sleep(GLANCE)
    finally:
        serving.communicate()  # closes what it reads, so that it ends
    for line in table(found):
        print(line)
    print(f"tensorboard --logdir {sweep.tracking(found)}")


def table(found: Sweep) -> list[str]:
    """What each method and rate came to: the main measure with its interval over seeds, seconds, memory, parameters."""
    metric, lines = TASKS[found.first.task].main, []
    for group in sweep.groups(sweep.rows(found)):
        quality = group.quality[metric.key]
        half = f" ± {metric.points(quality.half):.1f} (95% t interval)" if quality.half is not None else ""
        cost = f"{group.seconds:.0f} s, {group.peak_mb:.0f} MB, {group.trainable:,} parameters"
        forgot = "".join(f", {name} {change:+.2f}" for name, change in group.forgetting.items())
        which = f"{group.method} at {group.rate:g}, seeds {list(group.seeds)}"
        lines.append(f"{which}: {metric.key} {metric.shown(quality.mean)}{half}, {cost}{forgot}")
    return lines


def _line(row: Row) -> dict[str, object]:
    job = {name: getattr(row.job, name) for name in ("method", "rate", "seed")}
    return {"run": row.run.name, **job, "state": row.state, **(row.result.metrics if row.result else {})}
