"""transformers' vision models with one grid of patches as a `VisionModel`: the one file that knows how they name parts.

Their classes have no forward pass in two halves, so the head is a shallow copy of the model whose trunk hands on the
tokens that it is given: whatever a class does with them, it does here.
"""

import copy
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoModel, AutoModelForImageClassification
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.attention.tape import AttentionCall
from core.errors import SidelightError
from core.models import loading
from core.models.vision.model import VisionModel, sizes_in

CLASSIFIER = "ForImageClassification"
TOKENS = {
    "cls_token": "CLS",
    "class_embedding": "CLS",
    "distillation_token": "distillation",
    "register_tokens": "register",
}
PROJECTIONS = ("attention.o_proj", "self_attn.out_proj", "attention.output.dense", "attention.attention.o_proj")
LAST_NORMS = ("layernorm", "layer_norm", "post_layernorm", "norm")
SCALES = ("layer_scale1.lambda1", "lambda_1")


@dataclass(eq=False)
class TransformersVision(VisionModel):
    @property
    def _trunk(self) -> Any:
        return _trunk(self.module)[1]

    @property
    def layers(self) -> Sequence[nn.Module]:
        return _layers(self._trunk)

    @property
    def width(self) -> int:
        return self._trunk.config.hidden_size

    def tokens(self, pixels: Tensor) -> Tensor:
        return self._run(self._trunk, pixels).last_hidden_state

    def _run(self, part: Any, pixels: Tensor, **options: Any) -> Any:
        known = inspect.signature(part.forward).parameters
        if "interpolate_pos_encoding" in known:
            options["interpolate_pos_encoding"] = True
        if "noise" in known:  # masked autoencoders shuffle their patches by it: here they stay in order
            count = (pixels.shape[2] // self.patch) * (pixels.shape[3] // self.patch)
            options["noise"] = torch.arange(count, device=pixels.device).expand(len(pixels), -1)
        if not torch.is_inference_mode_enabled():
            return part(pixels, **options)
        with torch.inference_mode(False), torch.no_grad():  # BEiT keeps an index that a later backward pass needs
            return part(pixels, **options)

    def representation(self, tokens: Tensor) -> Tensor:
        if self.classes:
            return _head(self.module, answers=False)(pixel_values=tokens).logits
        return self._pooled(tokens)

    def _pooled(self, tokens: Tensor) -> Tensor:
        trunk = self._trunk
        if self._pool:
            return trunk.head(tokens)
        read = tokens[:, 0] if self.prefix else tokens.mean(1)
        return trunk.post_layernorm(read) if hasattr(trunk, "post_layernorm") and self.prefix else read  # CLIP

    def logits(self, tokens: Tensor) -> Tensor:
        if not self.classes:
            return self.representation(tokens)
        return _head(self.module)(pixel_values=tokens).logits

    def embed(self, pixels: Tensor) -> Tensor:
        convolution = _convolution(self._trunk)
        return convolution(pixels).flatten(2).transpose(1, 2)

    def states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        found = self._run(self._trunk, pixels, output_hidden_states=True).hidden_states
        return tuple(found) if found and len(found) == len(self.layers) + 1 else ()

    def last_norm(self) -> nn.Module:
        named = (getattr(self._trunk, name, None) for name in LAST_NORMS)
        return next((norm for norm in named if norm is not None), nn.Identity())

    def reads(self, count: int) -> Tensor:
        """Measured: by how much the representation moves with each token, and all of them as much as one."""
        with torch.inference_mode(False), torch.enable_grad():
            tokens = torch.ones(1, count, self.width, device=self.device)
            tokens = (tokens + torch.linspace(-0.1, 0.1, self.width, device=self.device)).requires_grad_()
            (slope,) = torch.autograd.grad(self.representation(tokens)[0].sin().sum(), tokens)
        length = slope[0].norm(dim=-1).cpu()
        return length / length.sum()

    def _reader(self, calls: list[AttentionCall], tokens: Tensor) -> Tensor:
        return super()._reader(calls, tokens) if self.classes or not self._pool else self._pool_row(tokens)

    @property
    def _pool(self) -> nn.MultiheadAttention | None:
        """SigLIP's head, which reads all tokens by attention."""
        found = getattr(getattr(self._trunk, "head", None), "attention", None)
        return found if isinstance(found, nn.MultiheadAttention) else None

    def _pool_row(self, tokens: Tensor) -> Tensor:
        """What that head reads of each token, the mean over its heads: (N,)."""
        assert self._pool
        with torch.no_grad():
            return self._pool(self._trunk.head.probe, tokens, tokens)[1][0, 0].cpu()

    def projections(self) -> tuple[Tensor | None, ...]:
        return tuple(_projection(layer) for layer in self.layers)

    def convolution(self) -> nn.Conv2d | None:
        part = _convolution(self._trunk)
        return part if part.in_channels == 3 else None

    def position_vectors(self, grid: tuple[int, int]) -> Tensor | None:
        """Measured: what the embedding adds to a blank picture's patches."""
        blank = torch.zeros(1, 3, grid[0] * self.patch, grid[1] * self.patch, device=self.device)
        with torch.inference_mode():
            found = self._run(self._trunk.embeddings, blank)
            placed = (found[0] if isinstance(found, tuple) else found)[0]
            added = placed[len(placed) - grid[0] * grid[1] :] - self.embed(blank)[0]
        return added.cpu() if added.any() else None

    def prefix_vectors(self) -> dict[str, Tensor]:
        vectors = [
            vector for part in _prefix_parameters(self._trunk) for vector in part[1].detach().reshape(-1, self.width)
        ]
        return dict(zip(self.prefix, vectors, strict=True))

    def position_tables(self) -> list[nn.Parameter]:
        named = self._trunk.named_parameters()
        return [table for name, table in named if "position_embedding" in name or "relative_position_bias" in name]

    @contextmanager
    def fused(self, on: bool) -> Iterator[None]:
        model: Any = self.module
        before = model.config._attn_implementation
        try:
            model.set_attn_implementation("sdpa" if on else "eager")
            yield
        finally:
            model.set_attn_implementation(before)

    @property
    def can_unfuse(self) -> bool:
        return bool(getattr(self.module, "_supports_attention_backend", False))  # else it was decided when it was made

    def with_module(self, module: nn.Module) -> Self:
        return replace(self, module=module)


def from_transformers(name: str, module: nn.Module, processor: Any) -> TransformersVision:
    """A transformers model with its image processor as they are. Raises SidelightError `model.unsupported` for one
    without one grid of patches."""
    model: Any = module
    trunk = _trunk(model)[1]
    config = trunk.config
    patch = getattr(config, "patch_size", None)
    if not isinstance(patch, int) or not hasattr(trunk, "embeddings") or not _layers(trunk):
        raise SidelightError("model.unsupported", name=name)
    config.tie_last_hidden_states = False  # else the last layer's state would be the normalised one
    if hasattr(config, "mask_ratio"):
        config.mask_ratio = 0.0  # a masked autoencoder sees the whole picture
    is_classifier = CLASSIFIER in type(model).__name__ and model.config.num_labels > 0
    labels = model.config.id2label if is_classifier else {}
    default = max(1, picture_side(processor, config) // patch) * patch
    mean, std = normalisation(processor)
    found = TransformersVision(
        name=name,
        module=module.eval().to(loading.device()),
        patch=patch,
        prefix=_prefix_names(trunk),
        mean=mean,
        std=std,
        sizes=(default,),
        default_size=default,
        classes=tuple(str(labels[i]) for i in range(len(labels))),
    )
    found.check()
    return replace(found, sizes=sizes_in(patch, default, _takes_any_size(found)))


def automatic(architecture: str) -> Any:
    """The class of transformers that loads a model of this architecture."""
    return AutoModelForImageClassification if CLASSIFIER in architecture else AutoModel


def read_transformers(name: str, folder: Path, architecture: str) -> tuple[nn.Module, Any]:
    """What sees the pictures, and its image processor. Raises SidelightError `model.*`."""
    module, processor = loading.from_folder(name, folder, automatic(architecture), AutoImageProcessor)
    return _tower(module), processor


def _tower(module: nn.Module) -> nn.Module:
    """Of a model of pictures and words (CLIP, SigLIP) what sees the pictures."""
    return getattr(module, "vision_model", module) if hasattr(module, "text_model") else module


def _trunk(module: nn.Module) -> tuple[str, Any]:
    """What has the layers, and its name in the model; "" for a model that is nothing else."""
    for name, child in module.named_children():
        if hasattr(child, "config") and hasattr(child, "embeddings"):
            return name, child
    return "", module


def _layers(trunk: Any) -> Sequence[nn.Module]:
    count = getattr(trunk.config, "num_hidden_layers", None)
    lists = [part for part in trunk.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    return lists[0] if lists else ()  # type: ignore[return-value]


def _convolution(trunk: Any) -> nn.Conv2d:
    return next(part for part in trunk.embeddings.modules() if isinstance(part, nn.Conv2d))


def _prefix_parameters(trunk: Any) -> list[tuple[str, Tensor]]:
    named = {name.split(".")[-1]: value for name, value in trunk.embeddings.named_parameters()}
    return [(label, named[name]) for name, label in TOKENS.items() if name in named and named[name].numel()]


def _prefix_names(trunk: Any) -> tuple[str, ...]:
    names: list[str] = []
    for label, value in _prefix_parameters(trunk):
        count = value.numel() // trunk.config.hidden_size
        names += [f"{label} {i + 1}" for i in range(count)] if label == "register" else [label]
    return tuple(names)


class _Given(nn.Module):
    """In the place of a trunk: the tokens are there already."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.pooler = getattr(trunk, "pooler", None)

    def forward(self, pixel_values: Tensor, *args: Any, **options: Any) -> BaseModelOutputWithPooling:
        pooled = None if self.pooler is None else self.pooler(pixel_values)
        return BaseModelOutputWithPooling(last_hidden_state=pixel_values, pooler_output=pooled)


def _head(module: nn.Module, answers: bool = True) -> nn.Module:
    """The model without its trunk. answers: else also without its last linear layers."""
    name, trunk = _trunk(module)
    head = copy.copy(module)
    head._modules = dict(module._modules) | {name: _Given(trunk)}
    if not answers:
        head._modules |= {key: nn.Identity() for key, part in module._modules.items() if isinstance(part, nn.Linear)}
    return head


def _projection(layer: nn.Module) -> Tensor | None:
    parts, parameters = dict(layer.named_modules()), dict(layer.named_parameters())
    linear = next((parts[path] for path in PROJECTIONS if isinstance(parts.get(path), nn.Linear)), None)
    if not isinstance(linear, nn.Linear):
        return None
    gamma = next((parameters[path] for path in SCALES if path in parameters), None)
    return linear.weight.detach() if gamma is None else (gamma[:, None] * linear.weight).detach()


def picture_side(processor: Any, config: Any) -> int:
    """Px of the picture as the processor hands it on; as the model was made where it does not say."""
    for size in (getattr(processor, "crop_size", None) if processor.do_center_crop else None, processor.size):
        found = size and (size.get("height") or size.get("shortest_edge"))
        if found:
            return found
    return config.image_size if isinstance(config.image_size, int) else config.image_size[0]


def normalisation(processor: Any) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(mean, std) of shades from 0 to 1, with a scale of the processor's own in them."""
    scale = 255 * processor.rescale_factor if processor.do_rescale else 255.0
    mean, std = (0.0,) * 3, (1.0,) * 3
    if processor.do_normalize:
        mean, std = processor.image_mean, processor.image_std
    red, green, blue = ((m / scale, s / scale) for m, s in zip(mean, std, strict=True))
    return (red[0], green[0], blue[0]), (red[1], green[1], blue[1])


def _takes_any_size(model: TransformersVision) -> bool:
    """Asked of the model itself, with two more patches a side."""
    side = model.default_size + 2 * model.patch
    try:
        with torch.inference_mode():
            model.tokens(torch.zeros(1, 3, side, side, device=model.device))
    except (ValueError, RuntimeError):  # transformers' "input size does not match"
        return False
    return True
