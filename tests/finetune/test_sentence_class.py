"""What a sentence is: labels come from the data, marks are taken away, and the result opens as any classifier."""

import gzip
import json
from pathlib import Path

import pytest
import torch

from core.finetune import sentence_class, twins
from core.finetune.sentence_class import labelled, measures
from core.models.classification import load_classifier

ASKED = [f"Do you have {n} dogs?" for n in range(30)]
TOLD = [f"You have {n} dogs." for n in range(30)]
CAPTIONS = [f"A man with {n} hats." for n in range(30)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, part, lines in (
        ("multi30k", "train", CAPTIONS[:20]),
        ("tatoeba-en-de", "train", [*ASKED[:20], *TOLD[:20]]),
        ("multi30k", "test_2016_flickr", CAPTIONS[20:]),
        ("tatoeba-en-de", "val", [*ASKED[20:], *TOLD[20:]]),
    ):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{part}.en.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return tmp_path


def test_no_mark_tells_and_what_only_asks_in_part_is_left_out() -> None:
    found = labelled(
        {"tatoeba": ["Who's there?", "I see.", '"Why?" "I can\'t."', "Hm? Yes?"], "multi30k": ["A man, alone."]}
    )
    assert [(one.text, one.labels) for one in found] == [
        ("A man alone", (False, True)),
        ("I see", (False, False)),
        ("Who's there", (True, False)),
    ]
    assert len(labelled({"tatoeba": ASKED + TOLD}, each=7)) == 14


def test_accuracy_and_calibration_are_of_each_class_by_itself() -> None:
    logits = torch.tensor([[9.0, 9.0], [9.0, -9.0], [-9.0, 9.0], [-9.0, 9.0]])
    labels = torch.tensor([[True, True], [True, False], [False, False], [False, False]])
    found = measures(logits, labels)
    assert found["accuracy_question"] == 1 and found["accuracy_caption"] == 0.5
    assert found["calibration_question"] < 0.01 and found["calibration_caption"] == pytest.approx(0.5, abs=0.01)


def test_it_learns_and_opens_as_any_classifier(data: Path, tmp_path: Path) -> None:
    text = twins.training_text(data)
    tokenizer = twins.vocabulary(text, 300, tmp_path / "start")
    torch.manual_seed(0)
    twins.new_twin("reads", tokenizer, 32, 1, 0.0).save_pretrained(tmp_path / "start")
    given = ["--data", str(data), "--start", str(tmp_path / "start"), "--run", str(tmp_path / "run"), "--tokens", "300"]
    given += ["--export", str(tmp_path / "out"), "--steps", "60", "--rate", "0.005", "--average", "0.5", "--thin", "1"]
    sentence_class.main([*given, "--precision", "no"])
    record = json.loads((tmp_path / "out" / "training.json").read_text())["held_out"]
    assert record["accuracy_question"] > 0.9 and record["accuracy_caption"] > 0.9 and record["sentences"] == 30
    found = load_classifier(tmp_path / "out").classify("Do you have 25 dogs")
    assert found.classes == sentence_class.CLASSES and not found.exclusive
    assert found.probabilities[0] > 0.5 > found.probabilities[1]
