"""The twins: one text and vocabulary, the same first weights and batches; what differs is the mask and the question."""

import gzip
import json
import random
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from core.finetune import twins
from core.finetune.log import read_log
from core.finetune.translation_task import IGNORED
from core.models.filling import load_filler
from core.models.generation import load_generator

COMMON = ["--width", "32", "--layers", "1", "--pieces", "300", "--tokens", "400", "--precision", "no", "--warmup", "5"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of which a colour is told by the animal before it."""
    draw, folder = random.Random(0), tmp_path_factory.mktemp("data")
    pairs = [("raven", "black"), ("swan", "white"), ("fox", "red")]
    lines = [f"The {a} that I saw {n} times is {c}." for n in range(60) for a, c in [draw.choice(pairs)]]
    for name, part, some in (
        ("multi30k", "train", lines),
        ("tatoeba-en-de", "train", [*lines[:9], "Yes."]),
        ("tatoeba-en-de", "val", [*lines[50:], "Never seen."]),
    ):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{part}.en.gz").write_bytes(gzip.compress("\n".join(some).encode()))
    return folder


def task(twin: twins.Twin, data: Path, run: Path) -> twins.TwinTask:
    text = twins.training_text(data)
    tokenizer = twins.vocabulary(text, 300, run)
    torch.manual_seed(0)
    return twins.TwinTask(twin, twins.new_twin(twin, tokenizer, 32, 1, 0.0), tokenizer, text, text[:5], tokens=400)


def test_a_sentence_is_learnt_from_once_and_none_that_checks(data: Path) -> None:
    text = twins.training_text(data)
    assert len(text) == len(set(text)) == 51 and text[-1] == "Yes."
    assert not set(text) & set(twins.read_english(data, "val")["tatoeba"])


def test_nothing_differs_but_the_mask_and_the_question(data: Path, tmp_path: Path) -> None:
    one, other = (task(twin, data, tmp_path) for twin in twins.TWINS)
    same, its = one.module.state_dict(), other.module.state_dict()
    assert same.keys() == its.keys() and all(torch.equal(value, its[name]) for name, value in same.items())
    assert one.batches(0) == other.batches(0) and one.items == other.items
    changed = torch.tensor([one.items[0]["input_ids"]])
    changed[0, -2] = 9
    with torch.inference_mode():
        for own, sees in ((one, True), (other, False)):
            before, after = (
                own.module(ids).logits[0, 2] for ids in (torch.tensor([one.items[0]["input_ids"]]), changed)
            )
            assert (not torch.allclose(before, after, atol=1e-6)) == sees


def test_one_is_asked_for_the_next_piece_and_the_other_for_masked_ones(data: Path, tmp_path: Path) -> None:
    reads, writes = (task(twin, data, tmp_path) for twin in twins.TWINS)
    items = writes.batches(0)[0]
    ids = writes.collate([writes.items[item] for item in items])
    logits = writes.module(ids["input_ids"], attention_mask=ids["attention_mask"]).logits
    expected = cross_entropy(logits[:, :-1].flatten(0, 1), ids["labels"][:, 1:].flatten(), reduction="sum")
    total, count = writes.loss(writes.module, items)
    torch.testing.assert_close(total, expected)
    assert count == sum(len(writes.items[item]["input_ids"]) - 1 for item in items)
    reads.batches(0)
    torch.manual_seed(0)
    asked = [reads.collate([reads.items[item] for item in items]) for _ in range(100)]
    labels, given = torch.cat([one["labels"] for one in asked]), torch.cat([one["input_ids"] for one in asked])
    chosen = labels != IGNORED
    real = ids["attention_mask"].bool() & (ids["input_ids"] > 4)
    assert chosen.sum() / (100 * real.sum()) == pytest.approx(0.15, abs=0.01)
    assert (given[chosen] == 4).float().mean() == pytest.approx(0.8, abs=0.03)
    assert (given[chosen] == labels[chosen]).float().mean() == pytest.approx(0.1, abs=0.03)
    assert not chosen[labels == 0].any() and not chosen[labels == 2].any()


def test_both_learn_go_on_where_they_were_and_open_as_any_model(data: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    common = [
        "--data",
        str(data),
        "--run",
        str(run),
        "--export",
        str(out),
        "--rate",
        "0.01",
        "--average",
        "0.9",
        *COMMON,
    ]
    twins.main([*common, "--steps", "20", "--every", "10", "--twin", "writes"])
    twins.main([*common, "--steps", "60", "--every", "30"])
    assert [event.step for event in read_log(run / "writes")] == list(range(1, 61))
    for twin in twins.TWINS:
        log = read_log(run / twin)
        assert log[-1].metrics["loss"] < 0.7 * log[0].loss
        record = json.loads((out / f"language-{twin}" / "training.json").read_text())
        assert record["settings"]["steps"] == 60 and record["data"]["sentences"] == 51
    reads, writes = load_filler(out / "language-reads"), load_generator(out / "language-writes")
    assert reads.guess("Yes, the fox.").axis == writes.guess("Yes, the fox.").axis
