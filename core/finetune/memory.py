"""The memory that a job takes, told before it starts: its first steps are run in a process of its own, as the worker
runs it, with the person's items and settings, and what that process held at most is read.

What tensors hold can be counted, but about half of the peak is what the allocator keeps between them: it is measured.
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.errors import SidelightError
from core.finetune.data.dataset import Data, load, save
from core.finetune.job import Job, new_run, read_job, set_status, status
from core.finetune.log import read_log
from core.wording import ASSETS

STEPS, JUDGED = 8, 6  # the widest batch, or nearly, is among them; after so many it is judged and kept
GLANCE = 0.1  # seconds between two looks
RSS_UNIT = 1e6 if sys.platform == "darwin" else 1e3  # of ru_maxrss in a megabyte

OnStep = Callable[[int, int], None]  # (steps done, all); may raise to stop


def peak_mb() -> float:
    """The most that this process has held so far, MB. Where Linux tells it of this program alone: what getrusage tells
    counts what ran in the process before it, such as a server that started it."""
    told = Path("/proc/self/status")
    if told.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", told.read_text())):
        return int(found[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / RSS_UNIT


def measure(job: Job, data: Data, on_step: OnStep = lambda done, steps: None) -> float:
    """MB that a process holds at most in the job's first steps, with all that is done before them.

    Raises SidelightError as `open_learning`, `training.not_finite`, and `training.trial_ended` where the process ends
    without a word, as it does with too little memory.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = new_run(Path(place), job)
        save(data, folder / "data")
        set_status(folder, "running")
        on_step(0, STEPS)
        command = [sys.executable, "-m", "core.finetune.memory", str(folder)]
        child = subprocess.Popen(command, cwd=ASSETS.parent, stdin=subprocess.DEVNULL)
        try:
            while child.poll() is None:
                time.sleep(GLANCE)
                on_step(len(read_log(folder)), STEPS)
        finally:
            child.kill()
            child.wait()
        if error := status(folder).error:
            raise SidelightError(error[0], **error[1])
        if child.returncode:
            raise SidelightError("training.trial_ended", number=child.returncode)
        return max(event.memory for event in read_log(folder))


def _run(folder: Path) -> None:
    """The first steps of the job in a folder, with what is looked at before them, an evaluation and a checkpoint. It
    ends there, without a result."""
    from core.finetune import methods
    from core.finetune.looking import looking
    from core.finetune.loop import NotFinite, Run, Settings
    from core.finetune.sides import open_learning

    job = read_job(folder)
    try:
        learning = open_learning(folder, job, load(folder / "data"))
        settings = Settings(STEPS + 1, job.rate, every=JUDGED, precision=job.precision, patience=job.patience)
        run = Run(learning.task, settings, folder, methods.companion(learning.task.module))
        with looking(run.learnt):
            learning.probe(0, run.learnt)
            learning.before()
        for event in run.train():
            if event.step == STEPS:
                return
    except NotFinite:
        set_status(folder, "failed", error=("training.not_finite", {"rate": f"{job.rate:g}"}))
    except SidelightError as error:
        set_status(folder, "failed", error=(error.code, error.values))


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
