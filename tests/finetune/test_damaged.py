"""What lies on the disk may be damaged: such runs are set aside at the start, a run goes on from what is whole, and a
full disk is told as one."""

import errno
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.errors import SidelightError
from core.finetune import results, worker
from core.finetune.job import asked, new_run, set_status, status
from core.finetune.log import Event, log_event, read_log
from core.finetune.loop import Run, checkpoints
from core.finetune.train import train
from core.models import catalogue
from tests.finetune.models import in_place, job, run_of


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_place(monkeypatch, tmp_path)
    return tmp_path


def edited(folder: Path, file: str, **values: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


WRONG = {
    "no-json": lambda folder: (folder / "job.json").write_bytes(b"\x80\x00{"),
    "no-job": lambda folder: (folder / "job.json").unlink(),
    "half-a-character": lambda folder: edited(folder, "job.json", title="\ud800"),
    "unknown-key": lambda folder: edited(folder, "job.json", code="import os"),
    "other-type": lambda folder: edited(folder, "job.json", epochs="many"),
    "infinite": lambda folder: edited(folder, "job.json", rate=float("inf")),
    "unknown-state": lambda folder: edited(folder, "state.json", state="dreaming"),
    "a-list": lambda folder: (folder / "state.json").write_text("[]"),
    "deep": lambda folder: (folder / "state.json").write_text("[" * 10**5),
    "finished-without-a-result": lambda folder: edited(folder, "state.json", state="finished"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_run_that_cannot_be_read_is_set_aside_and_the_others_stay(runs: Path, change: Any) -> None:
    whole, broken = (new_run(runs, job("vision", "head")) for _ in range(2))
    for folder in (whole, broken):
        set_status(folder, "paused", queued=1.0)
    new_run(runs, job("vision", "head"))  # is being made: not a run yet
    change(broken)
    assert results.set_aside(runs) == [runs / results.UNREADABLE / broken.name]
    assert worker.runs() == [whole] and not catalogue.trained()
    assert (runs / results.UNREADABLE / broken.name).is_dir() and results.set_aside(runs) == []


def test_a_run_of_an_older_version_or_with_odd_settings_stays(runs: Path) -> None:
    folder = new_run(runs, job("vision", "head", epochs=10**6))
    set_status(folder, "failed", queued=1.0, error=("training.crashed", {"code": 1}))
    values = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({k: v for k, v in values.items() if k not in ("patience", "rank")}))
    assert results.set_aside(runs) == []


def test_rubbish_in_a_log_is_left_out(runs: Path) -> None:
    log_event(runs, Event(1, 4, 0, 0.5, 1e-3, 1.0))
    with (runs / "log.jsonl").open("ab") as file:
        for line in (b"\x00\xff\xfe\x80", b"[" * 10**5, b"5", b'"text"', b"null", b'{"step": 2}', b"\xef\xbb\xbf{}"):
            file.write(line + b"\n")
        file.write(b'{"step": "x", "steps": 4, "epoch": 0, "loss": 0.5, "rate": 0.1, "seconds": 1}\n')
    log_event(runs, Event(2, 4, 0, 0.4, 1e-3, 2.0))
    assert [event.step for event in read_log(runs)] == [1, 2]


def begun(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the head that was left after two checkpoints."""
    folder = run_of(runs, job("vision", "head", epochs=2))
    going = train(folder)
    while len(checkpoints(folder)) < 2:
        next(going)
    going.close()
    return folder


def test_a_damaged_checkpoint_costs_the_steps_after_the_one_before(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(runs, monkeypatch)
    first, last = checkpoints(folder)
    (last / "model.safetensors").write_bytes(b"rubbish")
    steps = [event.step for event in train(folder)]
    assert steps[0] == int(first.name.removeprefix("step-")) + 1
    assert status(folder).state == "finished" and [event.step for event in read_log(folder)] == [
        *range(1, steps[-1] + 1)
    ]


def test_without_a_whole_checkpoint_it_is_told(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(runs, monkeypatch)
    for one in checkpoints(folder):
        (one / "model.safetensors").write_bytes(b"")
    with pytest.raises(SidelightError) as caught:
        list(train(folder))
    assert caught.value.code == "training.checkpoint" and status(folder).state == "failed"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("[enforce fail] PytorchStreamWriter failed: No space left on device"),
    ],
)
def test_a_full_disk_is_told_as_one(runs: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    folder = run_of(runs, job("vision", "head", epochs=1))

    def full(run: Run) -> None:
        (folder / "checkpoints" / ".unfinished").mkdir(parents=True)
        torch.save(torch.zeros(9), folder / "checkpoints" / ".unfinished" / "half")
        raise error

    monkeypatch.setattr(Run, "save", full)
    with pytest.raises(SidelightError) as caught:
        list(train(folder))
    assert caught.value.code == "training.disk" and status(folder).error == ["training.disk", caught.value.values]
    assert not list((folder / "checkpoints").iterdir()), "half a checkpoint gave its room back"


def test_another_fault_is_no_full_disk(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_of(runs, job("vision", "head", epochs=1))
    monkeypatch.setattr(Run, "save", lambda _: (_ for _ in ()).throw(RuntimeError("something else")))
    with pytest.raises(RuntimeError, match="something else"):
        list(train(folder))


def test_a_job_that_takes_too_long_is_told_to_finish(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that never ends by itself, but hears."""
    monkeypatch.setenv("SIDELIGHT_JOB_SECONDS", "1")
    folder, clock = run_of(runs, job("vision", "head")), [0.0]
    monkeypatch.setattr(worker, "time", SimpleNamespace(time=time.time, monotonic=lambda: clock[0]))
    worker.queue(folder)

    class Process:
        def __init__(self, target: Any, args: tuple, daemon: bool) -> None:
            self.exitcode = 0

        def start(self) -> None:
            pass

        def is_alive(self) -> bool:
            if asked(folder) == "finish":
                set_status(folder, "finished")
                return False
            return clock[0] < 30

        def join(self, seconds: float) -> None:
            clock[0] += seconds

    context = type("Context", (), {"Process": Process})
    monkeypatch.setattr(worker.multiprocessing, "get_context", lambda _: context)
    worker.serve(folder)
    assert 1 < clock[0] < 20 and status(folder).state == "finished"
