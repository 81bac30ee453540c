"""A head that is learnt from pictures which may not be shown: with a bound on what one picture can change (differential
privacy), and where each picture stays with who has it (federated averaging). And one matrix that serves two tasks.

All on features of a frozen backbone, so that a training takes a part of a second.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot

from core.differences.loss import homogeneous
from core.finetune.data import bundled_classes, bundled_pictures
from core.finetune.features import features, fit_head
from core.models.vision import VisionModel

EACH = 100  # pictures of a class to learn from; 50 others judge
DELTA = 1e-4  # the chance with which the bound may fail: below one over the number of pictures
STEPS, RATE, CLIP = 60, 15.0, 1.0  # of private learning: steps, their length, the most that a picture adds to one
LOCAL, LOCAL_RATE = 5, 10.0  # of federated learning: steps of a client in a round, their length
SHARED, JOINT_STEPS = 4, 300  # numbers that two tasks share; steps
HEAD_DECAY = 2e-5  # of the heads that judge what is shared


@dataclass(frozen=True, eq=False)
class Data:
    """Features of unit length about the mean of the pictures that judge, which count as public, with a 1 behind:
    (N, D + 1). labels: (N,). colours: mean red, green and blue, (N, 3) in 0..1. The last three: of those that judge."""

    known: Tensor
    labels: Tensor
    colours: Tensor
    asked: Tensor
    asked_labels: Tensor
    asked_colours: Tensor

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1

    def accuracy(self, weights: Tensor) -> float:
        """weights: (D + 1, classes)"""
        return float(((self.asked @ weights).argmax(-1) == self.asked_labels).float().mean())


def prepare(model: VisionModel, side: int, tell: Callable[[float], None] = lambda share: None) -> Data:
    """The bundled pictures of ten classes as the backbone gives them."""
    data = bundled_pictures(bundled_classes(), EACH)
    parts = data.train, data.held_out
    images = torch.cat([part.images for part in parts])
    found = features(model, images, side, tell)
    found = homogeneous(normalize(found - found[len(data.train) :].mean(0), dim=-1))
    colours = images.float().mean((2, 3)) / 255
    count = len(data.train)
    return Data(found[:count], data.train.labels, colours[:count], found[count:], data.held_out.labels, colours[count:])


# Differential privacy


def noise_for(epsilon: float, steps: int = STEPS, delta: float = DELTA) -> float:
    """Standard deviation of the noise, in units of CLIP, with which `steps` looks at the sum of all gradients are
    (epsilon, delta)-differentially private: together they are one Gaussian mechanism with mu = sqrt(steps) / noise
    (Dong, Roth & Su 2022, corollary 2), whose delta is that of Balle & Wang 2018, theorem 8.

    Opacus 1.6.0 finds for the noise of epsilon = 0.25, 0.5, 1, 2, 4, 8 (60 steps, delta 1e-4) with its accountant
    "prv", exact but for an error of 0.01 that it adds: 0.26, 0.51, 1.01, 2.01, 4.01, 8.01; with "rdp", a looser bound:
    0.28, 0.56, 1.11, 2.21, 4.39, 8.71 (`step(noise_multiplier=noise_for(epsilon), sample_rate=1.0)` 60 times)."""
    low, high = 1e-3, 1e5
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _delta(epsilon, math.sqrt(steps) / middle) > delta else (low, middle)
    return high


def _delta(epsilon: float, mu: float) -> float:
    def below(x: float) -> float:  # of a standard normal number
        return math.erfc(-x / math.sqrt(2)) / 2

    first = below(mu / 2 - epsilon / mu)
    return first - math.exp(min(700.0, epsilon)) * below(-mu / 2 - epsilon / mu)


def private(data: Data, epsilon: float, seed: int = 0) -> float:
    """Accuracy of a head that was learnt so (Abadi et al. 2016, with all pictures in each step); epsilon may be
    infinite: gradients are clipped all the same."""
    noise = 0.0 if math.isinf(epsilon) else noise_for(epsilon)
    draw = torch.Generator().manual_seed(seed)
    weights = torch.zeros(data.known.shape[1], data.classes)
    target = one_hot(data.labels, data.classes).float()
    lengths = data.known.norm(dim=-1, keepdim=True)  # (N, 1)
    for _ in range(STEPS):
        error = (data.known @ weights).softmax(-1) - target  # (N, C): a picture's gradient is its features times this
        size = lengths * error.norm(dim=-1, keepdim=True)
        clipped = error * (CLIP / size.clamp_min(CLIP))
        gradient = data.known.T @ clipped + noise * CLIP * torch.randn(weights.shape, generator=draw)
        weights -= RATE / len(data.known) * gradient
    return data.accuracy(weights)


# Federated averaging


def deal(labels: Tensor, clients: int, alike: bool, seed: int = 0) -> Tensor:
    """Whose each picture is, (N,): by chance, or sorted by class, so that each client knows a few classes alone."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=draw)
    if not alike:
        order = order[labels[order].argsort(stable=True)]
    owner = torch.empty(len(labels), dtype=torch.long)
    owner[order] = torch.arange(len(labels)) * clients // len(labels)
    return owner


def federated(data: Data, owner: Tensor, rounds: int) -> list[float]:
    """Accuracy after each round: every client goes on from the mean, on its own pictures, and what they send, weights
    alone, is averaged by how many pictures each has (McMahan et al. 2017, FedAvg).

    Flower 1.42.0 (`flwr.server.strategy.aggregate.aggregate`), given what five clients with 73 to 105 items of planted
    classes send over six rounds, ends in the same weights: they differ by 1e-6 at most, the largest being 5."""
    mean = torch.zeros(data.known.shape[1], data.classes)
    parts = [(data.known[owner == one], data.labels[owner == one]) for one in owner.unique().tolist()]
    found = []
    for _ in range(rounds):
        sent = [_local(mean, known, labels) * len(labels) for known, labels in parts]
        mean = torch.stack(sent).sum(0) / len(data.labels)
        found.append(data.accuracy(mean))
    return found


def _local(weights: Tensor, known: Tensor, labels: Tensor) -> Tensor:
    target = one_hot(labels, weights.shape[1]).float()
    for _ in range(LOCAL):
        error = (known @ weights).softmax(-1) - target
        weights = weights - LOCAL_RATE / len(known) * known.T @ error
    return weights


# Several tasks at once


@dataclass(frozen=True)
class Served:
    """What a shared matrix allows. accuracy: of ten classes. explained: the share of the variance of the pictures' mean
    colours that is predicted (R squared, 1 is all)."""

    accuracy: float
    explained: float


def several(data: Data, taught: Sequence[str], seed: int = 0) -> Served:
    """A matrix to SHARED numbers is learnt for the tasks that are taught ("classes", "colours"); then a head of each
    task is fitted on these numbers, also for the one that was not (Caruana 1997)."""
    generator = torch.Generator().manual_seed(seed)
    width = data.known.shape[1]
    shared = (torch.randn(width, SHARED, generator=generator) * 3).requires_grad_()
    heads = {
        "classes": (torch.randn(SHARED + 1, data.classes, generator=generator) * 0.1).requires_grad_(),
        "colours": (torch.randn(SHARED + 1, 3, generator=generator) * 0.1).requires_grad_(),
    }
    middle, spread = data.colours.mean(0), data.colours.std()
    wanted = (data.colours - middle) / spread
    losses = {
        "classes": lambda answer: cross_entropy(answer, data.labels),
        "colours": lambda answer: (answer - wanted).square().mean(),
    }
    optimiser = torch.optim.Adam([shared, *heads.values()], 0.05)
    for _ in range(JOINT_STEPS):
        inside = homogeneous(data.known @ shared)
        loss = sum((losses[task](inside @ heads[task]) for task in taught), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        inside, asked = homogeneous(data.known @ shared), homogeneous(data.asked @ shared)
    head = nn.Linear(SHARED, data.classes)
    fit_head(head, inside[:, :-1], data.labels, HEAD_DECAY)
    linear = torch.linalg.lstsq(inside, data.colours).solution
    off = (asked @ linear - data.asked_colours).square().mean()
    even = (data.asked_colours - data.asked_colours.mean(0)).square().mean()
    with torch.no_grad():
        right = (head(asked[:, :-1]).argmax(-1) == data.asked_labels).float().mean()
    return Served(float(right), float(1 - off / even))
