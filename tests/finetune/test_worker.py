"""The queue and its worker: fair, one job at a time, quick to obey, and a kill at any moment loses little.

A worker is a real process on the bundled model, in one story that is told once (`story`) and looked at by many tests.
The first is started as a page starts it, the others are copies of this process, which need not import everything again.
"""

import multiprocessing
import os
import random
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SidelightError
from core.finetune import results, worker
from core.finetune.job import Job, ask, asked, new_run, read_job, set_status, status, write_json
from core.finetune.log import read_log
from core.finetune.loop import checkpoints
from tests.finetune.models import in_place, job, pictures, run_of
from tests.waiting import PATIENCE, until


def is_working(folder: Path) -> bool:
    """Whether a process holds the run's lock."""
    try:
        with worker._locked(folder / ".lock", 0):
            return False
    except BlockingIOError:
        return True


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path))
    return tmp_path


def queued(root: Path, owner: str = "", at: float = 1.0, **changes: object) -> Path:
    folder = new_run(root, Job("vision", "head", "tiny", "toy", 1, 0.1, owner=owner))
    set_status(folder, "queued", queued=at, **changes)
    return folder


# Who asked, when, and when it was last served if it is not waiting.
REQUESTS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.floats(1, 100), st.one_of(st.none(), st.floats(1, 100))), max_size=14
)


@given(REQUESTS)
@settings(max_examples=60)
def test_the_queue_is_fair(requests: list[tuple[str, float, float | None]]) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDELIGHT_RUNS", name)
        wanted = {}
        for owner, at, served in requests:
            folder = queued(Path(name), owner, at)
            if served is None:
                wanted[folder] = owner, at
            else:
                set_status(folder, "finished", started=served)
        order = worker.waiting()
        assert sorted(order) == sorted(wanted)
        turns: dict[str, list[float]] = {}
        counts, firsts = [], []
        for folder in order:
            owner, at = wanted[folder]
            mine = turns.setdefault(owner, [])
            assert not mine or mine[-1] <= at, "first come, first served within an owner"
            mine.append(at)
            counts.append(len(mine))
            firsts += [owner] if len(mine) == 1 else []
        assert counts == sorted(counts), "everybody's first comes before anybody's second, and so on"
        last = {owner: max([s for o, _, s in requests if o == owner and s] or [0.0]) for owner in firsts}
        assert [last[owner] for owner in firsts] == sorted(last.values()), "who was served longest ago comes first"


def test_what_waits_can_be_cancelled_and_paused_and_asked_for_again(runs: Path) -> None:
    one, two = queued(runs, at=1), queued(runs, at=2)
    worker.request(one, "cancel")
    worker.request(two, "pause")
    assert (status(one).state, status(two).state, worker.waiting()) == ("cancelled", "paused", [])
    worker.queue(two)
    worker.queue(one)
    assert worker.waiting() == [two, one] and asked(one) is None


def test_what_is_finished_stays_finished(runs: Path) -> None:
    folder = queued(runs)
    set_status(folder, "finished")
    for what in ("cancel", "pause", "finish"):
        worker.request(folder, what)
        assert status(folder).state == "finished" and asked(folder) is None


def test_a_run_that_nobody_works_on_counts_as_paused(runs: Path) -> None:
    folder = queued(runs)
    set_status(folder, "running", stage="training")
    with worker._locked(folder / ".lock", 0):
        assert worker.state_of(folder).state == "running"
        worker.request(folder, "pause")
        assert asked(folder) == "pause" and status(folder).state == "running"
    assert worker.state_of(folder).state == "paused" == status(folder).state


def test_a_run_that_cannot_be_read_harms_no_other(runs: Path) -> None:
    good, *bad = (queued(runs, at=at) for at in range(1, 5))
    (bad[0] / "state.json").write_text("{")
    (bad[1] / "job.json").unlink()
    write_json(bad[2] / "state.json", {"state": "queued", "from": "another version"})
    assert worker.runs() == worker.waiting() == [good]


def test_only_one_process_trains_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place(monkeypatch, tmp_path)
    folder = run_of(tmp_path, job("vision", "head"))
    first = worker.train_here(folder)
    next(first)
    assert is_working(folder)
    with pytest.raises(SidelightError) as caught:
        next(worker.train_here(folder))
    assert caught.value.code == "training.taken" and folder.name in caught.value.sentence("en")
    first.close()
    assert not is_working(folder) and worker.state_of(folder).state == "paused"
    ask(folder, "pause")  # of somebody who thought that it still ran
    assert list(worker.train_here(folder)) and status(folder).state == "finished"


def _write_on(folder: Path) -> None:
    number = 0
    while True:
        number += 1
        write_json(folder / "job.json", {**read_job(folder).__dict__, "title": f"{number} " * 3000})
        set_status(folder, "running", stage="training", queued=float(number), error=("training.crashed", {"code": 1}))


def test_a_kill_at_any_moment_leaves_files_that_load(runs: Path) -> None:
    folder = queued(runs)
    for wanted in random.Random(0).sample(range(1, 80), 25):
        set_status(folder, "queued", queued=0.0)
        child = multiprocessing.get_context("fork").Process(target=_write_on, args=(folder,))
        child.start()
        until(lambda wanted=wanted: status(folder).queued >= wanted, "the moment")
        child.kill()
        child.join()
        title, now = read_job(folder).title, status(folder)
        assert title == "toy" or title == f"{title.split()[0]} " * 3000
        assert now.state == "running" and now.queued >= wanted


class Copy:
    """A worker that ends once what it reads from is closed."""

    def __init__(self, *others: "Copy") -> None:
        read, self.write = os.pipe()
        ends = [self.write, *(other.write for other in others)]  # which a copy has open, too
        self.process = multiprocessing.get_context("fork").Process(target=self._work, args=(read, ends))
        self.process.start()
        os.close(read)

    @staticmethod
    def _work(read: int, ends: list[int]) -> None:
        os.dup2(read, 0)
        for end in ends:
            os.close(end)
        worker.work()


class Story:
    """What happened, noted as it did."""

    def __init__(self, root: Path, cut: Path, long: Path, last: Path) -> None:
        self.root, self.cut, self.long, self.last = root, cut, long, last
        self.copies: list[Copy] = []
        self.most_at_once = 0

    def look(self) -> bool:
        """Note how many runs are being worked on; looked at by `until` all the time."""
        at_work = [run for run in (self.cut, self.long, self.last) if is_working(run)]
        self.most_at_once = max(self.most_at_once, len(at_work))
        return False

    def tell(self) -> None:
        self.first = worker.start_worker()
        worker.queue(self.cut)
        until(lambda: checkpoints(self.cut) and len(read_log(self.cut)) > 5, "a checkpoint")
        os.kill(self.first.pid, signal.SIGKILL)
        self.first.wait()
        until(lambda: worker.state_of(self.cut).state != "running", "a run that ends with its worker")
        self.after_kill, self.steps_at_kill = worker.state_of(self.cut).state, len(read_log(self.cut))
        self.kept = max(int(path.name.removeprefix("step-")) for path in checkpoints(self.cut))

        worker.queue(self.cut)
        worker.queue(self.long)
        self.copies.append(Copy())
        self.copies.append(Copy(*self.copies))
        until(lambda: self.look() or status(self.cut).state == "finished", "the end of the run that was cut off")
        until(lambda: self.look() or len(read_log(self.long)) > 5, "the next one")
        worker.request(self.long, "cancel")
        until(lambda: status(self.long).state == "cancelled", "cancelling")
        until(lambda: not is_working(self.long), "its lock")

        worker.queue(self.last)
        until(lambda: self.look() or len(read_log(self.last)) > 5, "the last one")
        for copy in self.copies:
            os.close(copy.write)
        for copy in self.copies:
            copy.process.join(PATIENCE)
        self.ends = [copy.process.exitcode for copy in self.copies]
        until(lambda: worker.state_of(self.last).state != "running", "a run that ends with its worker")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory):
    """A worker is killed in the middle of a run. Two others come: they go on with it, and have another one to do, which
    is cancelled. While a third is trained, the server ends."""
    root = tmp_path_factory.mktemp("runs")
    wanted = replace(job("vision", "head", side=112, epochs=120, rate=1e-3), base="vision-vit-s-14")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDELIGHT_RUNS", str(root))
        patch.setenv("SIDELIGHT_DEVICE", "cpu")
        patch.setenv("OMP_NUM_THREADS", "1")
        data = pictures(each=4, held_out=3)
        long = replace(wanted, epochs=1_000_000, method="lora", batch=4)
        folders = [run_of(root, each, data) for each in (replace(wanted, batch=3), long, long)]
        told = Story(root, *folders)
        try:
            told.tell()
            yield told
        finally:
            told.first.kill()
            for copy in told.copies:
                copy.process.kill()


def test_a_run_whose_worker_was_killed_counts_as_paused(story: Story) -> None:
    assert story.after_kill == "paused" and 0 < story.kept <= story.steps_at_kill < 480


def test_it_goes_on_from_its_checkpoint_to_its_end(story: Story) -> None:
    log = read_log(story.cut)
    assert status(story.cut).state == "finished" and results.read(story.cut).steps == 480
    assert [event.step for event in log] == list(range(1, 481))
    assert results.read(story.cut).metrics["accuracy"] >= 2 / 3


def test_two_workers_never_train_at_once(story: Story) -> None:
    assert story.most_at_once == 1


def test_cancel_ends_a_run_long_before_its_end(story: Story) -> None:
    assert read_log(story.long)[-1].step < read_log(story.long)[-1].steps / 2
    assert status(story.long).state == "cancelled" and results.read(story.long) is None


def test_the_worker_and_its_job_end_with_the_server(story: Story) -> None:
    assert story.ends == [0, 0]
    assert worker.state_of(story.last).state == "paused" and not worker.waiting()
    assert not is_working(story.last), "nobody trains on"
