"""Evidence for any of a classifier's classes: where the paper's energy is known, where nothing may be said, and what is
said of photos that show one of the classes and that show none."""

import math
from dataclasses import replace

import pytest
import torch

from core import samples
from core.models import evidence
from core.models.images import open_image
from core.models.vision import VisionModel, load_vision


@pytest.fixture(scope="module")
def classifier() -> VisionModel:
    return load_vision("vision-cifar10")


def test_evidence_is_the_energy_without_its_minus() -> None:
    found = evidence.evidence(torch.tensor([[0.0, 0.0], [3.0, -torch.inf]]))
    assert found.tolist() == pytest.approx([math.log(2), 3.0])


def test_the_threshold_keeps_its_share_of_the_held_out_pictures() -> None:
    logits = torch.linspace(-5, 5, 400)[:, None].expand(-1, 3)
    enough = evidence.measured(logits, 112)
    assert enough is not None and enough.side == 112
    assert enough.kept == pytest.approx(0.95, abs=0.005)
    assert float((evidence.evidence(logits) >= enough.least).double().mean()) == enough.kept


@pytest.mark.parametrize("logits", [torch.zeros(99, 3), torch.full((200, 3), torch.nan)])
def test_too_few_or_broken_pictures_are_no_measure(logits: torch.Tensor) -> None:
    assert evidence.measured(logits, 112) is None


@pytest.mark.parametrize("size", [112, 224])
@pytest.mark.parametrize(("photo", "thin"), [("cat", False), ("astronaut", True), ("coffee", True)])
def test_a_photo_of_no_class_is_told(classifier: VisionModel, photo: str, thin: bool, size: int) -> None:
    (file,) = (one.path for one in samples.photos() if one.path.stem == photo)
    assert classifier.run(open_image(file.read_bytes()), size, "crop").is_thin is thin


def test_a_model_without_a_measure_says_nothing(classifier: VisionModel) -> None:
    (file,) = (one.path for one in samples.photos() if one.path.stem == "astronaut")
    unmeasured = replace(classifier, enough=None)
    assert not unmeasured.run(open_image(file.read_bytes()), 112, "crop").is_thin


def test_the_interval_of_a_share() -> None:
    low, high = evidence.wilson(8, 26)
    assert (low, high) == pytest.approx((0.165, 0.500), abs=0.001)
    assert evidence.wilson(0, 10)[0] == pytest.approx(0) and evidence.wilson(10, 10)[1] == pytest.approx(1)
