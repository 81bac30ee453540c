"""A run that is paused, ended early, cut off, hopeless or damaged goes on as if nothing had been, or says why not."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import SidelightError
from core.finetune import class_learning, film, picture_learning, results, sentence_learning, train
from core.finetune.job import Job, ask, status
from core.finetune.log import read_log
from core.finetune.looking import looking
from core.finetune.loop import Task
from core.finetune.methods import METHODS
from core.models import catalogue
from tests.finetune import models
from tests.finetune.models import data_of, in_place, job, loaded, pairs, pictures, run_of, tiny_translator


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    in_place(monkeypatch, tmp_path)
    monkeypatch.setattr(models, "DROPOUT", 0.1)  # as real translators have it


METHODS_OF = [(task, method) for task in ("vision", "translation") for method in METHODS]
METHODS_OF += [("classify", method) for method in METHODS if method != "prompt"]
METHODS_OF += [("captioning", method) for method in ("full", "head", "adalora")]
MOMENTS = [("vision", "adalora", 5), ("vision", "adalora", 10)]  # while ranks move; after that
MOMENTS += [(task, method, random.Random(f"{task} {method}").randrange(1, 6)) for task, method in METHODS_OF]


@pytest.fixture(scope="module")
def unbroken() -> dict[tuple[str, str], tuple[list[float], dict[str, float]]]:
    """Losses and metrics of the runs that nothing stopped, by task and method: each is run once."""
    return {}


@pytest.fixture
def whole(unbroken: dict, tmp_path: Path, task: str, method: str) -> tuple[list[float], dict[str, float]]:
    if (task, method) not in unbroken:
        folder = begun(tmp_path, task, method)
        unbroken[task, method] = [event.loss for event in train.train(folder)], results.read(folder).metrics
    return unbroken[task, method]


def short(task: str, method: str) -> Job:
    return job(task, method, varied=True, epochs=3, batch=6 if task == "vision" else 12)


def begun(root: Path, task: str, method: str) -> Path:
    """Of half as many pictures as elsewhere, in as many batches."""
    return run_of(root, short(task, method), pictures(each=8, held_out=6) if task == "vision" else data_of(task))


@pytest.mark.parametrize(("task", "method", "at"), MOMENTS)
def test_a_pause_changes_nothing(tmp_path: Path, whole: tuple, task: str, method: str, at: int) -> None:
    broken, (losses, metrics) = begun(tmp_path, task, method), whole
    first = []
    for event in train.train(broken):
        first.append(event)
        if event.step == at:
            ask(broken, "pause")
    assert [event.step for event in first] == list(range(1, at + 1))
    assert status(broken).state == "paused" and not (broken / "request").exists()
    assert not (broken / "result").exists()
    second = list(train.train(broken))
    assert second[0].step == at + 1 and second[0].seconds > first[-1].seconds
    assert [event.loss for event in (*first, *second)] == losses, "bit by bit"
    assert len(read_log(broken)) == len(losses) and status(broken).state == "finished"
    assert results.read(broken).metrics == pytest.approx(metrics, rel=1e-4)


@pytest.mark.parametrize(("task", "method"), METHODS_OF)
def test_a_kill_changes_nothing_also_before_the_first_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple, task: str, method: str
) -> None:
    """What is broken off leaves no word of it: the next one goes on from the last checkpoint, or begins anew where
    there is none, without measuring again what was known before."""
    broken, (losses, _) = begun(tmp_path, task, method), whole
    monkeypatch.setattr(train, "EVALUATIONS", len(losses) // 2)
    assert train.settings_of(short(task, method), len(losses) // 3).every == 2
    for at in (1, 3):  # before any checkpoint; with a step after the first one that is in none
        for event in train.train(broken):
            if event.step == at:
                break
    again = list(train.train(broken))
    assert again[0].step == 3
    assert [event.loss for event in read_log(broken)] == losses, "bit by bit"


def test_whatever_looks_neither_draws_nor_changes_the_mode() -> None:
    module = nn.Sequential(nn.Dropout(), nn.Linear(2, 2).eval())
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with looking(module):
        assert not any(part.training for part in module.modules())
        torch.rand(1), random.random(), np.random.rand()
    assert [part.training for part in module.modules()] == [True, True, False]
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state[1:]


def test_the_film_is_of_the_model_as_it_answers(tmp_path: Path) -> None:
    """Without dropout: the last frame is that of the model that is shipped, but for its rounding to half precision."""
    folder = run_of(tmp_path, job("translation", "full", epochs=2))
    list(train.train(folder))
    last = film.frames(folder)[-1][1]
    model = loaded("translation", folder / "result")
    output = film.SentenceFilm(tmp_path, tiny_translator(), pairs().held_out[0].source, "deu").output
    again = model.read(*model.source_pieces(pairs().held_out[0].source, "deu"), output).traces["cross"]
    assert torch.allclose(last, torch.stack([call.weights()[0] for call in again.calls]), atol=5e-3)


def test_finish_ends_early_with_a_result(tmp_path: Path) -> None:
    folder = run_of(tmp_path, job("vision", "lora", epochs=50))
    for event in train.train(folder):
        if event.step == 9:
            ask(folder, "finish")
    assert status(folder).state == "finished" and results.read(folder).steps == 9
    assert results.read(folder).metrics["accuracy"] > 0.5 and not (folder / "request").exists()


def test_what_was_cut_off_while_its_result_was_measured_needs_no_more_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(tmp_path, job("vision", "head"))
    with monkeypatch.context() as patch:
        patch.setattr(picture_learning.PictureLearning, "measure", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            list(train.train(folder))
    assert status(folder).state == "running" and results.read(folder) is None and not catalogue.trained()
    assert list(train.train(folder)) == []
    assert status(folder).state == "finished" and results.read(folder).steps == len(read_log(folder))


@pytest.mark.parametrize(("task", "method"), [("vision", "full"), ("vision", "head"), ("translation", "lora")])
def test_a_rate_that_is_too_high_ends_in_a_sentence(tmp_path: Path, task: str, method: str) -> None:
    folder = run_of(tmp_path, job(task, method, rate=1e30))
    with pytest.raises(SidelightError) as caught:
        list(train.train(folder))
    now = status(folder)
    assert caught.value.code == "training.not_finite" and "1e+30" in caught.value.sentence("en")
    assert now.state == "failed" and now.error[0] == "training.not_finite" and now.ended >= now.started
    assert SidelightError(now.error[0], **now.error[1]).sentence("zh") == caught.value.sentence("zh")
    assert results.read(folder) is None


def test_another_mistake_is_not_taken_for_a_rate_that_is_too_high(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: picture_learning.PictureLearning) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(picture_learning.PictureLearning, "probes", broken)
    with pytest.raises(ValueError, match="a bug"):
        list(train.train(run_of(tmp_path, job("vision", "head"))))


@pytest.mark.parametrize(("patience", "evaluations"), [(0, 6), (1, 2), (2, 3)])
def test_patience_ends_what_gets_no_better(tmp_path: Path, patience: int, evaluations: int) -> None:
    """A rate so small that nothing moves: the first evaluation is the best."""
    folder = run_of(tmp_path, job("vision", "head", rate=1e-20, epochs=6, patience=patience))
    events = list(train.train(folder))
    assert sum(bool(event.metrics) for event in events) == evaluations
    assert len(events) == 4 * evaluations and results.read(folder).steps == len(events)


def best_the_second_time(evaluate: Callable) -> Callable:
    def evaluated(task: Task, module: nn.Module) -> dict[str, float]:
        task.seen_times = getattr(task, "seen_times", 0) + 1
        return evaluate(task, module) | {"loss": float(abs(task.seen_times - 2))}

    return evaluated


@pytest.mark.parametrize(("task", "method"), [("vision", "adalora"), ("vision", "head"), ("translation", "prompt")])
def test_what_stops_early_ships_its_best_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, method: str
) -> None:
    """The same as a run that was ended there. AdaLoRA's ranks move after it."""
    wanted = job(task, method, epochs=4 if task == "vision" else 8)
    early, short = run_of(tmp_path, replace(wanted, patience=2)), run_of(tmp_path, replace(wanted, patience=6))
    every = train.settings_of(wanted, 4 if task == "vision" else 2).every
    for kind in (picture_learning.ClassTask, class_learning.HeadTask, sentence_learning.ScoredTask):
        monkeypatch.setattr(kind, "evaluate", best_the_second_time(kind.evaluate))
    list(train.train(early))
    for event in train.train(short):
        if event.step == 2 * every:
            ask(short, "finish")
    assert results.read(early).kept == 2 * every < results.read(early).steps
    one, other = (catalogue.card(run.name).weights.read_bytes() for run in (early, short))
    assert one == other


def test_runs_of_one_process_may_differ_in_precision(tmp_path: Path) -> None:
    """bfloat16 has 8 bits of precision: the first losses agree to a few per cent, and are not the same."""
    found = []
    for precision in ("no", "bf16", "no"):
        wanted = job("vision", "head", precision=precision, epochs=2)
        found.append([event.loss for event in train.train(run_of(tmp_path, wanted))])
    assert found[0] == found[2] != found[1] and found[1] == pytest.approx(found[0], rel=0.03)


def test_damaged_data_ends_in_a_sentence(tmp_path: Path) -> None:
    folder = run_of(tmp_path, job("vision", "head"))
    (folder / "data" / "pictures.safetensors").write_bytes(b"no")
    with pytest.raises(SidelightError) as caught:
        list(train.train(folder))
    assert caught.value.code == "data.saved_damaged" and status(folder).state == "failed"
