"""A job from its folder to its result: the one way in for the page's worker, for the command line and for tests.

`train` yields the loop's events; who iterates watches. All else is written to the run's folder as it happens, so that
any other process can follow it, and so that a run that was stopped at any moment goes on from its last checkpoint.
"""

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError

from core.errors import SidelightError
from core.finetune import answers, methods, results
from core.finetune.data import dataset
from core.finetune.film import FRAMES
from core.finetune.job import EVALUATIONS, Job, Request, answered, asked, read_job, set_status, write_json
from core.finetune.learning import Learning
from core.finetune.log import Event, append_line, read_log
from core.finetune.looking import looking
from core.finetune.loop import UNFINISHED, Damaged, NotFinite, Run, Settings
from core.finetune.sides import open_learning
from core.finetune.tracking import trackers
from core.models.loading import device
from core.tasks import TASKS

LITTLE = 2**20  # bytes that are free on a full disk


def train(folder: Path) -> Iterator[Event]:
    """Begin the job in `folder`, or go on with it, until it is finished, or `request` says to pause.

    Its state says afterwards which it was. Raises SidelightError, also for a loss that is no number
    (`training.not_finite`); the state is then "failed".
    """
    main = PartialState(cpu=device().type == "cpu").is_main_process
    try:
        with _disk_errors(folder):
            yield from _train(folder, main)
    except SidelightError as error:
        if main:
            set_status(folder, "failed", stage="", ended=time.time(), error=(error.code, error.values))
        raise


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a full disk raises, in whichever library, into a sentence; half a checkpoint makes room to write it."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        if not full and shutil.disk_usage(folder).free > LITTLE:
            raise
        shutil.rmtree(folder / "checkpoints" / UNFINISHED, ignore_errors=True)
        raise SidelightError("training.disk", reason=os.strerror(errno.ENOSPC)) from error


def _train(folder: Path, main: bool) -> Iterator[Event]:
    job, data = read_job(folder), dataset.load(folder / "data")
    if main:
        set_status(folder, "running", stage="loading", started=time.time(), ended=0.0, error=None)
    learning = open_learning(folder, job, data)
    settings = settings_of(job, len(learning.task.batches(0)))
    companion = methods.companion(learning.task.module)
    run = Run(learning.task, settings, folder, companion, trackers=trackers(folder, job, data.digest))
    if main:
        _note_start(folder, job, learning, run)
    every = max(1, settings.steps // FRAMES)
    try:
        for event in run.train():
            if main:
                _watch(folder, learning, run, event, every)
            yield event
            request = _asked(folder, run)
            if request == "pause" and not run.is_over:
                run.save()
                run.close()
                if main:
                    answered(folder)
                    set_status(folder, "paused", stage="", ended=time.time())
                return
            if request == "finish":
                break
    except NotFinite as error:
        raise SidelightError("training.not_finite", rate=f"{job.rate:g}") from error
    except Damaged as error:
        raise SidelightError("training.checkpoint", run=folder.name) from error
    run.close()
    if main:
        finish(folder, job, learning, run)


def _asked(folder: Path, run: Run) -> Request | None:
    """What the first process was asked to do: all others do the same, at the same step."""
    request = [asked(folder)]
    return broadcast_object_list(request)[0] if run.accelerator.num_processes > 1 else request[0]


def settings_of(job: Job, batches: int) -> Settings:
    """batches: of an epoch."""
    steps = job.epochs * batches
    return Settings(
        steps=steps,
        rate=job.rate,
        warmup=steps // 10,
        every=max(1, steps // EVALUATIONS),
        seed=job.seed,
        precision=job.precision,
        schedule=job.schedule,
        patience=job.patience,
    )


def _note_start(folder: Path, job: Job, learning: Learning[Any, Any], run: Run) -> None:
    """What was known before the first step: measured once, also of a run that is resumed."""
    path = folder / "before.json"
    if not path.exists():
        set_status(folder, "running", stage="before")
        count = methods.count(learning.whole)
        sizes = {"trainable": count.trainable, "parameters": count.total}
        sizes |= {"interim": learning.interim, "held_out": len(learning.data.held_out)}
        with looking(run.learnt):
            learning.probe(0, run.learnt)
            write_json(path, {"metrics": learning.before(), **sizes})
    set_status(folder, "running", stage="training")


def _watch(folder: Path, learning: Learning[Any, Any], run: Run, event: Event, every: int) -> None:
    """A frame of the film every few steps; after an evaluation, what it answered."""
    if event.metrics:
        append_line(folder / "probes.jsonl", {"step": event.step, **learning.probes()})
    if event.step % every == 0 or event.step == event.steps:
        with looking(run.learnt):
            learning.probe(event.step, run.learnt)


def finish(folder: Path, job: Job, learning: Learning[Any, Any], run: Run) -> None:
    """Write `result/`: the weights, loaded as any page loads them and measured, and what it cost to get there."""
    set_status(folder, "running", stage="saving")
    kept = run.use_best()
    place, unfinished = folder / "result", folder / ".result"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    learning.export(run.learnt.eval(), unfinished)
    card = results.card_of(folder, job, unfinished)
    set_status(folder, "running", stage="measuring")
    model, log = TASKS[job.task].load_card(card), read_log(folder)
    before = json.loads((folder / "before.json").read_text("utf-8"))
    result = results.Result(
        metrics=learning.measure(model),
        before=before["metrics"],
        forgetting=learning.forgetting(model),
        seconds=log[-1].seconds,
        steps=log[-1].step,
        peak_mb=max(event.memory for event in log),
        trainable=before["trainable"],
        parameters=before["parameters"],
        data=learning.data.digest,
        target=learning.target,
        kept=kept,
        calibration=learning.calibration(model),
    )
    results.write(unfinished, job, card, result)
    answers.write(folder, learning.answers(model))
    shutil.rmtree(place, ignore_errors=True)
    os.replace(unfinished, place)
    set_status(folder, "finished", stage="", ended=time.time())
    answered(folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # hundreds of megabytes that nobody needs any more
