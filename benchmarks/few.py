"""`python -m benchmarks.few --data cifar10.tar.gz --to assets/measured/few.json`: few pictures against many.

How well ten classes of CIFAR-10 are told apart that were learnt from so many pictures of each: by a small convolutional
network and a small Vision Transformer from scratch, by a linear head on the bundled backbone's frozen features, and by
the same convolutional network taught by that head (distillation, Hinton et al. 2015) on pictures without labels.
On one thread: a few minutes.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.finetune.features import features, fit_head
from core.finetune.pictures import Pictures, read_pictures
from core.models.vision import load_vision

EACH = (5, 20, 100, 500)  # pictures of a class to learn from
HELD_OUT = 1000  # pictures, of all classes
UNLABELLED = 500  # of a class, for the teacher alone
BATCH, SIDE, BACKBONE = 32, 98, "vision-vit-s-14"  # SIDE: px that the backbone gets
DECAY, SOFTNESS = 1e-3, 2.0  # of the head's weights; the temperature of what is taught


class Convolutional(nn.Sequential):
    """Three convolutions, each followed by pooling: 0.1 million parameters."""

    def __init__(self, classes: int) -> None:
        parts: list[nn.Module] = []
        for before, after in ((3, 32), (32, 64), (64, 128)):
            parts += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes))


class Transformer(nn.Module):
    """A Vision Transformer with patches of 4 px, 4 layers of width 64 and the mean as its answer: 0.2 million."""

    def __init__(self, classes: int, width: int = 64, layers: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.positions = nn.Parameter(0.02 * torch.randn(64, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = self.patches(pixels).flatten(2).transpose(1, 2) + self.positions  # (B, 64, D)
        return self.head(self.norm(self.layers(tokens).mean(1)))


def pixels(images: Tensor) -> Tensor:
    """uint8 -> about -2 to 2"""
    return (images.float() / 255 - 0.5) / 0.25


def varied(images: Tensor) -> Tensor:
    """Each mirrored by chance and moved by up to 4 px."""
    padded = F.pad(images, (4, 4, 4, 4), mode="reflect")
    shifts = torch.randint(0, 9, (len(images), 2)).tolist()
    moved = torch.stack([one[:, y : y + 32, x : x + 32] for one, (y, x) in zip(padded, shifts, strict=True)])
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, moved.flip(-1), moved)


def learn(module: nn.Module, images: Tensor, loss: Callable[[Tensor, Tensor], Tensor], steps: int) -> None:
    """loss: of the logits of a batch and the numbers of its pictures."""
    known = pixels(images)
    optimiser = torch.optim.AdamW(module.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, steps, pct_start=0.1)
    module.train()
    for _ in range(steps):
        numbers = torch.randint(len(known), (BATCH,))
        value = loss(module(varied(known[numbers])), numbers)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()


def accuracy(module: nn.Module, held_out: Pictures) -> float:
    module.eval()
    with torch.inference_mode():
        logits = torch.cat([module(pixels(images)) for images in held_out.images.split(256)])
    return float((logits.argmax(-1) == held_out.labels).float().mean())


def steps_for(each: int) -> int:
    return round(200 * math.sqrt(each / 5)) if each < 100 else round(900 * (each / 100) ** 0.3)


def first(pictures: Pictures, each: int) -> Tensor:
    """Numbers of the first pictures of each class."""
    return torch.cat([(pictures.labels == label).nonzero().flatten()[:each] for label in range(len(pictures.classes))])


def measure(data: Path) -> dict:
    train, held_out = read_pictures(data).split(HELD_OUT, 0)
    train = train.part(first(train, max(EACH)))
    count = len(train.classes)
    model = load_vision(BACKBONE)
    began = time.monotonic()
    seen, asked = (features(model, part.images, SIDE) for part in (train, held_out))
    print(f"features of {len(seen) + len(asked)} pictures: {time.monotonic() - began:.0f} s", flush=True)
    pool = first(train, UNLABELLED)
    found: dict[str, list[float]] = {"convolution": [], "transformer": [], "pretrained": [], "taught": []}
    for each in EACH:
        chosen = first(train, each)
        labels = train.labels[chosen]
        head = nn.Linear(seen.shape[1], count)
        fit_head(head, seen[chosen], labels, DECAY)
        with torch.inference_mode():
            found["pretrained"].append(float((head(asked).argmax(-1) == held_out.labels).float().mean()))
            soft = (head(seen[pool]) / SOFTNESS).softmax(-1).clone()

        def hard(logits: Tensor, numbers: Tensor, labels: Tensor = labels) -> Tensor:
            return F.cross_entropy(logits, labels[numbers])

        def taught(logits: Tensor, numbers: Tensor, soft: Tensor = soft) -> Tensor:
            return SOFTNESS**2 * F.cross_entropy(logits / SOFTNESS, soft[numbers])

        runs = (
            ("convolution", Convolutional, chosen, hard, steps_for(each)),
            ("transformer", Transformer, chosen, hard, steps_for(each)),
            ("taught", Convolutional, pool, taught, steps_for(UNLABELLED)),
        )
        for name, kind, numbers, loss, steps in runs:
            torch.manual_seed(0)
            module = kind(count)
            learn(module, train.images[numbers], loss, steps)
            found[name].append(accuracy(module, held_out))
            print(
                f"{each} of a class, {name}: {found[name][-1]:.1%} after {time.monotonic() - began:.0f} s", flush=True
            )
    return {
        "command": "python -m benchmarks.few --data cifar10.tar.gz --to assets/measured/few.json",
        "each": EACH,
        "held_out": len(held_out),
        "unlabelled": UNLABELLED * count,
        "parameters": {
            name: sum(p.numel() for p in module.parameters())
            for name, module in (("convolution", Convolutional(count)), ("transformer", Transformer(count)))
        },
        "accuracy": {name: [round(value, 4) for value in values] for name, values in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measured = measure(options.data)
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
