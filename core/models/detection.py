"""An object detector: photo in; boxes with labels out, and the attention that found them."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForObjectDetection

from core.attention.axes import Box, PatchAxis
from core.attention.tape import Tape
from core.attention.trace import Traces
from core.models import grids
from core.models.hub import OnStep


@dataclass(frozen=True)
class Object:
    """box: in pixels of the photo; it may reach beyond. query: from 0, which of the objects that the model looks for it
    is: a token after the patches (YOLOS), or a query of the decoder (DETR)."""

    label: str
    probability: float
    box: Box
    query: int


@dataclass(frozen=True)
class Detection:
    """traces: "encoder" where the model attends on one grid; "cross" where a decoder finds the objects: what each reads
    of the same grid. left_out: see GridTrace. objects: the most probable first."""

    axis: PatchAxis
    traces: Traces
    left_out: int
    objects: tuple[Object, ...]


@dataclass(eq=False)
class Detector:
    """module: a transformers model for object detection in eval mode. processor: its image processor."""

    name: str
    module: Any
    processor: Any

    @property
    def tokens(self) -> int:
        """How many objects are positions of the attention (YOLOS): 0 where a decoder finds them."""
        return grids.count_tokens(self.module, "detection_tokens")

    def detect(self, image: Image.Image, size: int = 512, threshold: float = 0.5) -> Detection:
        """Every object of an upright RGB photo that is more probable than `threshold`.

        size: px of the shortest edge, the longest has at most 5/3 of it; no effect on a model that knows one shape.
        """
        pixels = grids.prepare(self.processor, image, self.input_size(image.size, size), self.module)
        with torch.inference_mode(), Tape.record(values=True) as tape:
            outputs = self.module(pixel_values=pixels)
        names = tuple(f"object {i + 1}" for i in range(self.tokens))
        axes = grids.axes_of(self.module, pixels, image.size, names)
        queries = outputs.logits.shape[1]
        found = grids.grid_trace(tape.calls, axes, decoder=queries)
        cross = {} if self.tokens else grids.cross_trace(tape.calls, found.axis, queries)
        left_out = found.left_out - sum(trace.layers for trace in cross.values())
        objects = self._objects(outputs, image.size, threshold)
        return Detection(found.axis, {**found.traces, **cross}, left_out, objects)

    def input_size(self, image_size: tuple[int, int], size: int) -> tuple[int, int]:
        """(height, width) in px that the model sees of a photo of (width, height)."""
        cell = grids.cell_size(self.module)
        height, width = grids.fitting_size(self.processor, image_size, cell, size)
        queries = getattr(self.module.config, "num_queries", 0)
        if (height // cell) * (width // cell) == queries:  # the decoder could not be told from the encoder
            return (height + cell, width) if height > width else (height, width + cell)
        return height, width

    def _objects(self, outputs: Any, image_size: tuple[int, int], threshold: float) -> tuple[Object, ...]:
        found = self._found(outputs, threshold, image_size)
        labels = [self.module.config.id2label[index] for index in found["labels"].tolist()]
        boxes = [tuple(box) for box in found["boxes"].tolist()]
        rows = zip(labels, found["scores"].tolist(), boxes, self._queries(outputs, threshold), strict=True)
        return tuple(sorted((Object(*row) for row in rows), key=lambda one: -one.probability))

    def _found(self, outputs: Any, threshold: float, image_size: tuple[int, int]) -> dict[str, Any]:
        sizes = [image_size[::-1]]
        return self.processor.post_process_object_detection(outputs, threshold=threshold, target_sizes=sizes)[0]

    def _queries(self, outputs: Any, threshold: float) -> list[int]:
        """From which query each object came. The processor drops that, and each has its own way to choose: so it is
        given the number of a query as the left edge of its box."""
        numbered = copy(outputs)
        numbered.pred_boxes = torch.zeros_like(outputs.pred_boxes, dtype=torch.float32)
        numbered.pred_boxes[..., 0] = torch.arange(outputs.pred_boxes.shape[1])
        return [round(left) for left, *_ in self._found(numbered, threshold, (1, 1))["boxes"].tolist()]


def load_detector(name: str, on_step: OnStep | None = None) -> Detector:
    """A detector of the hub by its name. Raises SidelightError `model.*`."""
    return Detector(name, *grids.load(name, AutoModelForObjectDetection, "post_process_object_detection", on_step))
