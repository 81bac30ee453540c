"""What a job will take, before it starts: parameters counted on a copy of the model, time from steps measured on it."""

import contextlib
import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import torch
from torch import nn

from core.errors import SidelightError
from core.finetune import methods
from core.finetune.data.dataset import Data
from core.finetune.job import EVALUATIONS, Job, write_json
from core.finetune.learning import Judged
from core.finetune.methods import METHODS, Count
from core.finetune.sides import side
from core.models.catalogue import TaskName
from core.models.loading import mixed
from core.models.vision.heads import without_memory
from core.tasks import Model

MEASURED = 8  # items in a measured step
STEPS, ENOUGH = (3, 12), 1.0  # at least and at most so many are timed, until they took so many seconds together
OVERHEAD = 4.0  # seconds: loading the model, saving and measuring the result


@dataclass(frozen=True)
class Cost:
    """Seconds of one training item and of one evaluated item, measured on this machine: the median of `steps` steps.
    spread: how far the slowest and the fastest are from it, over it."""

    training: float
    evaluating: float
    spread: float = 0.0
    steps: int = 0


def copy_for(module: nn.Module, task: TaskName, method: str, classes: int, steps: int = 50, rank: int = 8) -> nn.Module:
    """A copy of a shared module, prepared for `method`."""
    return methods.adapt(side(task).prepare(copy.deepcopy(module), classes), task, method, steps, rank)


def counts(module: nn.Module, task: TaskName, classes: int, rank: int) -> dict[str, Count]:
    """How many parameters each method trains, of how many; without those that do not fit the model. Nothing is
    computed, and no memory is taken."""
    found, bare = {}, without_memory(module)
    for key in METHODS:
        with contextlib.suppress(SidelightError):  # the model lacks what the method changes
            found[key] = methods.count(copy_for(bare, task, key, classes, rank=rank))
    return found


def measure(model: Model, job: Job, data: Data) -> Cost:
    """Training steps and evaluations of a few items, after one of each that is not measured."""
    task = side(job.task).trial(model, job, data, MEASURED)
    items = task.batches(0)[0]
    steps, _ = side(job.task).passes(job, 1, 1, 1)
    training = _seconds(lambda: _step(task, items, job)) if steps else []
    task.module.eval()
    judging = _seconds(lambda: _judge(task, job), STEPS if not training else (1, 1))
    told = training or judging
    middle = statistics.median(told)
    spread = max(max(told) - middle, middle - min(told)) / middle
    return Cost(
        statistics.median(training) / len(items) if steps else 0.0,
        statistics.median(judging) / len(task.held_out),
        spread,
        len(told),
    )


def _step(task: Judged, items: Sequence[int], job: Job) -> None:
    with mixed(job.precision):
        loss, _ = task.loss(task.module.train(), items)
    loss.backward()


def _judge(task: Judged, job: Job) -> None:
    with torch.inference_mode(), mixed(job.precision):
        task.evaluate(task.module)


def _seconds(run: Callable[[], object], times: tuple[int, int] = STEPS) -> list[float]:
    """Of each time; the first, which makes what the others find, is left out."""
    run()
    found: list[float] = []
    least, most = times
    while len(found) < least or (sum(found) < ENOUGH and len(found) < most):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return found


@dataclass(frozen=True)
class Seconds:
    """Of a whole job, by the middle one of the measured steps, the fastest and the slowest. steps: how many."""

    usual: float
    least: float
    most: float
    steps: int


def seconds(cost: Cost, job: Job, data: Data) -> Seconds:
    """Of the whole job: the steps, the evaluations between them, what is measured before and after."""
    training, evaluated = side(job.task).passes(job, len(data.train), len(data.held_out), EVALUATIONS)
    moving = cost.training * training + cost.evaluating * evaluated
    least, most = (OVERHEAD + max(0.0, 1 + sign * cost.spread) * moving for sign in (-1, 1))
    return Seconds(OVERHEAD + moving, least, most, cost.steps)


def updates(job: Job, training: int) -> int:
    """How often the weights will be moved: exactly for pictures and texts; sentence pairs are put into batches by
    their length, so that there may be fewer."""
    return job.epochs * -(-training // job.batch)


def crowd() -> float:
    """How many that want a core there are for each core, this minute: above 1 everything takes longer."""
    return psutil.getloadavg()[0] / (psutil.cpu_count() or 1)


def note(folder: Path, told: Seconds) -> None:
    """Beside the run, to be compared with what it took."""
    write_json(folder / "expected.json", asdict(told))


def noted(folder: Path) -> Seconds | None:
    """None for a run that was begun without, as by the command."""
    path = folder / "expected.json"
    return Seconds(**json.loads(path.read_text("utf-8"))) if path.exists() else None
