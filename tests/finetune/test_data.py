"""Data to train on: the bundled sets are what they say, and a run's own copy comes back as it was."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.finetune import data
from core.finetune.data import bundled
from core.finetune.data.dataset import Report, pair_digest
from tests.finetune.person import CELLS, contents, packed, picture, plain_files, refused, table


def reported(report: Report) -> dict[str, object]:
    """A report as plain values, so that two can be compared."""
    return {
        "counts": report.counts,
        "duplicates": report.duplicates,
        "conflicts": report.conflicts,
        "unreadable": [(name, error.code, error.values) for name, error in report.unreadable],
        "warnings": [(error.code, error.values) for error in report.warnings],
    }


# The run's own copy


def test_pictures_come_back_from_the_run_folder_as_they_were(tmp_path: Path) -> None:
    bad = {"red/cut.png": b"x", "red/again.png": picture(103), "blue/wrong.png": picture(104)}
    saved = data.pictures_from_zip(packed(plain_files() | bad))
    data.save(saved, tmp_path)
    found = data.load(tmp_path)
    assert isinstance(found, data.PictureData) and found.digest == saved.digest
    for part in ("train", "held_out"):
        one, other = getattr(found, part), getattr(saved, part)
        assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
        assert one.classes == other.classes and one.digest == other.digest == saved.digest
    assert reported(found.report) == reported(saved.report) and found.report.unreadable and found.report.conflicts


@settings(max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), st.sampled_from(["de", "zh", ""]))
def test_pairs_come_back_from_the_run_folder_as_they_were(tmp_path_factory, rows, language: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    lines = "".join(f"{' '.join(a.split())}{n} a\t{' '.join(b.split())} b\n" for n, (a, b) in enumerate(rows))
    saved = data.pairs_from_table("x.tsv", (lines + table(separator="\t")).encode(), language)
    data.save(saved, folder)
    found = data.load(folder)
    assert isinstance(found, data.PairData) and (found.train, found.held_out) == (saved.train, saved.held_out)
    assert found.digest == saved.digest and reported(found.report) == reported(saved.report)


def test_pairs_into_english_come_back_too(tmp_path: Path) -> None:
    there = data.bundled_pairs("recipes", "de", 20)
    train, held_out = (tuple(pair.reversed for pair in part) for part in (there.train, there.held_out))
    data.save(data.PairData(train, held_out, there.report, pair_digest(train, held_out)), tmp_path)
    found = data.load(tmp_path)
    assert isinstance(found, data.PairData) and found.train == train and found.train[0].origin == "de"


def test_saved_data_that_was_changed_or_is_incomplete_is_not_loaded(tmp_path: Path) -> None:
    for name, made, file in (
        ("pictures", data.pictures_from_zip(packed(plain_files())), "pictures.safetensors"),
        ("pairs", data.pairs_from_table("x.csv", table().encode(), "de"), "pairs.tsv"),
    ):
        folder = tmp_path / name
        refused("data.saved_damaged", data.load, folder)
        data.save(made, folder)
        content = (folder / file).read_bytes()
        for changed in (content[:-3] + b"99\n", content[: len(content) // 2], b""):
            (folder / file).write_bytes(changed)
            refused("data.saved_damaged", data.load, folder)
        (folder / file).write_bytes(content)
        assert data.load(folder).digest == made.digest
        head = json.loads((folder / "data.json").read_text())
        (folder / "data.json").write_text(json.dumps(head | {"report": {}}))
        refused("data.saved_damaged", data.load, folder)


# The bundled sets


def test_bundled_pictures_are_chosen_by_class_and_number() -> None:
    assert len(data.bundled_classes()) == 10
    small, large = (data.bundled_pictures(("ship", "cat", "frog"), each) for each in (20, data.EACH_LIMIT))
    assert small.train.classes == ("cat", "frog", "ship") and small.report.counts["frog"] == (20, 50)
    assert len(small.train) == 60 and len(small.held_out) == 150
    assert torch.equal(small.held_out.images, large.held_out.images), "what is measured does not depend on the number"
    assert contents(small.train) <= contents(large.train)
    assert not contents(large.train) & contents(large.held_out)
    assert small.digest != large.digest == data.bundled_pictures(("frog", "ship", "cat"), data.EACH_LIMIT).digest
    assert contents(data.bundled_pictures(("ship", "cat"), 20).train) <= contents(small.train)
    other = data.bundled_pictures(("ship", "cat", "frog"), 20, seed=1)
    assert contents(other.held_out) != contents(small.held_out)


def test_bundled_choices_that_there_are_not_are_refused() -> None:
    refused("data.few_classes", data.bundled_pictures, ("cat",), 20)
    refused("data.unknown_class", data.bundled_pictures, ("cat", "unicorn"), 20)
    refused("data.each_limit", data.bundled_pictures, ("cat", "dog"), data.EACH_LIMIT + 1)
    refused("data.unknown_collection", data.bundled_pairs, "poems", "de", 50)
    refused("data.language", data.bundled_pairs, "captions", "zh", 50)
    refused("data.count_limit", data.bundled_pairs, "recipes", "de", data.COLLECTIONS["recipes"].most + 1)


@pytest.mark.parametrize(
    ("collection", "language"), [(name, code) for name, offer in data.COLLECTIONS.items() for code in offer.languages]
)
def test_bundled_pairs_offer_what_they_say(collection: str, language: str) -> None:
    offer = data.COLLECTIONS[collection]
    small, large = (data.bundled_pairs(collection, language, count) for count in (50, offer.most))
    assert (len(large.train), len(large.held_out)) == (offer.most, offer.held_out)
    assert small.held_out == large.held_out and small.train == large.train[:50]
    assert not {p.source for p in large.train} & {p.source for p in large.held_out}
    assert all(pair.source and pair.target and pair.language == language for pair in large.train + large.held_out)


def test_every_recipe_line_has_five_different_sides_of_everyday_length() -> None:
    lines = (bundled.FOLDER / "recipes.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    assert rows[0] == ["en", "de", "fr", "cs", "zh"] and len(rows) == 301
    assert all(len(row) == 5 and all(cell == cell.strip() != "" for cell in row) for row in rows)
    for column in zip(*rows, strict=True):
        assert len(set(column)) == len(column)
    assert all(5 <= len(row[0].split()) <= 14 for row in rows[1:])
    assert all(row[4].endswith("。") and all(cell.endswith(".") for cell in row[:4]) for row in rows[1:])
