"""Which patch is which: right where the answer is known."""

import itertools

import pytest
import torch

from core.differences import tasks
from core.models.vision import load_vision


def test_a_picture_matches_itself_and_a_flipped_one_its_mirror_image() -> None:
    features = torch.randn(5, 7, 32, generator=torch.Generator().manual_seed(0))
    same = tasks.similarities(features, features)
    assert same.argmax(1).tolist() == list(range(35))
    flipped = tasks.similarities(features, features.flip(1))
    assert tasks.mirror_score(flipped, (5, 7)) == 1.0
    assert tasks.mirror_score(same, (5, 7)) < 0.6


def test_chance_is_what_drawing_at_random_gives() -> None:
    rows, columns = 3, 5
    places = list(itertools.product(range(rows), range(columns)))
    hits = [abs(r - r2) <= 1 and abs(c - c2) <= 1 for (r, c), (r2, c2) in itertools.product(places, places)]
    assert tasks.mirror_chance((rows, columns)) == pytest.approx(sum(hits) / len(hits))


def test_a_real_photo_finds_its_mirror_image_far_better_than_chance(vision, seen, photo) -> None:
    other = vision.run(tasks.mirrored(photo), 224, "crop")
    found = tasks.similarities(seen.features, other.features)
    assert tasks.mirror_score(found, (16, 16)) > 5 * tasks.mirror_chance((16, 16))
    row, column = divmod(tasks.most_telling(found), 16)
    there = divmod(int(found[row * 16 + column].argmax()), 16)
    assert abs(there[0] - row) <= 1 and abs(there[1] - (15 - column)) <= 1, "where the section begins it finds itself"


def test_a_classifier_reads_one_vector_of_its_encoder(photo) -> None:
    model = load_vision("vision-cifar10")
    found = tasks.head_reads(model, model.run(photo, 98, "crop"))
    assert (found.read, found.positions) == (1, 50)
    assert found.deviation < 1e-6


def test_a_head_that_reads_more_than_is_said_is_found_out(photo, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_vision("vision-cifar10")
    result = model.run(photo, 98, "crop")
    monkeypatch.setattr(type(model), "reads", lambda self, count: torch.arange(count) == 1)
    assert tasks.head_reads(model, result).deviation > 0.01
