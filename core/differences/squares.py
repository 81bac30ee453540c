"""Two ways to learn from pictures without labels, tried on a backbone that was trained in neither: a hidden patch is
restored from all that is left around it (as autoencoders do), and the next patch is predicted from those before it, row
by row (as autoregressive models do).

The backbone is frozen; a ridge regression reads the patch off its features. It is fitted once, by
`python -m core.differences.squares`, on bundled pictures of ten classes, and predicts what the nearest patches that are
seen do not say already: the difference from their mean colour.
"""

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from core.differences.loss import homogeneous
from core.finetune.data.bundled import bundled_classes, bundled_pictures
from core.finetune.pictures import enlarge
from core.models.vision import VisionModel, load_vision
from core.wording import ASSETS

BACKBONE, SIDE, FINE = "vision-vit-s-14", 112, 7  # px of the picture; a patch is predicted in FINE x FINE colours
HIDDEN = 0.4  # of the patches
FILE = ASSETS / "measured" / "readouts.safetensors"
WAYS = ("hidden", "next")
RIDGE, EACH, DRAWS = 1e4, 40, 4  # penalty; pictures of a class to fit on; what is hidden of each, so many times


@dataclass(frozen=True)
class Square:
    """One way on one picture. seen: what the model was given (for the next patch, half way). restored: every predicted
    patch in its place, the others as they are. error, nearest, mean: mean squared errors of the prediction, of the mean
    colour of the nearest patches that were seen, and of the mean colour of all that were; shades from 0 to 1, in FINE x
    FINE colours a patch. predicted: how many patches."""

    seen: Image.Image
    restored: Image.Image
    error: float
    nearest: float
    mean: float
    predicted: int


def squares(model: VisionModel, photo: Image.Image, seed: int = 0) -> dict[str, Square]:
    """Both ways on the middle of a photo. model: the backbone that the read-outs were fitted for."""
    short = min(photo.size)
    left, top = (photo.width - short) // 2, (photo.height - short) // 2
    square = photo.convert("RGB").crop((left, top, left + short, top + short)).resize((SIDE, SIDE))
    shades = torch.frombuffer(bytearray(square.tobytes()), dtype=torch.uint8).reshape(1, SIDE, SIDE, 3)
    pixels = shades.permute(0, 3, 1, 2).float() / 255
    return {way: _square(model, pixels, way, weights, seed) for way, weights in readouts().items()}


def _square(model: VisionModel, pixels: Tensor, way: str, weights: Tensor, seed: int) -> Square:
    grid = SIDE // model.patch
    masks = _masks(way, grid, torch.Generator().manual_seed(seed))
    asked = _asked(way, masks)  # (examples, 2): which mask, which patch
    inputs, near, truth = _examples(model, pixels.expand(len(masks), -1, -1, -1), masks, asked)
    found = (homogeneous(inputs) @ weights + near).clamp(0, 1)
    colours = _fine(pixels, grid)[0].clone()  # (N, 3 FINE FINE)
    mean = torch.stack([colours[~mask].reshape(-1, 3, FINE * FINE).mean((0, 2)) for mask in masks])[asked[:, 0]]
    mean = mean.repeat_interleave(FINE * FINE, 1)
    colours[asked[:, 1]] = found
    half = masks[len(masks) // 2]
    error, nearest, even = (float((one - truth).square().mean()) for one in (found, near, mean))
    seen = _image(_with_grey(pixels, half[None], grid)[0])
    return Square(seen, _image(_together(colours, grid)), error, nearest, even, len(asked))


@cache
def readouts() -> dict[str, Tensor]:
    """By way, (D + 1, 3 FINE FINE)."""
    return {way: weights.float() for way, weights in load_file(FILE).items()}


def _masks(way: str, grid: int, draw: torch.Generator) -> Tensor:
    """What is hidden, (masks, N) bool: a share of the places, by chance; or all from a place on, for every second."""
    count = grid * grid
    if way == "next":
        return torch.arange(count) >= torch.arange(1, count, 2)[:, None]
    order = torch.randperm(count, generator=draw)
    hidden = torch.zeros(1, count, dtype=torch.bool)
    hidden[0, order[: round(HIDDEN * count)]] = True
    return hidden


def _asked(way: str, masks: Tensor) -> Tensor:
    """Which patch each mask is asked for: all that it hides, or the first of them."""
    if way == "next":
        return torch.stack([torch.arange(len(masks)), masks.float().argmax(-1)], 1)
    return masks.nonzero()


def _examples(model: VisionModel, pixels: Tensor, masks: Tensor, asked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of pictures (B, 3, S, S), each with its mask (B, N): features at the patches that are asked for, (E, D), the mean
    colours of the nearest patches seen and the true ones, (E, 3 FINE FINE)."""
    grid = pixels.shape[-1] // model.patch
    shown = _with_grey(pixels, masks, grid)
    means, spread = (torch.tensor(one).view(3, 1, 1) for one in (model.mean, model.std))
    with torch.inference_mode():
        tokens = model.tokens(((shown - means) / spread).to(model.device))
    features = tokens[:, len(model.prefix) :].float().cpu().clone()
    colours = _fine(pixels, grid)
    flat = colours.reshape(*colours.shape[:2], 3, -1).mean(-1)  # (B, N, 3)
    place = torch.stack([torch.arange(grid * grid) // grid, torch.arange(grid * grid) % grid], 1).float()
    apart = torch.cdist(place, place)[asked[:, 1]].masked_fill(masks[asked[:, 0]], torch.inf)  # (E, N)
    nearest = (apart <= apart.min(-1, keepdim=True).values + 1e-4).float()
    near = torch.einsum("en,enc->ec", nearest / nearest.sum(-1, keepdim=True), flat[asked[:, 0]])
    where = asked[:, 0], asked[:, 1]
    return features[where], near.repeat_interleave(FINE * FINE, 1), colours[where]


def _fine(pixels: Tensor, grid: int) -> Tensor:
    """(B, 3, S, S) -> (B, N, 3 FINE FINE): each patch in so many colours."""
    small = F.adaptive_avg_pool2d(pixels, grid * FINE)
    cut = small.reshape(len(pixels), 3, grid, FINE, grid, FINE).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(len(pixels), grid * grid, 3 * FINE * FINE)


def _together(colours: Tensor, grid: int) -> Tensor:
    """(N, 3 FINE FINE) -> (3, grid FINE, grid FINE)"""
    cut = colours.reshape(grid, grid, 3, FINE, FINE).permute(2, 0, 3, 1, 4)
    return cut.reshape(3, grid * FINE, grid * FINE)


def _with_grey(pixels: Tensor, masks: Tensor, grid: int) -> Tensor:
    """Hidden patches in the mean colour of those that are seen."""
    hidden = masks.reshape(len(masks), 1, grid, grid).float()
    hidden = F.interpolate(hidden, pixels.shape[-2:])
    seen = 1 - hidden
    mean = (pixels * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True)
    return pixels * seen + mean * hidden


def _image(pixels: Tensor) -> Image.Image:
    return Image.fromarray((pixels * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def fit(model: VisionModel, pictures: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """pictures: uint8 (B, 3, s, s). By way, float16 (D + 1, 3 FINE FINE)."""
    draw, grid = torch.Generator().manual_seed(seed), SIDE // model.patch
    found = {}
    for way in WAYS:
        gram = target = torch.zeros(())
        for images in pictures.repeat(DRAWS, 1, 1, 1).split(64):
            pixels = enlarge(images, SIDE)
            every = [_masks(way, grid, draw) for _ in images]
            masks = torch.stack([one[int(torch.randint(len(one), (), generator=draw))] for one in every])
            inputs, near, truth = _examples(model, pixels, masks, _asked(way, masks))
            inputs = homogeneous(inputs).double()
            gram = gram + inputs.T @ inputs
            target = target + inputs.T @ (truth - near).double()
        eye = torch.eye(len(gram), dtype=torch.double)
        found[way] = torch.linalg.solve(gram + RIDGE * eye, target).half().contiguous()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=FILE)
    options = parser.parse_args()
    data = bundled_pictures(bundled_classes(), EACH)
    options.to.parent.mkdir(parents=True, exist_ok=True)
    save_file(fit(load_vision(BACKBONE), data.train.images), options.to)


if __name__ == "__main__":
    main()
