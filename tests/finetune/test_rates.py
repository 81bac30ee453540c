"""The learning-rate finder: the loop of every run under growing rates, which leaves all else as it was."""

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from core.finetune import __main__ as command
from core.finetune import rates
from core.finetune.rates import DECADE, HIGHEST, LOWEST, STEPS, RangeTest
from core.finetune.train import train
from tests.finetune.models import data_of, in_place, job, run_of
from tests.finetune.test_command import class_folders, words


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_place(monkeypatch, tmp_path / "runs")
    return tmp_path / "runs"


def generators() -> tuple[object, ...]:
    return random.getstate(), tuple(np.random.get_state()[1]), tuple(torch.random.get_rng_state().tolist())


@pytest.mark.parametrize(("task", "method", "runs_away"), [("vision", "full", True), ("translation", "adalora", False)])
def test_rates_grow_evenly_and_nothing_else_changes(task: str, method: str, runs_away: bool, runs: Path) -> None:
    """A run is the same, to the bit, whether rates were tried between its beginning and its end or not."""
    wanted, data = job(task, method, epochs=2), data_of(task)
    plain = [event.loss for event in train(run_of(runs, wanted))]
    going = train(run_of(runs, wanted))
    losses = [next(going).loss]
    before = generators()
    found = rates.find(wanted, data)
    assert generators() == before
    assert losses + [event.loss for event in going] == plain
    assert found.rates[0] == pytest.approx(LOWEST) and len(found.rates) == len(found.losses) > DECADE
    assert all(b / a == pytest.approx((HIGHEST / LOWEST) ** (1 / (STEPS - 1))) for a, b in pairwise(found.rates))
    assert found.losses[0] == pytest.approx(plain[0], rel=1e-5), "the model and the batch of a run's first step"
    assert (len(found.losses) < STEPS) == (found.smoothed[-1] > 4 * min(found.smoothed)) == runs_away
    assert found.lowest is not None and found.smoothed[found.lowest] == min(found.smoothed)
    assert found.suggestion == found.rates[found.lowest] / 10
    assert {path.name for path in runs.iterdir()} == {path.parent.name for path in runs.glob("*/job.json")}


def test_a_loss_that_only_scatters_gives_no_suggestion() -> None:
    draw = np.random.default_rng(0)
    every = tuple(np.geomspace(LOWEST, HIGHEST, STEPS).tolist())
    given = [RangeTest(every, tuple((1 + 0.1 * draw.standard_normal(STEPS)).tolist())) for _ in range(200)]
    assert sum(test.suggestion is None for test in given) > 150
    falls = RangeTest(every, tuple(1 - 0.5 * np.exp(-((np.log10(every) + 2) ** 2))))
    assert falls.suggestion is not None and 1e-3 < falls.suggestion < 3.2e-3, "half a decade late, as an average is"
    assert RangeTest(every[:5], falls.losses[:5]).suggestion is None, "too few steps to know how the loss scatters"


@pytest.mark.parametrize("last", [0, 3])
def test_it_can_be_stopped_and_begun_again(last: int) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, steps: int) -> None:
        assert steps == STEPS
        if done == last:
            raise Stopped

    before = generators()
    for _ in range(2):
        with pytest.raises(Stopped):
            rates.find(job("vision", "head"), data_of("vision"), stop)
    assert generators() == before


def test_the_command_prints_the_curve_and_begins_no_run(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data")
    command.main(words("--task", "vision", "--method", "full", "--data", data, "--side", 64, "--find-rate"))
    printed = capsys.readouterr().out.splitlines()
    lines = [json.loads(line) for line in printed if line.startswith("{")]
    assert len(lines) > DECADE and lines[0].keys() == {"rate", "loss", "average"}
    assert printed[-1].startswith("suggested --rate: ") and not runs.exists()
    with pytest.raises(SystemExit):
        command.main(words("--task", "vision", "--find-rate"))
    assert "--data is needed" in capsys.readouterr().err
