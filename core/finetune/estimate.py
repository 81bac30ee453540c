"""What a job will take, before it starts: parameters counted on a copy of the model, time from steps measured on it."""

import contextlib
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from core.finetune import methods
from core.finetune.data.dataset import PairData, PictureData
from core.finetune.job import EVALUATIONS, Job
from core.finetune.learning import Judged
from core.finetune.methods import METHODS, Count
from core.finetune.sides import side
from core.models.catalogue import TaskName
from core.models.loading import mixed
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.models.vision.heads import without_memory

MEASURED = 8  # items in a measured step
OVERHEAD = 4.0  # seconds: loading the model, saving and measuring the result


@dataclass(frozen=True)
class Cost:
    """Seconds of one training item and of one evaluated item, measured on this machine."""

    training: float
    evaluating: float


def copy_for(module: nn.Module, task: TaskName, method: str, classes: int, steps: int = 50, rank: int = 8) -> nn.Module:
    """A copy of a shared module, prepared for `method`."""
    return methods.adapt(side(task).prepare(copy.deepcopy(module), classes), task, method, steps, rank)


def counts(module: nn.Module, task: TaskName, classes: int, rank: int) -> dict[str, Count]:
    """How many parameters each method trains, of how many; without those that do not fit the model. Nothing is
    computed, and no memory is taken."""
    found, bare = {}, without_memory(module)
    for key in METHODS:
        # Ours and peft's word for a model that lacks what the method changes.
        with contextlib.suppress(ValueError, AttributeError):
            found[key] = methods.count(copy_for(bare, task, key, classes, rank=rank))
    return found


def measure(model: VisionModel | Translator, job: Job, data: PictureData | PairData) -> Cost:
    """One training step and one evaluation of a few items, each after an unmeasured one."""
    task = side(job.task).trial(model, job, data, MEASURED)
    items = task.batches(0)[0]
    steps, _ = side(job.task).passes(job, 1, 1, 1)
    training = _seconds(lambda: _step(task, items, job)) / len(items) if steps else 0.0
    task.module.eval()
    return Cost(training, _seconds(lambda: _judge(task, job)) / len(task.held_out))


def _step(task: Judged, items: Sequence[int], job: Job) -> None:
    with mixed(job.precision):
        loss, _ = task.loss(task.module.train(), items)
    loss.backward()


def _judge(task: Judged, job: Job) -> None:
    with torch.inference_mode(), mixed(job.precision):
        task.evaluate(task.module)


def _seconds(run: Callable[[], object]) -> float:
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def seconds(cost: Cost, job: Job, data: PictureData | PairData) -> float:
    """Of the whole job: the steps, the evaluations between them, what is measured before and after."""
    training, evaluated = side(job.task).passes(job, len(data.train), len(data.held_out), EVALUATIONS)
    return OVERHEAD + cost.training * training + cost.evaluating * evaluated
