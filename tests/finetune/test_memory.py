"""The first steps of a job tell what its process holds, and of a process that a larger one starts its own part alone
counts."""

import inspect
import subprocess
import sys

from core.finetune import data, memory
from core.finetune.job import default_job


def test_the_first_steps_tell_what_their_process_holds() -> None:
    told: list[tuple[int, int]] = []
    job = default_job("vision", "head", epochs=4, batch=2, side=28)
    peak = memory.measure(job, data.bundled_pictures(["cat", "ship"], 10), lambda *step: told.append(step))
    assert 300 < peak < 5_000
    assert told[0] == (0, memory.STEPS) and told[-1][0] == memory.STEPS


def test_what_a_larger_process_holds_is_not_counted() -> None:
    head = f"import re, resource, sys\nfrom pathlib import Path\nRSS_UNIT = {memory.RSS_UNIT}\n"
    text = head + inspect.getsource(memory.peak_mb) + "print(peak_mb())"
    child = subprocess.run([sys.executable, "-S", "-c", text], capture_output=True, text=True, check=True)
    assert 1 < float(child.stdout) < 100 < memory.peak_mb()
