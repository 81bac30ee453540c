"""The errors of a finished run: which they are, one of them looked at, and a label that is mended."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core.finetune import answers, results, worker
from core.finetune.answers import Answer
from core.finetune.data import dataset
from core.finetune.job import read_job, write_json
from tests.pages.test_after import after, head, lora, runs, texts  # noqa: F401  fixtures
from tests.pages.test_pages import views


def test_what_was_answered_gives_the_metrics(head: Path, lora: Path) -> None:  # noqa: F811
    found, result, data = answers.read(head), results.read(head), dataset.load(head / "data")
    classes = data.train.classes
    assert [classes.index(one.reference) for one in found] == data.held_out.labels.tolist()
    right = sum(not one.is_wrong for one in found) / len(found)
    assert right == pytest.approx(result.metrics["accuracy"])
    matrix = answers.confusion(found, classes)
    assert sum(map(sum, matrix)) == len(found) and sum(matrix[n][n] for n in range(len(classes))) == right * len(found)
    translated = answers.read(lora)
    assert [one.reference for one in translated] == [pair.target for pair in dataset.load(lora / "data").held_out]
    heavy = [one.fault for one in answers.errors(translated)]
    assert heavy == sorted(heavy, reverse=True) and 0 < heavy[-1] <= heavy[0] <= 1


def wrong(run: Path, *items: int) -> list[Answer]:
    """Make these answers of the run wrong, by the other class with more certainty each."""
    found, names = answers.read(run), dataset.load(run / "data").train.classes
    other = dict(zip(names, names[::-1], strict=True))
    for place, item in enumerate(items):
        found[item] = replace(found[item], output=other[found[item].reference], fault=0.6 + place / 10)
    rest = [one if one.item in items else replace(one, output=one.reference) for one in found]
    answers.write(run, rest)
    return rest


def test_an_error_is_looked_at_and_its_label_mended(head: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    queued = []
    monkeypatch.setattr(worker, "queue", queued.append)
    found, data = wrong(head, 0, 5, 7), dataset.load(head / "data")
    write_json(head / "job.json", asdict(replace(read_job(head), sweep="20260101-000000-sweep-0000")))
    assert [one.item for one in answers.errors(found)] == [7, 5, 0], "the surest first"
    test = after(head)
    assert f"3 of {len(found)} held-out pictures" in texts(test)
    looks = [button for button in test.button if button.label == "Look"]
    assert [button.key.rsplit("_", 1)[1] for button in looks] == ["7", "5", "0"]
    looks[1].click().run()
    assert not test.exception and test.query_params["error"] in ("6", ["6"])
    assert views(test), "the attention of both models"
    truth, said = found[5].reference, found[5].output
    choice = next(box for box in test.selectbox if box.key.startswith("mend_"))
    assert choice.value == truth
    choice.set_value(said).run()
    next(button for button in test.button if button.label.startswith("Train again")).click().run()
    assert not test.exception and len(queued) == 1
    (again,) = queued
    assert read_job(again).sweep == "", "it is no part of the sweep whose run it mends"
    assert asdict(read_job(again)) | {"owner": ""} == asdict(read_job(head)) | {"owner": "", "sweep": ""}
    mended = dataset.load(again / "data")
    assert mended.train.classes[mended.held_out.labels[5]] == said
    assert mended.digest != data.digest and (mended.train.labels == data.train.labels).all()
    assert (head / "result").exists(), "the old run stays"


def test_the_classes_choose_the_errors(head: Path) -> None:  # noqa: F811
    found = wrong(head, 0, 5, len(answers.read(head)) - 1)
    test = after(head)
    box = next(box for box in test.selectbox if box.label == "Which errors")
    kinds = {(one.reference, one.output) for one in answers.errors(found)}
    assert len(box.options) == 1 + len(kinds)
    box.select_index(1).run()
    looks = [button for button in test.button if button.label == "Look"]
    (some,) = {(found[n].reference, found[n].output) for n in (int(one.key.rsplit("_", 1)[1]) for one in looks)}
    assert len(looks) == len(answers.errors(found, some)) < 3


@pytest.mark.parametrize("kept", [None, "{", json.dumps([{"item": 1}])])
def test_a_run_without_answers_says_so(head: Path, kept: str | None) -> None:  # noqa: F811
    (head / answers.FILE).unlink()
    if kept:
        (head / answers.FILE).write_text(kept)
    assert "not kept for this run" in texts(after(head))


def test_a_translation_is_looked_at_and_mended(lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    queued = []
    monkeypatch.setattr(worker, "queue", queued.append)
    first = answers.errors(answers.read(lora))[0]
    test = after(lora)
    next(button for button in test.button if button.label == "Look").click().run()
    assert not test.exception and views(test)
    source = dataset.load(lora / "data").held_out[first.item].source
    assert texts(test).count(source) == 2, "in the list and over both translations"
    box = next(box for box in test.text_input if box.key.startswith("mend_"))
    assert box.value == first.reference
    box.set_value("  Ein anderer\u200b Satz. ").run()
    next(button for button in test.button if button.label.startswith("Train again")).click().run()
    assert dataset.load(queued[0] / "data").held_out[first.item].target == "Ein anderer Satz."
