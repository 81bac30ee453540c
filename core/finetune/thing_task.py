"""What the captioner's eyes learn: of every patch of a scene, which thing covers it. The classifier learnt to name a
picture by CLS; its patches do not say what they show."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.finetune.pictures import Pictures
from core.models.vision import VisionModel
from core.scenes import SIDE, Layout, render, seen
from core.scenes.grammar import NAMES
from core.scenes.pointing import on_grid

GROUND = len(NAMES)  # the class of a patch that no thing covers
IGNORED = -100  # of a patch that is covered in part
WEIGHT = 0.3  # of the ground's patches together, where those of the things together weigh 1


class Things(nn.Module):
    """module: what is trained of the vision model; head: what each patch is, thrown away afterwards."""

    def __init__(self, model: VisionModel, module: nn.Module) -> None:
        super().__init__()
        self.module, self.head = module, nn.Linear(model.width, len(NAMES) + 1)
        self._model = [model.with_module(module)]  # no part of this module, or it would be counted twice

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, patches, classes and ground)"""
        (model,) = self._model
        return self.head(model.tokens(pixels)[:, len(model.prefix) :])


class ThingTask:
    """Cross-entropy of what each patch shows; a scene's things count alike, whatever their size. A new scene for each
    item of each epoch. draw: the layout of a seed. held_out: layouts that validate."""

    def __init__(
        self,
        model: VisionModel,
        module: Things,
        draw: Callable[[int], Layout],
        count: int,
        held_out: Sequence[Layout],
        pictures: Pictures,
        batch: int = 16,
    ) -> None:
        self.module: nn.Module = module
        self.model, self.draw, self.count = model, draw, count
        self.held_out, self.pictures, self.batch = held_out, pictures, batch

    def batches(self, epoch: int) -> list[list[int]]:
        first = epoch * self.count
        return [list(range(start, start + self.batch)) for start in range(first, first + self.count, self.batch)]

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        total, _, count = self._judged(module, [self.draw(item) for item in items])
        return total, count

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """loss; accuracy: of the things of held-out scenes, by the mean of their patches' probabilities."""
        found = [self._judged(module, self.held_out[i : i + 16]) for i in range(0, len(self.held_out), 16)]
        hits = [hit for _, one, _ in found for hit in one]
        return {"loss": float(sum(one for one, _, _ in found)) / len(self.held_out), "accuracy": sum(hits) / len(hits)}

    def _judged(self, module: nn.Module, layouts: Sequence[Layout]) -> tuple[Tensor, list[bool], int]:
        """The sum of the scenes' losses, whether each thing is recognised, and how many scenes there are."""
        pixels = torch.cat([self.model.pixels(render(layout, self.pictures)) for layout in layouts])
        with self.model.fused(pixels.device.type != "cpu"):  # there the fused backward pass takes a third longer
            logits = module(pixels).float()  # (B, patches, classes)
        total, hits = logits.new_zeros(()), []
        for layout, found in zip(layouts, logits, strict=True):
            truth, which = labels(layout, self.model.patch)
            each = cross_entropy(found, truth.to(found.device), reduction="none", ignore_index=IGNORED)
            of_things = [each[which == number].mean() for number in which.unique().tolist() if number >= 0]
            total = total + WEIGHT * each[truth == GROUND].mean()
            total = total + (torch.stack(of_things).mean() if of_things else 0)
            chances = found.detach().softmax(-1)[:, :GROUND]
            for number, thing in enumerate(layout.things):
                if bool((which == number).any()):
                    hits.append(NAMES[int(chances[which == number].mean(0).argmax())] == thing.name)
        return total, hits, len(layouts)


def labels(layout: Layout, patch: int) -> tuple[Tensor, Tensor]:
    """Of each patch the class of the thing that covers more than half of it, GROUND where nothing does, IGNORED in
    between; and the number of that thing, -1 where there is none: (patches,) each."""
    side = SIDE // patch
    truth, which = torch.full((side * side,), GROUND), torch.full((side * side,), -1)
    for number, thing in enumerate(layout.things):
        cover = on_grid(seen(layout, number), (side, side))
        truth[(cover > 0.1) & (truth == GROUND)] = IGNORED
        truth[cover > 0.5], which[cover > 0.5] = NAMES.index(thing.name), number
    return truth, which
