"""Labelled texts: read whichever way people write them down, learnt by every method that fits; the result opens on the
other pages and elsewhere."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertModel

from core.attention.faithfulness import beats, control, curves, order
from core.attention.methods import METHODS as EXPLAINING
from core.attention.methods import explain, refusal
from core.errors import SidelightError
from core.finetune import data, film, outside, results, text_learning, train
from core.finetune.answers import read as read_answers
from core.finetune.data import dataset
from core.finetune.estimate import counts
from core.finetune.forgetting import pieces_filled
from core.finetune.job import default_job
from core.finetune.text_task import text_logits
from core.finetune.texts import varied
from core.models import catalogue, classification
from core.models.classification import for_classes, load_classifier, load_text_model
from core.models.text_heads import check_can_learn, head_of
from core.models.text_subjects import classification_subject
from tests.finetune.models import in_place, job, run_of, texts, tiny_text

ROWS = [(f"this is number {n} of them", ("good", "bad")[n % 2]) for n in range(12)]
CSV = "review,sentiment\n" + "".join(f'"{text}, so",{label}\n' for text, label in ROWS)
TSV = "".join(f"{label}\t{text}\n" for text, label in ROWS)
JSONL = "".join(json.dumps({"id": n, "text": text, "label": n % 2}) + "\n" for n, (text, _) in enumerate(ROWS))
FASTTEXT = "".join(f"__label__{label} {text}\n" for text, label in ROWS)


def read(name: str, text: str, **how) -> data.TextData:
    return data.texts_from_files([(name, text.encode())], **how)


def code_of(*files: tuple[str, str]) -> str:
    with pytest.raises(SidelightError) as caught:
        data.texts_from_files([(name, text.encode()) for name, text in files])
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "text", "classes", "columns"),
    [
        ("a.csv", CSV, ("bad", "good"), (0, 1)),
        ("a.tsv", TSV, ("bad", "good"), (1, 0)),
        ("a.jsonl", JSONL, ("0", "1"), (1, 2)),
        ("a.txt", FASTTEXT, ("bad", "good"), (1, 0)),
    ],
)
def test_tables_are_understood(name: str, text: str, classes: tuple[str, ...], columns: tuple[int, int]) -> None:
    found = read(name, text)
    assert found.train.classes == classes and found.report.chosen == columns
    assert found.report.counts == dict.fromkeys(classes, (5, 1)) and len(found.train) == 10
    every = dict(
        zip(found.train.texts + found.held_out.texts, [*found.train.labels, *found.held_out.labels], strict=True)
    )
    assert len(every) == 12 and all("number" in one for one in every)
    for number, (line, label) in enumerate(ROWS):
        key = next(one for one in every if one.startswith(line))
        assert classes[every[key]] in (label, str(number % 2)), "each text has its own label"
    assert [one.code for one in found.report.understood] == ["data.read_labels"]
    assert read(name, text, seed=1).digest != found.digest == read(name, text).digest


def test_columns_that_a_person_chose_are_taken() -> None:
    found = read("a.csv", "".join(f"{text};{n % 3};{label}\n" for n, (text, label) in enumerate(ROWS)), columns=(0, 1))
    assert found.train.classes == ("0", "1", "2") and found.report.choices == ("1", "2", "3")


def test_her_own_split_is_kept_from_a_column_or_from_the_names_of_files() -> None:
    parts = ["train"] * 8 + ["test"] * 4
    table = "text,label,split\n" + "".join(f"{t},{lab},{part}\n" for (t, lab), part in zip(ROWS, parts, strict=True))
    head, *lines = CSV.splitlines(keepends=True)
    files = [("train.csv", head + "".join(lines[:8])), ("test.csv", head + "".join(lines[8:]))]
    for found in (read("a.csv", table), data.texts_from_files([(n, t.encode()) for n, t in files])):
        assert {text.split()[3] for text in found.held_out.texts} == {"8", "9", "10", "11"}
        assert "data.read_split" in [one.code for one in found.report.understood]


def test_what_cannot_be_used_is_told() -> None:
    doubtful = CSV + '"this is number 0 of them, so",bad\n"This is number 1 of them, so",bad\n,good\nno label,\n'
    report = read("a.csv", doubtful).report
    assert report.conflicts == ("2", "14") and report.duplicates == ("15",)
    assert [(where, error.code) for where, error in report.unreadable] == [
        ("16", "data.line_empty"),
        ("17", "data.line_empty"),
    ]
    assert code_of(("a.csv", "text,label\n" + "a,b\n" * 3)) in ("data.few_classes", "data.label_columns")
    assert code_of(("a.csv", "".join(f"{n},{n + 1}\n" for n in range(20)))) == "data.label_columns"
    assert (
        code_of(("a.csv", "text,label\n" + "".join(f"text {n},{n // 3}\n" for n in range(156)))) == "data.many_classes"
    )
    assert code_of(("a.csv", "text,label\none,a\ntwo,a\nthree,a\nfour,b\n")) == "data.too_few"
    assert code_of(("a.png", "")) == "data.table_empty"


def test_bundled_texts_are_balanced_and_share_nothing_with_what_validates() -> None:
    for kind in data.TEXT_KINDS:
        most = data.most_texts(kind)
        found, few = data.bundled_texts(kind, most), data.bundled_texts(kind, 5)
        assert found.held_out.texts == few.held_out.texts and set(few.train.texts) <= set(found.train.texts)
        assert found.report.counts == dict.fromkeys(found.train.classes, (most, 40)) and most >= 100
        assert not {text.casefold() for text in found.train.texts} & {text.casefold() for text in found.held_out.texts}
        with pytest.raises(SidelightError):
            data.bundled_texts(kind, most + 1)
    assert not any("?" in text for text in data.bundled_texts("question", 50).train.texts), "a mark would tell"


def test_texts_are_saved_and_mended(tmp_path: Path) -> None:
    found = read("a.csv", CSV.replace("number", "nümber 数"))
    dataset.save(found, tmp_path)
    again = dataset.load(tmp_path)
    assert again.digest == found.digest and again.train.texts == found.train.texts
    assert again.report.counts == found.report.counts and again.report.choices == found.report.choices
    mended = again.mended({0: "good", 1: "good"})
    assert mended.held_out.labels.tolist() == [1, 1] and mended.report.counts["bad"] == (5, 0)
    assert mended.digest != again.digest
    (tmp_path / "texts.json").write_text("{}")
    with pytest.raises(SidelightError) as caught:
        dataset.load(tmp_path)
    assert caught.value.code == "data.saved_damaged"


def test_texts_are_typed_anew_and_mostly_as_they_were() -> None:
    given = ["The dog sleeps on the old red sofa."] * 400
    found = varied(given, 3)
    assert found == varied(given, 3) != varied(given, 4)
    assert 0.4 < sum(text == given[0] for text in found) / 400 < 0.8
    assert {given[0].lower(), given[0].upper(), given[0][:-1]} <= set(found)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        in_place(patch, root)
        folder = run_of(root, job("classify", "lora", epochs=20, probe="The dog sleeps."))
        events = list(train.train(folder))
        yield folder, events


def test_a_whole_job_leaves_what_was_promised(finished) -> None:
    folder, events = finished
    measured = [event.metrics for event in events if event.metrics]
    assert measured[-1]["training_loss"] < 0.8 * measured[0]["training_loss"] and len(events) == 40
    result = results.read(folder)
    assert result.metrics.keys() == {"accuracy", "macro_f1", "loss"} and result.before.keys() == {
        "accuracy",
        "macro_f1",
    }
    assert result.trainable < result.parameters and "temperature" in result.calibration
    frames, axis = film.frames(folder), film.axis(folder)
    assert axis["source"] == axis["target"] and "dog" in "".join(axis["source"])
    for _, seen in frames:
        assert seen.shape == (2, 2, len(axis["source"]), len(axis["source"]))
        torch.testing.assert_close(seen.sum(-1), torch.ones(seen.shape[:-1]), rtol=0, atol=1e-2)
    assert (frames[-1][1] - frames[0][1]).abs().max() > 1e-3, "attention moved"
    model, held_out = load_classifier(folder.name), texts().held_out
    with torch.inference_mode():
        logits = text_logits(model.module, model.tokenizer, held_out.texts, model.limit)
    right = logits.argmax(-1) == held_out.labels
    assert result.metrics["accuracy"] == pytest.approx(float(right.float().mean()))
    answers = read_answers(folder)
    assert [one.is_wrong for one in answers] == (~right).tolist()
    chances = (logits / model.temperature).softmax(-1).max(-1).values
    assert [one.fault for one in answers] == pytest.approx(chances.tolist(), abs=1e-5)


def test_the_result_goes_out_and_comes_back(finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = finished
    one = load_classifier(folder.name).classify("The cat waits.")
    monkeypatch.setattr("core.finetune.sent._weights_of", lambda *_: 10**7)  # the tiny base is no file
    monkeypatch.setitem(train.TASKS, "classify", replace(train.TASKS["classify"], load=tiny_text))
    back = results.unpack(results.pack(folder), folder.parent)
    other = load_classifier(back.name).classify("The cat waits.")
    assert other.classes == one.classes == ("early", "late")
    torch.testing.assert_close(other.probabilities, one.probabilities)
    whole = tmp_path / "whole"
    whole.mkdir()
    outside.write(folder, whole)
    module = AutoModelForSequenceClassification.from_pretrained(whole).float().eval()
    ids = one.axis and tiny_text().inputs("The cat waits.")["input_ids"]
    logits = module(input_ids=ids).logits[0] / module.config.logit_temperature
    torch.testing.assert_close(logits.softmax(-1), one.probabilities, rtol=0, atol=1e-2)  # float16
    said = subprocess.run([sys.executable, whole / "load.py", "The cat waits."], capture_output=True, text=True)
    best = int(one.probabilities.argmax())
    assert said.stdout.startswith(f"{float(one.probabilities[best]):.1%}"[:2]) and one.classes[best] in said.stdout
    assert "pipeline_tag: text-classification" in (whole / "README.md").read_text()


def test_a_class_of_the_result_is_explained_and_judged(finished) -> None:
    model, text = load_classifier(finished[0].name), "The dog waits."
    found = model.classify(text)
    asked = classification_subject(model, text, found, 0)
    kept = torch.ones(1, len(found.axis), dtype=torch.bool)
    assert float(asked.scores(kept, asked.fills[0])[0]) == pytest.approx(float(found.probabilities[0]), abs=1e-5)
    rest = control(asked, asked.fills[0])
    for name, method in EXPLAINING.items():
        if refusal(asked, method):
            continue
        seen = explain(asked, name)
        assert seen.shape == (len(found.axis),) and bool(seen.isfinite().all())
        gap = float(curves(asked, [order(seen, asked.units)], asked.fills[0]).gap[0])
        assert 0 <= beats(gap, rest) <= 1, name


def test_methods_that_fit_are_counted_without_memory() -> None:
    found = counts(tiny_text().module, "classify", 3, 4)
    assert set(found) == {"full", "head", "lora", "adalora", "ia3"} and found["head"].trainable == 3 * 33
    check_can_learn(tiny_text().module)


def test_a_head_is_put_on_whatever_the_encoder_was_made_for() -> None:
    """What the last layer is given is what the encoder made, and the base stays as it is."""
    base = load_text_model("language-reads")
    assert base.classes == () and isinstance(base.module, BertModel)
    with pytest.raises(SidelightError) as caught:
        base.classify("A dog.")
    assert caught.value.code == "classification.no_classes"
    given = base.inputs("A dog runs.")
    with torch.inference_mode():
        first = base.module(**given).last_hidden_state[:, 0]
        learns = for_classes(base, ("a", "b", "c"))
        seen: list[torch.Tensor] = []
        head_of(learns.module).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        logits = learns.module(**given).logits
    torch.testing.assert_close(seen[0], first.tanh())
    assert logits.shape == (1, 3) and learns.classes == ("a", "b", "c")
    assert isinstance(learns.module.config, BertConfig) and learns.module.config.num_labels == 3
    known = for_classes(load_text_model("language-sentences"), ("a", "b", "c"))
    assert known.classes == ("a", "b", "c") and known.exclusive, "the classes that it had are gone"


def test_the_bundled_model_learns_languages_from_a_few_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head on frozen features: it has read English alone, and its letters tell."""
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path))
    for module in (text_learning, classification):  # not the tiny one of the tests before
        monkeypatch.setattr(module, "load_text_model", load_text_model)
    found = data.bundled_texts("language", 20)
    folder = run_of(tmp_path, default_job("classify", "head"), found)
    list(train.train(folder))
    assert results.read(folder).metrics["accuracy"] > 0.7, "0.875 was measured; 0.25 is chance"
    assert catalogue.card(folder.name).base == "language-reads"
    assert set(load_classifier(folder.name).classes) == {"en", "de", "fr", "cs"}


def test_what_was_forgotten_is_told_by_the_base_s_own_head() -> None:
    base = load_text_model("language-reads").module
    before = pieces_filled("language-reads", base, 8)
    with torch.no_grad():
        for layer in base.encoder.layer:
            layer.output.dense.weight.zero_()
            layer.attention.output.dense.weight.zero_()
    assert before > 2 * pieces_filled("language-reads", base, 8)
    assert pieces_filled("language-sentences", base, 1) is None, "it was made for classes"
    assert text_learning.CAPTIONS > 8
