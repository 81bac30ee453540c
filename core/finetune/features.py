"""What a frozen backbone knows already: features that are computed once, the neighbours among them, a head on top."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torchvision.transforms.functional import normalize as normalize_pixels

from core.finetune.class_task import class_loss, quality, shuffled
from core.finetune.looking import looking
from core.finetune.pictures import enlarge
from core.models.vision import VisionModel

NEIGHBOURS = 10


@torch.no_grad()
def features(
    model: VisionModel, images: Tensor, side: int, tell: Callable[[float], None] = lambda share: None
) -> Tensor:
    """What the model's head is given of uint8 pictures (N, 3, S, S): (N, D), on the CPU. tell: the share done."""
    found = []
    with looking(model.module):
        for start in range(0, len(images), 64):
            seen = normalize_pixels(enlarge(images[start : start + 64], side), model.mean, model.std).to(model.device)
            found.append(model.representation(model.tokens(seen)).float().cpu())
            tell(min(1.0, (start + 64) / len(images)))
    return torch.cat(found)


@torch.no_grad()
def read_by_head(module: nn.Module, head: nn.Module, run: Callable[[], object]) -> Tensor:
    """What the linear head of a classifier is given, whatever stands before it, while `run` has the module answer:
    (N, D), on the CPU."""
    found: list[Tensor] = []
    watching = head.register_forward_pre_hook(lambda _, given: found.append(given[0].float().cpu()))
    try:
        with looking(module):
            run()
    finally:
        watching.remove()
    return torch.cat(found)


def nearest(known: Tensor, labels: Tensor, asked: Tensor, classes: int) -> Tensor:
    """Votes of the nearest known features by cosine, closer ones counting more (Wu et al. 2018, section 3.4, with
    temperature 0.07): (M, classes). known: (N, D), with labels (N,); asked: (M, D)."""
    similarity = normalize(asked, dim=-1) @ normalize(known, dim=-1).T  # (M, N)
    best = similarity.topk(min(NEIGHBOURS, len(known)), -1)
    votes = torch.zeros(len(asked), classes)
    return votes.scatter_add_(1, labels[best.indices], (best.values / 0.07).exp())


def fit_head(head: Any, known: Tensor, labels: Tensor, decay: float = 0.01, weights: Tensor | None = None) -> None:
    """Logistic regression on frozen features (N, D), of a linear layer in place: where fine-tuning had better begin.
    weights: of the classes.

    Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features": a random head's gradients bend features that
    were good; with a head that fits them first, they are kept where they serve.
    """
    device = head.weight.device
    known, labels = known.to(device), labels.to(device)
    weights = None if weights is None else weights.to(device)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
    weight, bias = (p.detach().clone().requires_grad_(True) for p in (head.weight, head.bias))
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = cross_entropy(known @ weight.T + bias, labels, weights) + decay * weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)


class HeadTask:
    """Cross-entropy of a linear head on features that were computed once: of each picture plain and mirrored.

    train: (2, N, D). held_out: (M, D). sample: which of the training pictures are judged like the held-out ones (S,).
    weights: of the classes. answers: the logits that the last evaluation gave.
    """

    def __init__(
        self,
        head: nn.Module,
        train: Tensor,
        labels: Tensor,
        held_out: Tensor,
        held_out_labels: Tensor,
        sample: Tensor,
        seed: int = 0,
        batch: int = 32,
        smoothing: float = 0.1,
        weights: Tensor | None = None,
    ) -> None:
        self.module, self.train, self.labels = head, train, labels
        self.held_out, self.held_out_labels, self.sample = held_out, held_out_labels, sample
        self.seed, self.batch, self.smoothing, self.weights = seed, batch, smoothing, weights
        self.answers: Tensor | None = None

    def batches(self, epoch: int) -> list[list[int]]:
        return shuffled(len(self.labels), self.batch, self.seed * 1000 + epoch)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        device = next(module.parameters()).device
        view = torch.randint(len(self.train), (len(items),))
        logits = module(self.train[view, items].to(device))
        return class_loss(logits, self.labels[items], self.weights, self.smoothing)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        device = next(module.parameters()).device
        self.answers = module(self.held_out.to(device)).float().cpu()
        known = module(self.train[0, self.sample].to(device)).float().cpu()
        training = float(cross_entropy(known, self.labels[self.sample]))
        return {**quality(self.answers, self.held_out_labels), "training_loss": training}
