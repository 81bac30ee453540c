"""What a classifier learns from: varied pictures in, the cross-entropy of their classes out."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.transforms.functional import normalize

from core.finetune.pictures import Pictures, enlarge, vary

SIDES = (98, 112, 112, 140)  # px, one drawn for each batch
SIDE = 112  # px, for the evaluation


class ClassTask:
    """Cross-entropy of the class of varied pictures. module: pictures (B, 3, H, W), normalised, to logits."""

    def __init__(
        self, module: nn.Module, train: Pictures, held_out: Pictures, mean: Sequence[float], std: Sequence[float],
        seed: int = 0, batch: int = 64, smoothing: float = 0.1,
    ) -> None:  # fmt: skip
        self.module, self.train, self.held_out = module, train, held_out
        self.mean, self.std, self.seed, self.batch, self.smoothing = mean, std, seed, batch, smoothing

    def batches(self, epoch: int) -> list[list[int]]:
        order = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(self.seed * 1000 + epoch))
        return [chunk.tolist() for chunk in order.split(self.batch)]

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        side = SIDES[int(torch.randint(len(SIDES), ()))]
        seen = normalize(vary(self.train.images[items], side), self.mean, self.std)
        device = next(module.parameters()).device
        labels = self.train.labels[items].to(device)
        logits = module(seen.to(device)).float()
        return cross_entropy(logits, labels, reduction="sum", label_smoothing=self.smoothing), len(items)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        logits = class_logits(module, self.held_out, self.mean, self.std)
        labels = self.held_out.labels
        return {
            "accuracy": float((logits.argmax(-1) == labels).float().mean()),
            "loss": float(cross_entropy(logits, labels)),
        }


def class_logits(
    module: nn.Module, pictures: Pictures, mean: Sequence[float], std: Sequence[float], side: int = SIDE
) -> Tensor:
    """Of each picture at `side` px: (N, classes), on the CPU."""
    device = next(module.parameters()).device
    found = []
    for images in pictures.images.split(128):
        found.append(module(normalize(enlarge(images, side), mean, std).to(device)).float().cpu())
    return torch.cat(found)
