"""What a classifier learns from: varied pictures in, the cross-entropy of their classes out; and what a classifier of
anything shares with it (`LabelTask`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.transforms.functional import normalize

from core.finetune.pictures import Pictures, enlarge, vary
from core.models.vision.heads import answers
from core.models.vision.timm_adapter import fused

SIDES = (98, 112, 112, 140)  # px, one drawn for each batch
SIDE = 112  # px, for the evaluation


class LabelTask(ABC):
    """Cross-entropy of the class of each item. Those that derive say what an item is and how a module reads it.

    module: a classifier. train, held_out: with `labels` (N,), and `classes`. weights: of each class in the loss
    (`class_weights`), None for 1. sample: training items whose loss is measured as that of the held-out ones. answers:
    the logits (N, classes) that the last evaluation gave for the held-out items.
    """

    def __init__(
        self,
        module: nn.Module,
        train: Any,
        held_out: Any,
        seed: int,
        batch: int,
        smoothing: float,
        sample: Any = None,
        weights: Tensor | None = None,
    ) -> None:
        self.module, self.train, self.held_out = module, train, held_out
        self.seed, self.batch, self.smoothing, self.sample, self.weights = seed, batch, smoothing, sample, weights
        self.answers: Tensor | None = None

    @abstractmethod
    def seen(self, module: nn.Module, items: Sequence[int]) -> Tensor:
        """Logits (B, classes) of these training items as a step sees them."""

    @abstractmethod
    def judged(self, module: nn.Module, part: Any) -> Tensor:
        """Logits (N, classes) of items as they are, on the CPU."""

    def batches(self, epoch: int) -> list[list[int]]:
        return shuffled(len(self.train), self.batch, self.seed * 1000 + epoch)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        return class_loss(self.seen(module, items), self.train.labels[items], self.weights, self.smoothing)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        self.answers = self.judged(module, self.held_out)
        found = quality(self.answers, self.held_out.labels)
        if self.sample is not None:
            known = self.judged(module, self.sample)
            found["training_loss"] = float(cross_entropy(known, self.sample.labels))
        return found


class ClassTask(LabelTask):
    """Of varied pictures. module: a classifier of pictures (`vision.heads`).

    variation: strength of `pictures.vary`, None for pictures as they are. sides: px, one drawn for each batch. side:
    px, for the evaluation.
    """

    def __init__(
        self,
        module: nn.Module,
        train: Pictures,
        held_out: Pictures,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int = 0,
        batch: int = 64,
        smoothing: float = 0.1,
        variation: float | None = 1.0,
        sides: Sequence[int] = SIDES,
        side: int = SIDE,
        sample: Pictures | None = None,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__(module, train, held_out, seed, batch, smoothing, sample, weights)
        self.mean, self.std, self.variation, self.sides, self.side = mean, std, variation, sides, side

    def seen(self, module: nn.Module, items: Sequence[int]) -> Tensor:
        side = self.sides[int(torch.randint(len(self.sides), ()))]
        images = self.train.images[items]
        seen = enlarge(images, side) if self.variation is None else vary(images, side, self.variation)
        seen = normalize(seen, self.mean, self.std)
        device = next(module.parameters()).device
        with fused(module, device.type != "cpu"):  # there the fused backward pass takes a third longer
            return answers(module, seen.to(device))

    def judged(self, module: nn.Module, part: Pictures) -> Tensor:
        return class_logits(module, part, self.mean, self.std, self.side)


def class_loss(logits: Tensor, labels: Tensor, weights: Tensor | None, smoothing: float) -> tuple[Tensor, int]:
    """The sum of the cross-entropies, and how many there are. logits: (B, C). weights: of the classes, or None."""
    labels, weights = labels.to(logits.device), None if weights is None else weights.to(logits.device)
    return cross_entropy(logits.float(), labels, weights, reduction="sum", label_smoothing=smoothing), len(labels)


def shuffled(count: int, batch: int, seed: int) -> list[list[int]]:
    """The items 0..count-1 in random order, in batches."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return [chunk.tolist() for chunk in order.split(batch)]


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights with which each class counts alike, however few items it has, their mean over the items 1: (C,). labels:
    of the training items."""
    return len(labels) / classes / torch.bincount(labels, minlength=classes).clamp_min(1)


def quality(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """accuracy, macro_f1 (mean over classes), 0 to 1; loss (cross-entropy, nats). logits: (N, C); labels: (N,)."""
    matrix = confusion(logits, labels)
    right = matrix.diagonal()
    f1 = 2 * right / (matrix.sum(0) + matrix.sum(1)).clamp_min(1)
    return {
        "accuracy": float(right.sum() / matrix.sum()),
        "macro_f1": float(f1.mean()),
        "loss": float(cross_entropy(logits, labels)),
    }


def confusion(logits: Tensor, labels: Tensor) -> Tensor:
    """How many items of each class (rows) were taken for each class (columns): (C, C)."""
    count = logits.shape[-1]
    return torch.bincount(labels * count + logits.argmax(-1), minlength=count**2).reshape(count, count)


def class_logits(
    module: nn.Module, pictures: Pictures, mean: Sequence[float], std: Sequence[float], side: int = SIDE
) -> Tensor:
    """Of each picture at `side` px: (N, classes), on the CPU."""
    device = next(module.parameters()).device
    found = []
    for images in pictures.images.split(128):
        found.append(answers(module, normalize(enlarge(images, side), mean, std).to(device)).float().cpu())
    return torch.cat(found)
