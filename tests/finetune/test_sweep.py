"""A sweep is runs that share a name: begun together, shown as one table, cancelled without losing what is finished."""

import csv
import io
import json
import statistics
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import SidelightError
from core.finetune import __main__ as command
from core.finetune import results, sweep, sweeping, worker
from core.finetune.data import dataset
from core.finetune.job import status
from core.finetune.methods import METHODS
from core.finetune.sweep import MOST, STUDENT, Spread
from tests.finetune.models import data_of, in_place, job, tiny_vision
from tests.finetune.test_command import class_folders, words


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_place(monkeypatch, tmp_path / "runs")
    return tmp_path / "runs"


def begun(methods: tuple[str, ...] = ("head", "full"), seeds: int = 2) -> sweep.Sweep:
    wanted = job("vision", "head", epochs=2)
    jobs = sweep.grid(wanted, sweep.rates_of(wanted, methods, (0.3, 1)), range(seeds))
    return sweep.start(jobs, lambda folder: dataset.save(data_of("vision"), folder / "data"))


def serve(some: sweep.Sweep, count: int) -> None:
    for run in worker.waiting()[:count]:
        assert run in some.runs and list(worker.train_here(run))


def test_the_interval_is_students() -> None:
    """Of 4 values by hand, and the quantiles as the t distribution has them."""
    values = [0.8, 0.9, 0.85, 0.95]
    found = Spread.of(values)
    assert found.mean == pytest.approx(0.875)
    assert found.half == pytest.approx(3.182 * statistics.stdev(values) / 2)
    assert Spread.of([0.5]) == Spread(0.5, None)
    mpmath = pytest.importorskip("mpmath")  # it comes with torch
    for freedom, quantile in enumerate(STUDENT, 1):
        above = mpmath.betainc(freedom / 2, 0.5, 0, freedom / (freedom + quantile**2), regularized=True) / 2
        assert float(above) == pytest.approx(0.025, abs=2e-5)


def test_a_grid_has_every_corner_once_and_a_bound() -> None:
    wanted = job("vision", "lora", rate=1e-3, epochs=7)
    rates = sweep.rates_of(wanted, ("lora", "ia3"), (0.1, 1, 1))
    own = METHODS["ia3"].rate["vision"]
    assert rates == {"lora": [1e-4, 1e-3, 1e-3], "ia3": [pytest.approx(0.1 * own), own, own]}
    jobs = sweep.grid(wanted, rates, (0, 1, 1))
    corners = {(one.method, one.rate, one.seed) for one in jobs}
    assert len(jobs) == len(corners) == 8 and len({one.sweep for one in jobs}) == 1
    assert {one.method: one.epochs for one in jobs} == {"lora": 7, "ia3": METHODS["ia3"].epochs["vision"]}
    assert all(replace(one, method="lora", rate=1e-3, epochs=7, seed=0, sweep="") == wanted for one in jobs)
    for seeds in (range(1), range(MOST + 1), range(len(STUDENT) + 2)):
        with pytest.raises(SidelightError, match="A sweep is of 2 to"):
            sweep.grid(wanted, {"lora": [1e-3]}, seeds)


def test_a_sweep_is_queued_shown_and_cancelled_as_one(runs: Path) -> None:
    found = begun()
    assert sweep.sweeps() == {found.name: found} and worker.waiting() == list(found.runs)
    files = [(run / "data" / "pictures.safetensors").stat().st_ino for run in found.runs]
    assert len(files) == 8 and len(set(files)) == 1, "one copy of the data"
    assert not sweep.groups(sweep.rows(found)) and sweep.seconds_left(found) is None
    serve(found, 3)
    left = sweep.seconds_left(found)
    took = [status(run).ended - status(run).started for run in found.runs[:3]]
    assert left == pytest.approx(5 * statistics.fmean(took))
    sweep.cancel(found)
    sweep.cancel(found)
    rows = sweep.rows(found)
    assert [row.state for row in rows] == ["finished"] * 3 + ["cancelled"] * 5
    one, two = sweep.groups(rows)
    assert (one.method, one.seeds, two.seeds) == ("head", (0, 1), (0,)) and one.rate < two.rate
    every = [results.read(run) for run in found.runs[:3]]
    accuracies = [result.metrics["accuracy"] for result in every]
    assert one.quality["accuracy"] == Spread.of(accuracies[:2]) and two.quality["accuracy"].half is None
    assert one.seconds == pytest.approx(statistics.fmean(result.seconds for result in every[:2]))
    assert one.trainable == every[0].trainable and one.forgetting == {}, "a head forgets nothing"
    table = list(csv.DictReader(io.StringIO(sweep.as_csv(rows))))
    assert [float(line["accuracy"]) for line in table[:3]] == accuracies and table[3]["accuracy"] == ""
    assert [line["state"] for line in table] == [row.state for row in rows]
    tracked = {path.name: path.resolve() for path in sweep.tracking(found).iterdir()}
    assert tracked["head-0.02-seed0"] == (found.runs[2] / "tracking").resolve() and len(tracked) == 8
    assert list(tracked["head-0.02-seed0"].rglob("events.*")), "TensorBoard finds them"
    sweep.resume(found)
    assert worker.waiting() == list(found.runs[3:])
    assert results.job_of(found.runs[0]).sweep == "", "what is sent to others belongs to no sweep"
    titles = {json.loads((run / "result" / "card.json").read_text())["title"] for run in found.runs[:3]}
    assert len(titles) == 3, "they are told apart wherever a model is chosen"


def test_what_cannot_begin_leaves_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_RUNS_A_PERSON", "7")
    with pytest.raises(SidelightError, match="as many as this server allows"):
        begun()
    monkeypatch.setenv("SIDELIGHT_RUNS_A_PERSON", "8")
    monkeypatch.setattr(sweep, "_link", lambda first, run: (first / "data" / "nothing").stat())
    with pytest.raises(FileNotFoundError):
        begun()
    assert not list(runs.glob("2*"))


class Serving:
    """A worker in a thread, which has the tiny models."""

    def __init__(self) -> None:
        self.thread = threading.Thread(target=lambda: [list(worker.train_here(run)) for run in worker.waiting()])
        self.thread.start()

    def communicate(self) -> None:
        self.thread.join()


def test_the_command_begins_a_sweep_and_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "start_worker", Serving)
    monkeypatch.setattr(sweeping, "GLANCE", 0.02)
    monkeypatch.setitem(sweeping.TASKS, "vision", replace(sweeping.TASKS["vision"], load=tiny_vision))
    data = class_folders(tmp_path / "data")
    given = words("--task", "vision", "--data", data, "--side", 64, "--epochs", 2)
    command.main([*given, *words("--methods", "head", "--rates", "0.01", "0.1", "--seeds", 0, 1)])
    (found,) = sweep.sweeps().values()
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("4 runs, about ") for line in printed)
    lines = [json.loads(line) for line in printed if line.startswith("{")]
    assert {(line["rate"], line["seed"]) for line in lines} == {(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)}
    assert all(line["state"] == "finished" and line["accuracy"] > 0 for line in lines)
    assert sum("95% t interval" in line for line in printed) == 2
    worker.queue(found.runs[3])
    sweep.cancel(found)
    command.main(words("--task", "vision", "--sweep", found.name))
    assert {status(run).state for run in found.runs} == {"finished"}
    for wrong, why in (("--sweep nothing", "no sweep called"), ("--methods head --seeds 0", "2 to")):
        with pytest.raises(SystemExit) as caught:
            command.main([*given, *wrong.split()])
        assert why in str(caught.value.code)
