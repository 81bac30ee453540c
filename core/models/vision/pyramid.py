"""Hierarchical transformers (Swin, PVT, MaxViT, Hiera, ...) of timm and of transformers as a `VisionModel`.

Their grids grow coarser from stage to stage and each query has keys of its own, so attention is a trace for each stage
(`VisionResult.stages`) and no method for one grid applies. What the head reads is the last stage's grid: its cells are
the patches wherever one grid is needed (features, the foreground).
"""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.attention.windows import WindowedTrace
from core.errors import SidelightError
from core.models import loading
from core.models.images import Fit
from core.models.vision.class_names import class_names
from core.models.vision.model import VisionModel, VisionResult
from core.models.vision.timm_adapter import fused
from core.models.vision.transformers_adapter import CLASSIFIER, normalisation, picture_side
from core.models.vision.windows import ATTENTION, windowed_trace

CLOSE = 1e-3  # between the answer of both halves and that of the whole, over the largest number of it
MISFIT = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError)  # of a form that is not known


@dataclass(eq=False)
class PyramidVision(VisionModel):
    """layout: the shape of the last feature map without the batch: (N, D), (rows, columns, D) or (D, rows, columns)."""

    layout: tuple[int, ...] = ()
    dim: int = 0

    def _map(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) -> the last feature map as the library gives it."""
        raise NotImplementedError

    def _head(self, found: Tensor) -> Tensor:
        """Such a map -> what the model answers."""
        raise NotImplementedError

    def _whole(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) -> what the model answers, by its own forward pass."""
        raise NotImplementedError

    def run(self, image: Image.Image, size: int, fit: Fit) -> VisionResult:
        result = super().run(image, size, fit)
        found = self._windows(self.pixels(result.fitted.pixels), result.fitted.image_box, image.size)
        stages = tuple(found.stage(number) for number in range(len(found.stages)))
        return replace(result, traces={}, stages=stages, left_out=found.left_out)

    def _windows(self, pixels: Tensor, box: tuple[float, float, float, float], size: tuple[int, int]) -> WindowedTrace:
        return windowed_trace(self.module, pixels, box, size)

    def open(self) -> "PyramidVision":
        """The model once it is known how its map lies. Raises SidelightError `model.unsupported` where its last map is
        no square of cells, the two halves of a pass are not the whole, or none of its attention is known."""
        side, draw = self.default_size, torch.Generator().manual_seed(0)
        pixels = torch.randn(1, 3, side, side, generator=draw).to(self.device)
        try:
            with torch.inference_mode():
                last = self._map(pixels)
                found = _formed(self, tuple(last.shape[1:]), side)
                whole, halves = self._whole(pixels), found.logits(found.tokens(pixels))
            is_whole = whole.shape == halves.shape and _apart(whole, halves) < CLOSE
            known = self._windows(pixels, (0.0, 0.0, float(side), float(side)), (side, side)).layers
        except MISFIT as error:
            raise SidelightError("model.unsupported", name=self.name) from error
        if not is_whole or not known:
            raise SidelightError("model.unsupported", name=self.name)
        return found

    @property
    def one_grid(self) -> bool:
        return False

    @property
    def layers(self) -> Sequence[nn.Module]:
        return [part for part in self.module.modules() if any(hasattr(part, name) for name in ATTENTION)]

    @property
    def width(self) -> int:
        return self.dim

    def tokens(self, pixels: Tensor) -> Tensor:
        found = self._map(pixels)
        return found.flatten(2).transpose(1, 2) if self._is_first else found.flatten(1, -2)

    @property
    def _is_first(self) -> bool:
        """Whether the channels come before the rows and columns."""
        return len(self.layout) == 3 and self.layout[0] == self.dim

    def logits(self, tokens: Tensor) -> Tensor:
        given = tokens.transpose(1, 2) if self._is_first else tokens
        return self._head(given.reshape(-1, *self.layout))

    def representation(self, tokens: Tensor) -> Tensor:
        return tokens.mean(1)

    def reads(self, count: int) -> Tensor:
        return torch.full((count,), 1 / count)

    # Of one grid alone

    def embed(self, pixels: Tensor) -> Tensor:
        raise SidelightError("model.several_grids", name=self.name)

    def states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return ()

    def last_norm(self) -> nn.Module:
        return nn.Identity()

    def projections(self) -> tuple[Tensor | None, ...]:
        return tuple(None for _ in self.layers)

    def convolution(self) -> nn.Conv2d | None:
        return None

    def position_vectors(self, grid: tuple[int, int]) -> Tensor | None:
        return None

    def prefix_vectors(self) -> dict[str, Tensor]:
        return {}

    def position_tables(self) -> list[nn.Parameter]:
        return []

    def fused(self, on: bool) -> AbstractContextManager[None]:
        return fused(self.module, on)

    @property
    def can_unfuse(self) -> bool:
        return any(hasattr(part, "fused_attn") for part in self.module.modules())

    def with_module(self, module: nn.Module) -> Self:
        return replace(self, module=module)


@dataclass(eq=False)
class TimmPyramid(PyramidVision):
    @property
    def _timm(self) -> Any:
        return self.module

    def _map(self, pixels: Tensor) -> Tensor:
        return self._timm.forward_features(pixels)

    def _head(self, found: Tensor) -> Tensor:
        return self._timm.forward_head(found)

    def _whole(self, pixels: Tensor) -> Tensor:
        return self.module(pixels)


@dataclass(eq=False)
class TransformersPyramid(PyramidVision):
    @property
    def _trunk(self) -> Any:
        return self.module.base_model

    def _map(self, pixels: Tensor) -> Tensor:
        return self._trunk(pixel_values=pixels).last_hidden_state

    def _head(self, found: Tensor) -> Tensor:
        if not self.classes:
            return found.flatten(2).mean(-1) if self._is_first else found.flatten(1, -2).mean(1)
        head = copy.copy(self.module)
        prefix: str = self.module.base_model_prefix  # type: ignore[assignment]
        head._modules = dict(self.module._modules) | {prefix: _Given(self._trunk)}
        return head(pixel_values=found).logits

    def _whole(self, pixels: Tensor) -> Tensor:
        return self.module(pixel_values=pixels).logits if self.classes else self._head(self._map(pixels))


@dataclass
class _Output(BaseModelOutputWithPooling):
    reshaped_hidden_states: None = None  # Swin hands them on


class _Given(nn.Module):
    """In the place of a trunk: its last map is there already."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.pooler = getattr(trunk, "pooler", None)

    def forward(self, pixel_values: Tensor, *args: Any, **options: Any) -> BaseModelOutputWithPooling:
        pooled = self.pooler
        if isinstance(pooled, nn.AdaptiveAvgPool1d):
            pooled = pooled(pixel_values.transpose(1, 2)).flatten(1)
        elif pooled is not None:
            pooled = pooled(pixel_values)
        return _Output(last_hidden_state=pixel_values, pooler_output=pooled)


def from_timm_pyramid(name: str, module: nn.Module, own: bool = False) -> PyramidVision:
    """A timm model with several grids. own: see `class_names`. Raises SidelightError `model.unsupported`."""
    model: Any = module
    config = model.pretrained_cfg
    side = config["input_size"][-1]
    return TimmPyramid(
        name=name,
        module=module.eval().to(loading.device()),
        patch=side,
        prefix=(),
        mean=config["mean"],
        std=config["std"],
        sizes=(side,),
        default_size=side,
        classes=class_names(model.num_classes, config, own),
    ).open()


def from_transformers_pyramid(name: str, module: nn.Module, processor: Any) -> PyramidVision:
    """A model of transformers with several grids, and its image processor. Raises SidelightError
    `model.unsupported`."""
    model: Any = module
    is_classifier = CLASSIFIER in type(model).__name__ and model.config.num_labels > 0
    labels = model.config.id2label if is_classifier else {}
    side, (mean, std) = picture_side(processor, model.config), normalisation(processor)
    return TransformersPyramid(
        name=name,
        module=module.eval().to(loading.device()),
        patch=side,
        prefix=(),
        mean=mean,
        std=std,
        sizes=(side,),
        default_size=side,
        classes=tuple(str(labels[i]) for i in range(len(labels))),
    ).open()


def _formed(model: PyramidVision, layout: tuple[int, ...], side: int) -> PyramidVision:
    """With the form of its last map, whose channels come last in a row of cells, and where the other two sides are
    alike. Raises ValueError for another form."""
    if len(layout) == 2:
        (count, width), rows = layout, isqrt(layout[0])
        cells = rows * rows == count
    elif len(layout) == 3 and layout[0] == layout[1]:
        rows, width, cells = layout[0], layout[2], True
    elif len(layout) == 3:
        rows, width, cells = layout[2], layout[0], layout[1] == layout[2]
    else:
        rows = width = 0
        cells = False
    if not cells or side % rows:
        raise ValueError(f"no square of cells: {layout}")
    return replace(model, layout=layout, dim=width, patch=side // rows)


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp_min(1e-9))
