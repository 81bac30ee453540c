"""What models of the hub that look at a photo share: loading one, the size it sees, and the grid that it attends on."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HTTPError
from PIL import Image
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor, PretrainedConfig

from core.attention.axes import PatchAxis, TokenAxis
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace, Traces
from core.errors import SidelightError
from core.models.hub import OnStep, from_hub

STRIDES = (32, 16, 8, 4)  # px a cell of the feature maps of convolutions and of hierarchical transformers
ROOM = 400 * 10**6  # bytes that a trace may keep: BEiT's masks have a number for each head and pair of positions
ELONGATION = 5 / 3  # longest over shortest edge, at most: 1333 / 800, the limit of DETR and its followers


@dataclass(frozen=True)
class GridTrace:
    """traces: "encoder", or empty where nothing fits; axis: then the first that was offered. left_out: how many layers
    are not in the trace, such as those of a decoder, on other grids, or early ones for which there is no room."""

    axis: PatchAxis
    traces: Traces
    left_out: int


def grid_trace(calls: Sequence[AttentionCall], axes: Sequence[PatchAxis], decoder: int = 0) -> GridTrace:
    """The longest run of self-attention over all positions of one of the axes, by one number of heads.

    decoder: how many queries the decoder has; calls with as many are its own, for in a grid of that size nothing else
    would tell its self- and cross-attention from the encoder's.
    """
    if any(call.query.shape[0] != 1 for call in calls):
        runs = []  # the model cuts the photo into windows and may keep its patches in their order
    else:
        runs = [(kind, list(run)) for kind, run in groupby(calls, lambda call: _kind(call, axes, decoder)) if kind]
    if not runs:
        return GridTrace(axes[0], {}, len(calls))
    (axis, _), run = max(runs, key=lambda pair: len(pair[1]))
    while len(run) > 1 and sum(call.nbytes for call in run) > ROOM:
        run = run[1:]
    trace = AttentionTrace.from_calls("encoder", run, axis, axis)
    return GridTrace(axis, {"encoder": trace}, len(calls) - len(run))


def cross_trace(calls: Sequence[AttentionCall], axis: PatchAxis, queries: int) -> Traces:
    """What the decoder's objects read of the grid, layer by layer, as "cross"; empty for a model without such
    attention.

    queries: how many objects the decoder looks for; the trace's query axis numbers them from 1.
    """
    found = [call for call in calls if call.query.shape[2] == queries and call.key.shape[2] == len(axis) != queries]
    if not found or any(call.query.shape[0] != 1 for call in found):
        return {}
    objects = TokenAxis(tuple(f"object {i + 1}" for i in range(queries)), tuple(range(queries)), (False,) * queries)
    return {"cross": AttentionTrace.from_calls("cross", found, objects, axis)}


def _kind(call: AttentionCall, axes: Sequence[PatchAxis], decoder: int) -> tuple[PatchAxis, int] | None:
    heads, queries = call.query.shape[1:3]
    axis = next((axis for axis in axes if len(axis) == queries), None)
    return (axis, heads) if axis and queries == call.key.shape[2] != decoder else None


def axes_of(
    module: nn.Module, pixels: Tensor, image_size: tuple[int, int], suffix: tuple[str, ...] = ()
) -> tuple[PatchAxis, ...]:
    """The grids that the model may attend on: its patches where it has some, then cells of every stride.

    pixels: (1, 3, H, W), a resized photo of `image_size` (width, height). suffix: names of tokens after the patches.
    """
    height, width = pixels.shape[-2:]
    patch, prefix = patch_size(module), _prefix(module)
    # Convolutions pad the edge; patches leave out what is over.
    grids: dict[tuple[int, int], tuple[float, float]] = {}
    grids |= {(ceil(height / stride), ceil(width / stride)): image_size for stride in STRIDES}
    if patch:
        rows, columns = height // patch, width // patch
        seen = (image_size[0] * columns * patch / width, image_size[1] * rows * patch / height)
        grids = {(rows, columns): seen} | {grid: size for grid, size in grids.items() if grid != (rows, columns)}
    return tuple(
        PatchAxis(grid, prefix, (0.0, 0.0, float(right), float(bottom)), image_size, suffix)
        for grid, (right, bottom) in grids.items()
    )


def patch_size(module: nn.Module) -> int | None:
    """Side of a patch in px, or None for a model that is not cut into patches."""
    side = _setting(module, "patch_size", None)
    return max(side) if isinstance(side, Iterable) else side


def cell_size(module: nn.Module) -> int:
    """Px that each side of the input should be a multiple of: a patch, or as many as there are windows in a row."""
    windows = _setting(module, "num_windows_side", None) or _setting(module, "num_windows", 1)
    return (patch_size(module) or STRIDES[0]) * windows


def _setting(module: nn.Module, name: str, default: Any) -> Any:
    """From the configuration of the model or of its backbone."""
    configs = (module.config, getattr(module.config, "backbone_config", None))
    return next((value for config in configs if (value := getattr(config, name, None))), default)


def count_tokens(module: nn.Module, name: str) -> int:
    """How many learned tokens the model adds to its patches under this name, such as "cls_token"."""
    named = (tensor for key, tensor in module.named_parameters() if key.split(".")[-1] == name)
    return next((1 if tensor.dim() == 1 else tensor.shape[-2] for tensor in named), 0)


def _prefix(module: nn.Module) -> tuple[str, ...]:
    registers = tuple(f"register {i + 1}" for i in range(count_tokens(module, "register_tokens")))
    first = count_tokens(module, "cls_token") or count_tokens(module, "class_embedding")  # the latter as CLIP, BLIP
    return ("CLS",) * first + registers


def fitting_size(
    processor: Any, image_size: tuple[int, int], multiple: int, shortest: int | None = None
) -> tuple[int, int]:
    """(height, width) in px: the processor's own where it knows one shape only, else nearly the photo's proportions.

    Then the shortest edge has `shortest` px (the processor's own by default), the longest at most 5/3 of that, and
    both are whole multiples of `multiple`, at least one: a processor alone would make a strip 0 px high.
    """
    own = dict(processor.size)
    if own.get("height") and own.get("width"):
        return own["height"], own["width"]
    shortest = shortest or own.get("shortest_edge") or 512
    scale = min(shortest / min(image_size), ELONGATION * shortest / max(image_size))
    width, height = (max(1, round(side * scale / multiple)) * multiple for side in image_size)
    return height, width


def prepare(processor: Any, image: Image.Image, size: tuple[int, int], module: nn.Module) -> Tensor:
    """The whole photo as the model takes it, (1, 3, height, width), on its device: resized, not cropped or padded."""
    # DPT's head takes squares only, and its processor alone would make a strip 0 px high.
    own_shape = {"keep_aspect_ratio": False} if hasattr(processor, "keep_aspect_ratio") else {}
    ready = processor(
        images=image,
        size={"height": size[0], "width": size[1]},
        do_resize=True,
        do_center_crop=False,
        do_pad=False,
        return_tensors="pt",
        **own_shape,
    )
    return ready["pixel_values"].to(next(module.parameters()).device)


@dataclass(frozen=True)
class PartlyFused:
    """A class of transformers whose models are loaded with fused attention in every part that has it.

    Asking for it by name, as for a pure transformer, refuses a model with a convolutional backbone.
    """

    kind: Any

    def config_of(self, place: Path) -> PretrainedConfig:
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        return _config_with_backbone(place / "config.json") or AutoConfig.from_pretrained(str(place), **options)

    def from_config(self, config: PretrainedConfig, **options: Any) -> Any:
        return self.kind.from_config(config, **options)

    def from_pretrained(self, place: str, attn_implementation: str, **options: Any) -> Any:
        """Raises OSError where the hub was asked about a backbone and did not answer."""
        config = _config_with_backbone(Path(place) / "config.json")
        try:
            return self.kind.from_pretrained(place, **({"config": config} if config else {}), **options)
        except HTTPError as error:
            raise ConnectionError(str(error)) from error


def _config_with_backbone(file: Path) -> PretrainedConfig | None:
    """DETR's published files name a backbone of timm; transformers would first ask the hub for a model of that name."""
    raw = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if not raw.get("backbone") or not raw.pop("use_timm_backbone", False) or raw.get("backbone_config"):
        return None
    backbone = {
        "model_type": "timm_backbone",
        "backbone": raw.pop("backbone"),
        **(raw.pop("backbone_kwargs", None) or {}),
    }
    raw.pop("use_pretrained_backbone", None)
    return AutoConfig.for_model(**raw | {"backbone_config": backbone})


def load(name: str, kind: Any, needs: str, on_step: OnStep | None = None) -> tuple[nn.Module, Any]:
    """A model of the hub and its image processor. kind: e.g. AutoModelForObjectDetection; needs: the method of the
    processor that reads the output. Raises SidelightError `model.*`."""
    module, processor = from_hub(name, None, PartlyFused(kind), AutoImageProcessor, on_step)
    if not hasattr(processor, needs):
        raise SidelightError("model.unsupported", name=name)
    return module, processor
