"""timm's Vision Transformers as a `VisionModel`: the one file that knows how timm names the parts of its models."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import torch
from timm.layers import LayerScale
from timm.models.eva import EvaBlockPostNorm
from timm.models.vision_transformer import ResPostBlock, VisionTransformer
from timm.models.vision_transformer_relpos import ResPostRelPosBlock
from torch import Tensor, nn

from core.errors import SidelightError
from core.models import loading
from core.models.vision.class_names import class_names
from core.models.vision.model import VisionModel, sizes_in

POST_NORM = (ResPostBlock, ResPostRelPosBlock, EvaBlockPostNorm)
TOKENS = {"cls_token": "CLS", "dist_token": "distillation", "reg_token": "register"}


@dataclass(eq=False)
class TimmVision(VisionModel):
    @property
    def _timm(self) -> Any:
        """timm's models share names, not a type."""
        return self.module

    @property
    def layers(self) -> Sequence[nn.Module]:
        return cast(Sequence[nn.Module], self._timm.blocks)

    @property
    def width(self) -> int:
        return self._timm.num_features

    def tokens(self, pixels: Tensor) -> Tensor:
        return self._timm.forward_features(pixels)

    @property
    def leaves_out(self) -> bool:
        """Whether `tokens_of` holds: positions that are added go with their patch, a head that reads CLS needs none."""
        return type(self.module) is VisionTransformer and self._timm.global_pool == "token"

    def tokens_of(self, pixels: Tensor, kept: Tensor) -> Tensor:
        """(1, 3, H, W) and kept (B, N), as many a row -> (B, kept, D): `tokens` as if there were no others."""
        placed = self._placed(self._timm.patch_embed(pixels))  # (1, N, D)
        left = placed.expand(len(kept), -1, -1)[kept].reshape(len(kept), -1, placed.shape[-1])  # (B, kept, D)
        return self._timm.norm(self._timm.blocks(self._timm.norm_pre(left)))

    def representation(self, tokens: Tensor) -> Tensor:
        return self._timm.forward_head(tokens, pre_logits=True)

    def logits(self, tokens: Tensor) -> Tensor:
        return self._timm.forward_head(tokens)

    def embed(self, pixels: Tensor) -> Tensor:
        found = self._timm.patch_embed(pixels)
        return found.reshape(len(pixels), -1, found.shape[-1])

    def states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        if not hasattr(self._timm, "forward_intermediates") or not hasattr(self._timm, "_pos_embed"):
            return ()
        found = self._timm.forward_intermediates(
            pixels, output_fmt="NLC", norm=False, intermediates_only=True, return_prefix_tokens=bool(self.prefix)
        )
        layers = [torch.cat([state[1], state[0]], 1) if isinstance(state, tuple) else state for state in found]
        return (self._placed(self._timm.patch_embed(pixels)), *layers)

    def last_norm(self) -> nn.Module:
        return getattr(self._timm, "norm", nn.Identity())

    def _placed(self, embedded: Tensor) -> Tensor:
        """With the prefix and positions: (B, N, D)."""
        placed = self._timm._pos_embed(embedded)
        return placed[0] if isinstance(placed, tuple) else placed  # EVA hands out its rotations beside it

    def reads(self, count: int) -> Tensor:
        found, prefix = torch.zeros(count), len(self.prefix)
        if prefix and getattr(self._timm, "global_pool", "token") == "token":
            read = [i for i, name in enumerate(self.prefix) if name in ("CLS", "distillation")] or [0]
            read = read if hasattr(self._timm, "head_dist") else read[:1]
            found[read] = 1.0 / len(read)
        else:
            found[0 if getattr(self._timm, "pool_include_prefix", False) else prefix :] = 1.0
            found /= found.sum()
        return found

    def projections(self) -> tuple[Tensor | None, ...]:
        return tuple(_projection(block) for block in self.layers)

    def convolution(self) -> nn.Conv2d | None:
        part = getattr(self._timm.patch_embed, "proj", None)
        norm = getattr(self._timm.patch_embed, "norm", None)
        if not isinstance(part, nn.Conv2d) or not (norm is None or isinstance(norm, nn.Identity)):
            return None
        return part if part.kernel_size == part.stride and part.in_channels == 3 else None

    def position_vectors(self, grid: tuple[int, int]) -> Tensor | None:
        """A model trained at another grid has them resized, as it does itself: what is added is measured, not looked
        up."""
        if getattr(self._timm, "pos_embed", None) is None or not hasattr(self._timm, "_pos_embed"):
            return None
        rows, columns = grid
        width = self._timm.pos_embed.shape[-1]
        dynamic = getattr(self._timm, "dynamic_img_size", False)
        if not dynamic and self._timm.patch_embed.num_patches != rows * columns:
            return None
        shape = (1, rows, columns, width) if dynamic else (1, rows * columns, width)
        with torch.inference_mode():
            added = self._placed(torch.zeros(shape, device=self.device))
        return added[0, len(self.prefix) :].cpu()

    def prefix_vectors(self) -> dict[str, Tensor]:
        parts = [getattr(self._timm, name, None) for name in TOKENS]
        vectors = [vector for part in parts if part is not None for vector in part[0].detach()]
        return dict(zip(self.prefix, vectors, strict=True))

    def position_tables(self) -> list[nn.Parameter]:
        named = self.module.named_parameters()
        return [table for name, table in named if {"pos_embed", "relative_position_bias_table"} & set(name.split("."))]

    def fused(self, on: bool) -> Any:
        return fused(self.module, on)

    @property
    def can_unfuse(self) -> bool:
        return any(hasattr(part, "fused_attn") for part in self.module.modules())

    def with_module(self, module: nn.Module) -> Self:
        return replace(self, module=module, prefix=prefix_names(module))


def from_timm(name: str, module: nn.Module, default_patches: int | None = None, own: bool = False) -> TimmVision:
    """A timm model as it is, e.g. `from_timm("mine", timm.create_model("vit_tiny_patch16_224"))`.

    default_patches: of a side, instead of the size that it was trained at. own: see `class_names`.
    Raises SidelightError `model.unsupported` for a model without one grid of patches.
    """
    model: Any = module
    config, patch = model.pretrained_cfg, patch_of(name, module)
    trained, any_size = config["input_size"][-1], getattr(model, "dynamic_img_size", False)
    if any_size:  # SigLIP's 384 px are 27.4 patches of 14: the rest was cut off
        trained = trained // patch * patch
    default = default_patches * patch if default_patches else trained
    return TimmVision(
        name=name,
        module=module.eval().to(loading.device()),
        patch=patch,
        prefix=prefix_names(module),
        mean=config["mean"],
        std=config["std"],
        sizes=sizes_in(patch, default, any_size),
        default_size=default,
        classes=class_names(model.num_classes, config, own),
    )


def patch_of(name: str, module: nn.Module) -> int:
    """Px of a patch's side. Raises SidelightError `model.unsupported` for a model whose form says already that it has
    no single grid of patches."""
    embedding: Any = getattr(module, "patch_embed", None)
    hybrid = hasattr(embedding, "backbone")  # a convolutional network cuts the picture, not patch_size
    sides = getattr(embedding, "patch_size", None)
    if hybrid or not isinstance(sides, tuple) or len(set(sides)) != 1 or not hasattr(module, "blocks"):
        raise SidelightError("model.unsupported", name=name)
    return sides[0]


def prefix_names(module: nn.Module) -> tuple[str, ...]:
    """Of the tokens before the patches, as the module itself counts and holds them."""
    names: list[str] = []
    for parameter, label in TOKENS.items():
        token = getattr(module, parameter, None)
        count = 0 if token is None else token.shape[1]
        names += [label] if count == 1 and label != "register" else [f"{label} {i + 1}" for i in range(count)]
    return tuple(names)


def with_settings(module: nn.Module, **settings: Any) -> nn.Module:
    """The module itself, which knows these of its weights from now on: `input_size`, `mean`, `std`, `label_names`."""
    model: Any = module
    model.pretrained_cfg = {**model.pretrained_cfg, **settings}
    return module


@contextmanager
def fused(module: nn.Module, on: bool) -> Iterator[None]:
    """Let a timm model compute attention in one fused call, which the tape sees, or step by step, inside a `with`."""
    parts: list[Any] = [part for part in module.modules() if hasattr(part, "fused_attn")]
    before = [part.fused_attn for part in parts]
    try:
        for part in parts:
            part.fused_attn = on
        yield
    finally:
        for part, was in zip(parts, before, strict=True):
            part.fused_attn = was


def _projection(block: nn.Module) -> Tensor | None:
    """x + ls1(attn(norm1(x))): what LayerScale multiplies belongs to the projection. EVA and BEiT name it gamma_1.
    A norm or a gate on the way is not linear."""
    attention: Any = getattr(block, "attn", None)
    weight = getattr(getattr(attention, "proj", None), "weight", None)
    is_straight = isinstance(getattr(attention, "norm", nn.Identity()), nn.Identity)
    if weight is None or not is_straight or getattr(attention, "gate", None) or isinstance(block, POST_NORM):
        return None
    scale = getattr(block, "ls1", None)
    gamma = scale.gamma if isinstance(scale, LayerScale) else getattr(block, "gamma_1", None)
    return weight.detach() if gamma is None else (gamma[:, None] * weight).detach()
