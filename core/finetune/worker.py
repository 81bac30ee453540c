"""The queue of fine-tuning jobs on this machine: one at a time, fair between those who ask, kept in the runs' folders.

A worker (`python -m core.finetune.worker`) takes the next queued run. It is a process of its own with low priority, so
that the pages stay quick; each job is a child of it, so that cancelling is killing, a crash harms nothing else and
memory comes back. It starts with the page and ends with the server. A lock on the runs' folder keeps a second waiting.
"""

import contextlib
import fcntl
import math
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from core.errors import SidelightError
from core.finetune.job import MOVING, Job, Request, State, Status, answered, ask, asked, read_job, set_status, status
from core.finetune.log import Event
from core.models.catalogue import runs_folder
from core.settings import setting
from core.wording import ASSETS

NICENESS = 10
STATES: tuple[State, ...] = get_args(State)
GLANCE = 0.1  # seconds between two looks at the queue and at requests


def queue(folder: Path) -> None:
    """Ask for a run to be trained, or to be gone on with."""
    answered(folder)
    set_status(folder, "queued", stage="", queued=time.time(), ended=0.0, error=None)


def request(folder: Path, what: Request) -> None:
    """Pause, finish now or cancel. What waits in the queue or was interrupted is dealt with here and now; what is
    finished stays so."""
    now = state_of(folder).state
    if now == "running":
        ask(folder, what)
    elif now == "finished":
        return
    elif what == "cancel":
        set_status(folder, "cancelled", stage="", ended=time.time())
    elif what == "pause":
        set_status(folder, "paused", stage="", ended=time.time())


def runs() -> list[Path]:
    """All runs that were ever queued here, newest first; one whose files cannot be read is left out."""
    return [run for run, *_ in _known()]


def check_room(owner: str, more: int = 1) -> None:
    """Raises SidelightError `training.too_many_runs`, `training.no_room` where the settings allow no `more` runs."""
    most, room = setting("RUNS_A_PERSON"), setting("RUNS_MEGABYTES")
    if most:
        begun = [run for run, job, now in _known() if job.owner == owner and now.state in MOVING]
        if sum(state_of(run).state in MOVING for run in begun) + more > most:
            raise SidelightError("training.too_many_runs", count=most)
    if room and _size(runs_folder()) > room * 10**6:
        raise SidelightError("training.no_room", megabytes=room)


def _size(folder: Path) -> int:
    """Bytes. Files may go while they are counted."""
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            size += file.stat().st_size * file.is_file()
    return size


def _known() -> list[tuple[Path, Job, Status]]:
    found = []
    for path in sorted(runs_folder().glob("*/state.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError, TypeError):  # deleted meanwhile, or not this project's
            found.append((path.parent, read_job(path.parent), status(path.parent)))
    return found


def state_of(folder: Path) -> Status:
    """The run's status; one that says "running" while nobody works on it was cut off, and counts as paused."""
    now = status(folder)
    if now.state != "running":
        return now
    try:
        with _locked(folder / ".lock", 0):
            now = status(folder)  # its last word may have come since
            return set_status(folder, "paused", stage="", ended=time.time()) if now.state == "running" else now
    except BlockingIOError:
        return now


def waiting() -> list[Path]:
    """The queued runs in the order in which they will be served: whoever was served longest ago comes first."""
    served: dict[str, float] = {}
    queued: list[tuple[float, str, Path]] = []
    for run, job, now in _known():
        served[job.owner] = max(served.get(job.owner, 0.0), now.started)
        if now.state == "queued":
            queued.append((now.queued, job.owner, run))
    turns: Counter[str] = Counter()
    order = []
    for when, owner, run in sorted(queued):
        order.append((turns[owner], served[owner], when, run))  # one for each owner, then a second for each
        turns[owner] += 1
    return [run for *_, run in sorted(order)]


@contextlib.contextmanager
def _locked(path: Path, patience: float) -> Iterator[None]:
    """Hold a file's lock, which the system gives back however the process ends. patience: seconds to try for; looking
    whether it is free takes it for a moment. Raises BlockingIOError where it stays taken."""
    end = time.monotonic() + patience
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.02)
        yield


def train_here(folder: Path, lock: bool = True) -> Iterator[Event]:
    """`train` with the run's lock held, so that nobody takes it for interrupted. lock: false in the second and
    later of several processes. Raises SidelightError `training.taken` where another process works on the run."""
    from core.finetune.train import train

    try:
        with _locked(folder / ".lock", 1) if lock else contextlib.nullcontext():
            if lock:
                answered(folder)  # an old request
            yield from train(folder)
    except BlockingIOError as error:
        raise SidelightError("training.taken", run=folder.name) from error


def start_worker() -> subprocess.Popen:
    """A worker that ends when this process does; Ctrl-C is this process's alone."""
    command = [sys.executable, "-m", "core.finetune.worker"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ASSETS.parent, process_group=0)


def work() -> None:
    """Serve the queue until standard input is closed, as it is when whoever started this ends."""
    os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import core.finetune.train  # noqa: F401  the slow imports, before anybody waits for them
    from core.finetune import results

    runs_folder().mkdir(parents=True, exist_ok=True)
    with _locked(runs_folder() / ".worker", math.inf):
        for gone in results.set_aside(runs_folder()):
            print(f"This run cannot be read and was set aside: {gone}", file=sys.stderr)
        while True:
            if queued := waiting():
                with contextlib.suppress(BlockingIOError, FileNotFoundError):  # somebody works on it, or deleted it
                    serve(queued[0])
            time.sleep(GLANCE)


def _end_with_parent() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock a forked child would wait for
        pass
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)


def _end_without(worker: int) -> None:
    """A job does not outlive its worker: nobody would hear what is asked of it."""
    while os.getppid() == worker:
        time.sleep(GLANCE)
    os._exit(1)


def serve(folder: Path) -> None:
    """Train one run in a child process, and see to what is asked of it meanwhile."""
    # Forked where that is safe: the child then has all imports. This process itself computes nothing.
    start = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn").Process  # type: ignore[attr-defined]
    child = start(target=_train, args=(folder, os.getpid()), daemon=True)
    with _locked(folder / ".lock", 1):
        if status(folder).state != "queued":  # cancelled at the last moment
            return
        answered(folder)
        set_status(folder, "running", stage="loading", started=time.time())
        child.start()
        begun, longest = time.monotonic(), setting("JOB_SECONDS") or math.inf
        while child.is_alive() and asked(folder) != "cancel":
            child.join(GLANCE)
            if time.monotonic() - begun > longest and not asked(folder):
                ask(folder, "finish")  # what it has learnt is kept
        if child.is_alive():
            child.kill()
            child.join()
            if status(folder).state != "finished":
                set_status(folder, "cancelled", stage="", ended=time.time())
            answered(folder)
        elif status(folder).state == "running":  # it ended without a word
            error = ("training.crashed", {"code": child.exitcode})
            set_status(folder, "failed", stage="", ended=time.time(), error=error)


def _train(folder: Path, worker: int) -> None:
    from core.finetune.train import train

    threading.Thread(target=_end_without, args=(worker,), daemon=True).start()
    try:
        for _ in train(folder):
            pass
    except SidelightError:
        pass  # it stands in the run's state
    except Exception:
        (folder / "error.txt").write_text(traceback.format_exc(), "utf-8")
        raise


if __name__ == "__main__":
    work()
