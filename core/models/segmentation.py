"""Semantic segmentation: photo in; a class for every pixel out, and the attention behind it."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForSemanticSegmentation

from core.attention.axes import PatchAxis
from core.attention.tape import Tape
from core.attention.trace import Traces
from core.models import grids
from core.models.hub import OnStep

LARGEST = 512  # px, the largest side of the map of classes


@dataclass(frozen=True)
class Segmentation:
    """traces, left_out: see GridTrace.

    classes: of every pixel, (H, W) in the photo's proportions, at most 512 px a side.
    labels: name of each class that is there. shares: of the area, largest first.
    """

    axis: PatchAxis
    traces: Traces
    left_out: int
    classes: Tensor
    labels: dict[int, str]
    shares: dict[int, float]


@dataclass(eq=False)
class Segmenter:
    """module: a transformers model for semantic segmentation in eval mode. processor: its image processor."""

    name: str
    module: Any
    processor: Any

    def segment(self, image: Image.Image) -> Segmentation:
        """The classes of an upright RGB photo."""
        size = grids.fitting_size(self.processor, image.size, grids.STRIDES[0])
        pixels = grids.prepare(self.processor, image, size, self.module)
        with torch.inference_mode(), Tape.record(values=True) as tape:
            outputs = self.module(pixel_values=pixels)
        found = grids.grid_trace(tape.calls, grids.axes_of(self.module, pixels, image.size))
        classes = self.processor.post_process_semantic_segmentation(outputs, target_sizes=[map_size(image.size)])[0]
        classes = classes.cpu().long()
        shares = _shares(classes)
        labels = {index: self.module.config.id2label[index] for index in shares}
        return Segmentation(found.axis, found.traces, found.left_out, classes, labels, shares)


def map_size(image_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the map of classes for a photo of (width, height)."""
    scale = min(1, LARGEST / max(image_size))
    width, height = (max(1, round(side * scale)) for side in image_size)
    return height, width


def _shares(classes: Tensor) -> dict[int, float]:
    indices, counts = classes.unique(return_counts=True)
    order = counts.argsort(descending=True, stable=True)
    return dict(zip(indices[order].tolist(), (counts[order] / classes.numel()).tolist(), strict=True))


def load_segmenter(name: str, on_step: OnStep | None = None) -> Segmenter:
    """A model of the hub by its name. Raises SidelightError `model.*`."""
    return Segmenter(
        name, *grids.load(name, AutoModelForSemanticSegmentation, "post_process_semantic_segmentation", on_step)
    )
