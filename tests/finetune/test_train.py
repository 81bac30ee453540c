"""A whole job, from its folder to its result, on tiny models: what it leaves is what was promised, and what it says of
itself is true."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import sacrebleu
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn.functional import cross_entropy
from torchvision.transforms.functional import normalize

from core.finetune import film, picture_learning, results, train
from core.finetune.data import dataset
from core.finetune.job import Job, read_job, status
from core.finetune.learning import sample_order
from core.finetune.log import Event, read_log
from core.finetune.pictures import enlarge
from core.finetune.translation_task import TranslationTask
from core.models import catalogue
from core.models.translation import load_translator_card
from core.models.vision import load_vision_card
from core.tasks import TASKS
from core.ui.finetune import live
from tests.finetune.models import LAYERS, data_of, in_place, job, judged_on, pictures, run_of, tiny_vision

JOBS = {
    "vision": job("vision", "lora", epochs=5, smoothing=0.0),
    "translation": job("translation", "full", epochs=48, rate=2e-2, smoothing=0.0, probe="The dog sleeps."),
}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    in_place(monkeypatch, tmp_path / "runs")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    """The folder of a job of each task that was trained to its end, done once, and its events."""
    root, kept = tmp_path_factory.mktemp("finished"), {}

    def of(task: str) -> tuple[Path, list[Event]]:
        if task not in kept:
            folder = run_of(root, JOBS[task])
            kept[task] = folder, list(train.train(folder))
        return kept[task]

    return of


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("task", ["vision", "translation"])
def test_the_folder_holds_what_was_promised(finished, task: str) -> None:
    folder, events = finished(task)
    assert status(folder).state == "finished" and status(folder).stage == "" and status(folder).error is None
    assert status(folder).started <= status(folder).ended
    assert read_job(folder) == JOBS[task] == Job(**json.loads((folder / "job.json").read_text()))
    assert dataset.load(folder / "data").digest == data_of(task).digest
    steps = JOBS[task].epochs * (4 if task == "vision" else 2)
    assert [event.step for event in events] == list(range(1, steps + 1))
    assert [asdict(event) for event in read_log(folder)] == [asdict(event) for event in events]
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["steps"] == steps and settings["rate"] == JOBS[task].rate
    assert 6 <= sum(bool(event.metrics) for event in events) <= 7 and events[-1].metrics
    assert max(event.rate for event in events) == JOBS[task].rate and events[-1].rate < 0.1 * JOBS[task].rate
    assert not (folder / "checkpoints").exists() and not (folder / "request").exists()
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"], "nothing unfinished is left"


@pytest.mark.parametrize("task", ["vision", "translation"])
def test_the_loss_falls_on_what_can_be_learnt(finished, task: str) -> None:
    folder, events = finished(task)
    measured = [event.metrics for event in events if event.metrics]
    assert sum(event.loss for event in events[-3:]) < 0.6 * sum(event.loss for event in events[:3])
    assert measured[-1]["loss"] < 0.9 * measured[0]["loss"]
    if task == "vision":
        assert measured[-1]["accuracy"] > 0.9 and measured[-1]["accuracy"] > measured[0]["accuracy"]
    else:
        assert measured[-1]["chrf"] > measured[0]["chrf"] + 10


def test_both_losses_are_measured_alike(finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """On fixed items, as they are: the last ones by hand, of the model that was shipped."""
    for task, rounding in (("vision", 1e-3), ("translation", 2e-2)):  # the latter was written as float16
        folder, events = finished(task)
        monkeypatch.setenv("SIDELIGHT_RUNS", str(folder.parent))
        model, data = TASKS[task].load_card(catalogue.card(folder.name)), data_of(task)
        chosen = sample_order(len(data.train), JOBS[task])
        assert len(chosen) == TASKS[task].interim and len(set(chosen.tolist())) == len(chosen)
        with torch.inference_mode():
            if task == "vision":
                part = data.train.part(chosen)
                logits = model.module(normalize(enlarge(part.images, 64), model.mean, model.std))
                loss = float(cross_entropy(logits, part.labels))
            else:
                judge = TranslationTask(model.module, model.tokenizer, data.train, data.held_out)
                loss = judge.loss_of(model.module, [data.train[n] for n in chosen.tolist()])
        assert events[-1].metrics["training_loss"] == pytest.approx(loss, rel=rounding)


def test_labels_that_mean_nothing_bring_the_losses_apart(tmp_path: Path) -> None:
    folder = run_of(tmp_path, job("vision", "full", epochs=12), pictures(shuffled=True))
    last = list(train.train(folder))[-1].metrics
    assert last["loss"] > max(live.APART * last["training_loss"], last["training_loss"] + live.APART_LEAST)


@pytest.mark.parametrize("method", ["lora", "head"])
def test_shuffled_labels_are_not_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Accuracy on 90 held-out pictures of 3 classes: 1/3, give or take three standard deviations of 0.05."""
    judged_on(monkeypatch, "vision", 90)
    folder = run_of(tmp_path, job("vision", method, epochs=5), pictures(held_out=30, shuffled=True))
    events = list(train.train(folder))
    found = [event.metrics["accuracy"] for event in events if event.metrics]
    assert len(found) >= 6 and max(found) < 1 / 3 + 3 * 0.05
    assert results.read(folder).metrics["accuracy"] < 1 / 3 + 3 * 0.05
    assert events[-1].loss < math.log(3), "it did try: what it was trained on it knows a little"


def test_the_film_of_a_photo(finished) -> None:
    folder, events = finished("vision")
    frames = film.frames(folder)
    assert [step for step, _ in frames] == list(range(len(events) + 1)), "20 steps: one frame each, and the start"
    assert json.loads((folder / "film" / "axis.json").read_text()) == {"type": "image", "grid": [16, 16]}
    assert Image.open(folder / "film" / "probe.png").size == (128, 128)
    for _, attention in frames:
        assert attention.shape == (LAYERS["vision"], 3, 256)
        rest = 1 - attention.sum(-1)  # what CLS keeps for itself
        assert (attention >= 0).all() and ((rest > 0) & (rest < 0.5)).all()
    assert (frames[-1][1] - frames[0][1]).abs().max() > 1e-4, "attention moved"
    probe = Image.open(folder / "film" / "probe.png").convert("RGB")
    trace = tiny_vision().run(probe, 128, "crop").traces["encoder"]
    rows = torch.stack([torch.stack([trace.row(layer, head, 0) for head in range(3)]) for layer in range(trace.layers)])
    torch.testing.assert_close(frames[0][1], rows[..., 1:], rtol=0, atol=1e-3)  # float16; without CLS


def test_the_film_of_a_sentence(finished) -> None:
    folder, events = finished("translation")
    frames, axis = film.frames(folder), film.axis(folder)
    assert axis["type"] == "sentence" and axis["source"][:4] == [">>deu<<", "The", "dog", "sleeps"]
    assert frames[0][0] == 0 and frames[-1][0] == events[-1].step and len(frames) >= film.FRAMES
    for _, attention in frames:
        assert attention.shape == (1, 2, len(axis["target"]), len(axis["source"]))
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]), rtol=0, atol=5e-3)  # float16
    assert (frames[-1][1] - frames[0][1]).abs().max() > 1e-2


def test_a_head_alone_is_filmed_once(tmp_path: Path) -> None:
    folder = run_of(tmp_path, job("vision", "head"))
    list(train.train(folder))
    assert [step for step, _ in film.frames(folder)] == [0]


def test_the_probe_that_was_chosen_is_the_one_that_is_filmed(tmp_path: Path) -> None:
    folder = run_of(tmp_path, job("vision", "head"))
    (folder / "film").mkdir()
    Image.new("RGB", (300, 200), (10, 200, 10)).save(folder / "film" / "probe-photo.png")
    list(train.train(folder))
    assert Image.open(folder / "film" / "probe.png").getpixel((64, 64)) == (10, 200, 10)


def test_the_answers_of_a_classifier_add_up(finished) -> None:
    folder, events = finished("vision")
    probes = lines(folder / "probes.jsonl")
    measured = {event.step: event.metrics for event in events if event.metrics}
    assert [line["step"] for line in probes] == list(measured)
    held_out = picture_learning.interim_pictures(data_of("vision"), JOBS["vision"].seed)
    for line in probes:
        confusion = torch.tensor(line["confusion"])
        assert confusion.shape == (3, 3) and confusion.sum() == 24
        assert confusion.sum(1).tolist() == [int((held_out.labels == label).sum()) for label in range(3)]
        assert confusion.diagonal().sum() / 24 == pytest.approx(measured[line["step"]]["accuracy"])
        assert [sample["input"] for sample in line["samples"]] == list(range(6))
        for sample, label in zip(line["samples"], held_out.labels.tolist(), strict=False):
            assert sample["reference"] == held_out.classes[label] and sample["output"] in held_out.classes
            assert 1 / 3 <= sample["probability"] <= 1


def test_the_answers_of_a_translator(finished) -> None:
    folder, events = finished("translation")
    probes, held_out = lines(folder / "probes.jsonl"), data_of("translation").held_out
    assert [line["step"] for line in probes] == [event.step for event in events if event.metrics]
    for line in probes:
        asked = [(sample["input"], sample["reference"]) for sample in line["samples"]]
        assert asked == [(pair.source, pair.target) for pair in held_out[:6]]
    assert probes[0]["samples"][0]["output"] != probes[-1]["samples"][0]["output"]


@pytest.mark.parametrize("task", ["vision", "translation"])
def test_the_result_counts_what_it_says(finished, task: str) -> None:
    folder, events = finished(task)
    result, data = results.read(folder), data_of(task)
    assert result.steps == len(events) and result.seconds == events[-1].seconds
    assert result.peak_mb == max(event.memory for event in events) > 100
    assert result.data == data.digest and result.trainable > 0 and result.parameters > 30_000
    assert set(result.before) == ({"accuracy", "macro_f1"} if task == "vision" else {"bleu", "chrf"})
    measures = {"object_attention"} if task == "vision" else {"bleu", "chrf"}
    assert {when: set(found) for when, found in result.forgetting.items()} == {"before": measures, "after": measures}
    shipped = json.loads((folder / "result" / "job.json").read_text())
    assert shipped == asdict(replace(JOBS[task], owner="")), "who asked for it stays here"


def test_the_result_of_a_classifier_is_as_good_as_it_says(
    finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured anew on the model as any page loads it, picture by picture, with F1 from its definition."""
    folder, _ = finished("vision")
    monkeypatch.setenv("SIDELIGHT_RUNS", str(folder.parent))
    model, held_out = load_vision_card(catalogue.card(folder.name)), data_of("vision").held_out
    with torch.inference_mode():
        rows = [
            model.module(normalize(enlarge(image[None], 64), model.mean, model.std))[0] for image in held_out.images
        ]
    answers, labels = [int(row.argmax()) for row in rows], held_out.labels.tolist()
    f1 = []
    for label in range(3):
        hit = sum(a == b == label for a, b in zip(answers, labels, strict=True))
        f1.append(2 * hit / (answers.count(label) + labels.count(label)))
    measured = results.read(folder).metrics
    assert measured["accuracy"] == pytest.approx(sum(a == b for a, b in zip(answers, labels, strict=True)) / 36)
    assert measured["macro_f1"] == pytest.approx(sum(f1) / 3)
    assert measured["loss"] == pytest.approx(float(cross_entropy(torch.stack(rows), held_out.labels)), rel=1e-4)


def test_the_result_of_a_translator_is_as_good_as_it_says(finished, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = finished("translation")
    monkeypatch.setenv("SIDELIGHT_RUNS", str(folder.parent))
    model, held_out = load_translator_card(catalogue.card(folder.name)), data_of("translation").held_out
    texts = [model.translate(pair.source, "deu", beams=1).text for pair in held_out]
    references, measured = [[pair.target for pair in held_out]], results.read(folder).metrics
    assert measured["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, references).score)
    assert measured["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, references).score)
    assert measured["chrf"] > 20 > results.read(folder).before["chrf"]


def test_tensorboard_reads_what_was_logged(finished) -> None:
    folder, events = finished("vision")
    found = EventAccumulator(str(folder / "tracking")).Reload()
    logged = {scalar.step: scalar.value for scalar in found.Scalars("loss")}
    assert logged == pytest.approx({event.step: event.loss for event in events}, rel=1e-6)
    accuracy = {scalar.step: scalar.value for scalar in found.Scalars("validation/accuracy")}
    assert accuracy == pytest.approx({e.step: e.metrics["accuracy"] for e in events if e.metrics}, rel=1e-6)
    assert {scalar.step for scalar in found.Scalars("rate")} == set(logged)
