"""`python -m benchmarks.resume [--times 3] [--only vision-lora ...]`: whether a run that is broken off goes on as if
nothing had been, for every task and method on the bundled models: each at so many random steps, by a kill there (no
checkpoint of it) and a pause (a checkpoint of it) in turn. Told are the steps whose loss is not the same number to the
last bit."""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.finetune import data, estimate, train
from core.finetune.data.dataset import pair_digest
from core.finetune.job import Job, ask, default_job, new_run, set_status
from core.finetune.log import read_log
from core.tasks import TASKS

EACH, PAIRS, EPOCHS, BATCH = 10, 20, 2, 8  # pictures a class; sentence pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="TASK-METHOD", help="some of the combinations")
    given = parser.parse_args()
    train.EVALUATIONS = 3  # checkpoints between which a kill can fall
    print("| | broken off at step, of | steps after it that differ |\n|---|---|---|")
    for task in TASKS:
        for method in estimate.counts(TASKS[task].load(TASKS[task].base).module, task, 2, Job.rank):
            if given.only and f"{task}-{method}" not in given.only:
                continue
            job = default_job(task, method, epochs=EPOCHS, batch=BATCH)
            whole, draw, moments, differ = _losses(job, 0, False), random.Random(f"{task} {method}"), [], 0
            for turn in range(given.times):
                at, pause = draw.randrange(1, len(whole)), bool(turn % 2)
                moments.append(f"{at} ({'pause' if pause else 'kill'})")
                differ += sum(a != b for a, b in zip(whole, _losses(job, at, pause), strict=True))
            print(f"| {task}, {method} | {', '.join(moments)} of {len(whole)} | {differ} |", flush=True)


def _losses(job: Job, at: int, pause: bool) -> list[float]:
    """Of all steps, in the log of a run that was broken off after step `at`, if that is not 0, and gone on with."""
    with tempfile.TemporaryDirectory() as root:
        os.environ["SIDELIGHT_RUNS"] = root
        folder = new_run(Path(root), job)
        data.save(DATA[job.task](), folder / "data")
        set_status(folder, "running", queued=time.time())
        _go_on(folder, at, pause)
        if at:
            _go_on(folder, 0, False)
        return [event.loss for event in read_log(folder)]


def _go_on(folder: Path, at: int, pause: bool) -> None:
    """To this step, or to the last one; the result is not made."""
    for event in train.train(folder):
        if event.step == at and pause:
            ask(folder, "pause")
        elif event.step in (at, event.steps):
            break


def _pairs() -> data.PairData:
    found = data.bundled_pairs("recipes", "de", PAIRS)
    held_out = found.held_out[:8]
    return data.PairData(found.train, held_out, found.report, pair_digest(found.train, held_out))


DATA: dict[str, Callable[[], data.Data]] = {
    "vision": lambda: data.bundled_pictures(("dog", "ship"), EACH),
    "translation": _pairs,
    "classify": lambda: data.bundled_texts("question", EACH),
}


if __name__ == "__main__":
    main()
