"""Fine-tune from the command line: python -m core.finetune --task vision --method lora --data FOLDER_OR_ZIP

Writes the same run folder as the Fine-tune page, which shows it, and goes on with one that was stopped (`--run`).
`accelerate launch --multi_gpu --num_processes 2 -m core.finetune --run FOLDER ...` runs it on two GPUs, or with
SIDELIGHT_DEVICE=cpu on two processes of the CPU (`--cpu` starts one where MPI is missing).
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from accelerate import PartialState

from core.errors import SidelightError
from core.finetune import data, memory, onnx_parts, options, outside, rates, sweeping, worker
from core.finetune.data import Data, dataset, grouping
from core.finetune.job import Job, ask, new_run, read_job, set_status, status, write_json
from core.finetune.processes import check_whole
from core.finetune.sides import side
from core.models import catalogue
from core.models.catalogue import TaskName
from core.models.loading import device

Given = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> None:
    given = options.parse(__doc__ or "", arguments)
    if options.tries_only(given):
        return _find_rate(given) if given.find_rate else _measure_memory(given)
    if options.is_sweep(given):
        return _sweep(given)
    state = PartialState(cpu=device().type == "cpu")
    try:
        check_whole()
        if given.onnx:
            onnx_parts.check_packages()
        with state.main_process_first():
            folder = _folder(given) if state.is_main_process else given.run
        if folder is None:
            raise SystemExit("several processes need --run FOLDER")
        if state.is_main_process:
            print(f"{folder}: begins (go on with a run that was stopped by --run)", flush=True)
        with _interruptible(folder, state.is_main_process):
            for event in worker.train_here(folder, lock=state.is_main_process):
                if state.is_main_process and (event.metrics or event.step % given.print_every == 0):
                    print(json.dumps(asdict(event)), flush=True)
        if state.is_main_process:
            print(f"{folder}: {worker.status(folder).state} (processes: {state.num_processes})")
            if given.onnx and worker.status(folder).state == "finished":
                _write_onnx(folder)
    except SidelightError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:  # the second one
        sys.exit(f"{folder}: stopped; its last checkpoint is kept")


def _find_rate(given: Given) -> None:
    """Print the loss at each rate, and the suggestion."""
    try:
        test = rates.find(*_job(given))
    except SidelightError as error:
        sys.exit(str(error))
    for rate, loss, average in zip(test.rates, test.losses, test.smoothed, strict=True):
        print(json.dumps({"rate": rate, "loss": loss, "average": average}))
    best = test.suggestion
    said = f"{best:.2g}, a tenth of where the average is lowest" if best else "none, as the loss did not fall"
    print(f"suggested --rate: {said}")


def _measure_memory(given: Given) -> None:
    try:
        peak = memory.measure(*_job(given))
    except SidelightError as error:
        sys.exit(str(error))
    print(f"about {peak:,.0f} MB, measured in its first {memory.STEPS} steps")


def _sweep(given: Given) -> None:
    """Begin a sweep, or go on with one, and print each run as it ends, then what methods and rates came to."""
    try:
        found = sweeping.resumed(given.sweep) if given.sweep else sweeping.begun(given, *_job(given))
        sweeping.watch(found)
    except SidelightError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:  # the second one
        sys.exit("stopped; what is finished is kept, and so is the last checkpoint")


def _job(given: Given) -> tuple[Job, Data]:
    """What is asked for, and what is to be learnt; what was understood of it is printed. Near duplicates are kept on
    one side where they can be, unless that is refused."""
    found, title = _read(given, given.task, given.seed or 0)
    together = given.ungrouped is None and grouping.is_offered(found)
    if together:
        try:
            found = grouping.grouped(found)
        except SidelightError as error:
            print(error.sentence(), flush=True)
            together = False
    for sentence in (*found.report.understood, *found.report.warnings):
        print(sentence.sentence(), flush=True)
    return options.new_job(given, title, together), found


def _read(given: Given, task: TaskName, seed: int) -> tuple[Data, str]:
    asked = side(task)
    return asked.read(given.data, asked.usual_language if given.language is None else given.language, seed)


def _folder(given: Given) -> Path:
    """The run's folder: the one named if there is a job in it, else a new one with its data checked and copied in."""
    if options.is_run(given.run):
        _check_again(given)
        return given.run
    job, found = _job(given)
    if given.run:
        given.run.mkdir(parents=True, exist_ok=True)
        write_json(given.run / "job.json", asdict(job))
    folder = given.run or new_run(catalogue.runs_folder(), job)
    data.save(found, folder / "data")
    set_status(folder, "running", queued=time.time())
    return folder


def _write_onnx(folder: Path) -> None:
    place = folder / "onnx"
    place.mkdir()
    difference = outside.write_onnx(folder, place)
    print(f"{place}: python load.py runs it; it differs from PyTorch by at most {difference:.1e} of the largest output")


def _check_again(given: Given) -> None:
    """Whether what is told fits the run that is there. Raises SidelightError `training.*`."""
    if (given.run / "state.json").exists() and status(given.run).state == "finished":
        raise SidelightError("training.finished_already", run=given.run)
    job = read_job(given.run)
    options.check_same(given, job)
    if given.data:
        found, _ = _read(given, job.task, job.seed)
        found = grouping.grouped(found) if job.grouped else found
        if found.digest != dataset.load(given.run / "data").digest:
            raise SidelightError("training.other_options", run=given.run.name, options="other data")


@contextmanager
def _interruptible(folder: Path, main_process: bool) -> Iterator[None]:
    """Inside it, Ctrl-C ends a run after the step that it is in, with a checkpoint; a second one ends it at once."""

    def pause(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if main_process:
            print(f"{folder}: pauses after this step (Ctrl-C again: at once)", flush=True)
            ask(folder, "pause")

    before = signal.signal(signal.SIGINT, pause)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    main()
