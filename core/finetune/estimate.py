"""What a job will take, before it starts: parameters counted on a copy of the model, time from steps measured on it."""

import contextlib
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from core.finetune import methods
from core.finetune.class_task import ClassTask
from core.finetune.data.dataset import PairData, PictureData
from core.finetune.job import Job
from core.finetune.learning import INTERIM_PAIRS, INTERIM_PICTURES, VARIATION, ScoredTask
from core.finetune.methods import METHODS, Task
from core.finetune.score import translate_all
from core.finetune.train import EVALUATIONS
from core.models.loading import mixed
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.models.vision.timm_adapter import new_head

MEASURED = 8  # items in a measured step
OVERHEAD = 4.0  # seconds: loading the model, saving and measuring the result


@dataclass(frozen=True)
class Cost:
    """Seconds of one training item and of one evaluated item, measured on this machine."""

    training: float
    evaluating: float


def copy_for(module: nn.Module, task: Task, method: str, classes: int, steps: int = 50, rank: int = 8) -> nn.Module:
    """A copy of a shared module, prepared for `method`."""
    module = copy.deepcopy(module)
    if task == "vision":
        new_head(module, classes)
    return methods.adapt(module, task, method, steps, rank)


def trainable_counts(module: nn.Module, task: Task, classes: int, rank: int) -> dict[str, int]:
    """How many parameters each method trains; without those that do not fit the model."""
    counts = {}
    for key in METHODS:
        # Ours and peft's word for a model that lacks what the method changes.
        with contextlib.suppress(ValueError, AttributeError):
            counts[key] = methods.trainable(copy_for(module, task, key, classes, rank=rank))
    return counts


def measure(model: VisionModel | Translator, job: Job, data: PictureData | PairData) -> Cost:
    """One training step and one evaluation of a few items, each after an unmeasured one."""
    if isinstance(data, PictureData):
        return _measure_pictures(model, job, data)
    module = copy_for(model.module, job.task, job.method, 0, rank=job.rank)
    some = data.train[:MEASURED]
    task = ScoredTask(module, model.tokenizer, some, some, tokens=10**6, smoothing=job.smoothing, varied=False)
    items = task.batches(0)[0]
    training = _seconds(lambda: _step(task, module, items, job)) / len(items)
    module.eval()
    return Cost(training, _seconds(lambda: translate_all(module, model.tokenizer, some, beams=1)) / len(some))


def _measure_pictures(model: VisionModel, job: Job, data: PictureData) -> Cost:
    module = copy_for(model.module, "vision", job.method, len(data.train.classes), rank=job.rank)
    side = job.side if job.side in model.sizes else model.default_size
    items = list(range(min(MEASURED, len(data.train))))
    some = data.train.part(torch.tensor(items))
    task = ClassTask(
        module, some, some, model.mean, model.std, variation=VARIATION if job.varied else None, sides=(side,), side=side
    )
    with torch.inference_mode(), mixed(job.precision):
        evaluating = _seconds(lambda: task.evaluate(module)) / len(items)
    if job.method == "head":  # it learns from features, which are computed as in an evaluation
        return Cost(0.0, evaluating)
    return Cost(_seconds(lambda: _step(task, module, items, job)) / len(items), evaluating)


def _step(task: ClassTask | ScoredTask, module: nn.Module, items: list[int], job: Job) -> None:
    with mixed(job.precision):
        loss, _ = task.loss(module.train(), items)
    loss.backward()


def _seconds(run: Callable[[], object]) -> float:
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def seconds(cost: Cost, job: Job, data: PictureData | PairData) -> float:
    """Of the whole job: the steps, the evaluations between them, what is measured before and after."""
    training, held_out = len(data.train), len(data.held_out)
    if job.method == "head" and job.task == "vision":
        return OVERHEAD + cost.evaluating * ((2 if job.varied else 1) * training + 3 * held_out)
    interim = min(INTERIM_PICTURES if job.task == "vision" else INTERIM_PAIRS, held_out)
    known = training if job.task == "vision" else 0  # the features of the neighbours
    evaluated = EVALUATIONS * interim + 2 * held_out + known
    return OVERHEAD + cost.training * job.epochs * training + cost.evaluating * evaluated
