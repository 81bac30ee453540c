"""Temperatures: bounded where nothing was learnt, and judged on other pictures than they were fitted on."""

import pytest
import torch

from core.finetune import results, train
from core.finetune.calibration import (
    MOST,
    calibration_error,
    calibration_parts,
    fit_temperature,
    helpful_temperature,
)
from core.finetune.class_task import class_logits
from core.finetune.pictures import Pictures
from core.models import catalogue
from core.tasks import TASKS
from tests.finetune.models import in_place, job, pictures, run_of


def test_what_learnt_nothing_has_no_huge_temperature() -> None:
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (300,), generator=draw)
    for logits in (torch.randn(300, 3, generator=draw), -5 * torch.eye(3)[labels], torch.zeros(300, 3)):
        assert 1 / MOST <= fit_temperature(logits, labels) <= MOST == 20
    assert fit_temperature(-5 * torch.eye(3)[labels], labels) == MOST


def test_a_temperature_within_the_bounds_is_the_one_that_was_hidden() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 3, generator=draw)
    labels = torch.multinomial((logits / 2).softmax(-1), 1, generator=draw)[:, 0]
    assert fit_temperature(3 * logits, labels) == pytest.approx(6, rel=0.05)


def test_a_temperature_that_does_not_help_on_other_pictures_is_not_used() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=draw)
    honest = torch.multinomial(logits.softmax(-1), 1, generator=draw)[:, 0]
    fitted = 3 * logits, honest
    assert helpful_temperature(fitted, (3 * logits, honest)) == fit_temperature(*fitted) == pytest.approx(3, rel=0.1)
    sure = torch.eye(3)[honest[:4]], honest[:4]
    assert fit_temperature(*sure) < 0.2 and helpful_temperature(sure, sure) == 1, (
        "four right answers prove no certainty"
    )
    assert helpful_temperature(fitted, (logits, honest)) == 1, "these were as often right as they said"
    assert helpful_temperature(fitted, (logits[:0], honest[:0])) == fit_temperature(*fitted), "nothing to judge it by"


@pytest.mark.parametrize("count", [1, 2, 7, 36])
def test_the_two_parts_share_no_picture(count: int) -> None:
    held_out = Pictures(torch.arange(count)[:, None, None, None], torch.arange(count), ("a", "b"), "")
    fitted, judged = calibration_parts(held_out, 3)
    assert sorted([*fitted.labels.tolist(), *judged.labels.tolist()]) == list(range(count))
    assert len(judged) == count // 2


def test_the_calibration_that_is_told_is_of_the_other_half(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place(monkeypatch, tmp_path)
    data = pictures()
    folder = run_of(tmp_path, job("vision", "head", seed=3), data)
    list(train.train(folder))
    model = TASKS["vision"].load_card(catalogue.card(folder.name))
    fitted, judged = calibration_parts(data.held_out, 3)
    with torch.inference_mode():
        first, second = (class_logits(model.module, part, model.mean, model.std, 64) for part in (fitted, judged))
    told = results.read(folder).calibration
    chosen = helpful_temperature((first, fitted.labels), (second, judged.labels))
    assert told["temperature"] == model.temperature == pytest.approx(chosen, rel=1e-3)
    assert told["error"] <= told["error_without"]
    for name, t in (("error", model.temperature), ("error_without", 1.0)):
        found = calibration_error((second / t).softmax(-1), judged.labels)
        assert told[name] == pytest.approx(found, abs=1e-6)
    assert told["pictures"] == 18
