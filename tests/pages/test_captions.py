"""Captions on the Fine-tune page, with tiny models: what was learnt is shown before and after, and opens on Bridge."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.Metric_pb2 import Metric

from core import wording
from core.finetune import train
from core.models import catalogue
from core.models.captioning_by_name import load_captioner_card
from core.store import store
from core.tasks import TASKS
from core.ui.finetune import live
from tests.finetune.models import in_place, job, run_of, tiny_captioner
from tests.finetune.person import packed
from tests.finetune.test_caption_data import csv, files
from tests.pages.test_pages import opened


def load(name: str) -> Any:
    card = catalogue.card(name)
    return load_captioner_card(card) if card and card.is_trained else tiny_captioner()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("runs")
        in_place(patch, root)
        patch.setitem(TASKS, "captioning", replace(TASKS["captioning"], load=load))
        patch.setattr(live, "ensure_worker", lambda: None)
        folder = run_of(root, job("captioning", "lora", epochs=2, batch=9, owner=""))
        list(train.train(folder))
        file = folder / "result" / "result.json"
        found = json.loads(file.read_text())
        found["before"]["word_f1"] = 1.0  # it became worse
        file.write_text(json.dumps(found))
        yield folder
        store().forget(catalogue.CAPTIONER.key)  # a tiny one stood in its place


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_result_is_shown_before_and_after(run: Path, language: str) -> None:
    test = opened("finetune", lang=language, run=run.name)
    assert not test.exception
    said = {metric.label for metric in test.metric}
    assert {wording.text(f"finetune.{name}", language) for name in ("word_f1", "exact")} <= said
    drawn = test.metric[0].proto
    assert (drawn.direction, drawn.color) == (Metric.MetricDirection.DOWN, Metric.MetricColor.RED), drawn.delta
    heads = [one.value for one in (*test.header, *test.subheader)]
    assert {wording.text(f"after.{name}", language) for name in ("result", "change", "drift")} <= set(heads)
    told = "\n".join(one.value for one in (*test.caption, *test.markdown))
    for key in ("after.before_captioning", "after.drift_captioning"):
        assert wording.text(key, language) in told, key
    assert wording.entries()["after.forgetting_captioning"][language].split("{")[0] in told
    assert len(test.code) >= 2, "both captions"
    piece = test.selectbox(key=f"film_piece_{run.name}")
    piece.set_value(0).run()
    assert not test.exception


def test_a_persons_pictures_are_read_and_told(run: Path) -> None:
    test = opened("finetune", lang="en", finetune_task="captioning", data_captioning="own")
    assert not test.exception
    test.file_uploader(key="data_captions").upload(
        "mine.zip", packed(files() | {"c.csv": csv()}), "application/zip"
    ).run()
    assert not test.exception
    said = "\n".join(one.value for one in (*test.text, *test.markdown, *test.caption, *test.warning))
    assert "✓ The captions are read from “c.csv”, column “text”: 12 of 12 pictures." in said
    assert wording.text("finetune.start") in {button.label for button in test.button}
