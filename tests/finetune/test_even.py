"""Classes of uneven size that count alike, and photos that are read at the size that is needed."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy

from core.finetune import data, picture_learning
from core.finetune.class_task import class_weights
from core.finetune.features import HeadTask, fit_head
from core.models.images import fit_image, open_image
from tests.finetune.models import job, pictures


def test_each_class_weighs_the_same() -> None:
    labels = torch.tensor([0] * 90 + [1] * 8 + [2] * 2)
    weights = class_weights(labels, 3)
    assert torch.allclose(weights * torch.bincount(labels), torch.tensor(100 / 3))
    assert weights[labels].mean() == pytest.approx(1)


def test_a_rare_class_is_found_where_classes_count_alike() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0] * 380 + [1] * 20)
    known = torch.randn(400, 4) + labels[:, None] * 1.0
    head, even = nn.Linear(4, 2), nn.Linear(4, 2)
    fit_head(head, known, labels)
    fit_head(even, known, labels, weights=class_weights(labels, 2))
    found, with_it = (float((one(known).argmax(-1)[labels == 1] == 1).float().mean()) for one in (head, even))
    assert found < 0.5 < 0.7 < with_it


@pytest.mark.parametrize("even", [False, True])
def test_the_loss_of_both_tasks_weighs_the_classes(even: bool) -> None:
    toy = pictures()
    rare = (toy.train.labels != 0) | (torch.arange(len(toy.train)) < 6)
    train = toy.train.part(rare.nonzero()[:, 0])
    weights = picture_learning.weights_of(job("vision", "head", even=even), train)
    assert (weights is not None) == even
    head, count = nn.Linear(5, len(train.classes)), len(train)
    features = torch.randn(2, count, 5)
    features[1] = features[0]
    task = HeadTask(head, features, train.labels, features[0], train.labels, torch.arange(2), weights=weights)
    loss, terms = task.loss(head, list(range(count)))
    expected = cross_entropy(head(features[0]), train.labels, weights, reduction="sum", label_smoothing=0.1)
    assert torch.allclose(loss, expected) and terms == count


def test_a_large_photo_is_read_small_and_is_the_same_picture() -> None:
    row, column = np.mgrid[:1500, :2000]
    waves = np.stack([np.sin(row / 90), np.cos(column / 70), np.sin((row + column) / 110)], -1)
    stream = io.BytesIO()
    photo = Image.fromarray((127 * (1 + waves)).astype(np.uint8))
    exif = photo.getexif()
    exif[274] = 6  # turned by the camera
    photo.save(stream, "JPEG", quality=92, exif=exif)
    whole, small = open_image(stream.getvalue()), open_image(stream.getvalue(), least=300)
    assert whole.size == (1500, 2000) and small.size == (375, 500)
    both = [np.asarray(fit_image(one, "crop", 224, 1).pixels, dtype=float) for one in (whole, small)]
    assert np.abs(both[0] - both[1]).mean() < 2
    files = {name: [(f"{n}.jpg", _noise(n, name)) for n in range(4)] for name in ("a", "b")}
    assert data.pictures_from_files(files).train.images.shape[1:] == (3, 224, 224)


def _noise(seed: int, name: str) -> bytes:
    stream = io.BytesIO()
    draw = np.random.default_rng([seed, ord(name)])
    Image.fromarray(draw.integers(0, 255, (300, 260, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()
