"""The vision models of `benchmarks.coverage`: transformers' by class, laid out as the hub lays them out; timm's by
name, cut to two thin layers where the architecture allows it."""

import copy
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
import transformers as hf
from PIL import Image
from timm.models._registry import _module_to_models
from torch import Tensor, nn

from benchmarks.coverage import Entry, InPart, Untraced, Wrong
from core.attention.tape import Tape
from core.errors import SidelightError
from core.models.vision import VisionModel, VisionResult, from_timm, load_vision
from core.models.vision.pyramid import PyramidVision, from_timm_pyramid
from core.models.vision.timm_adapter import fused, patch_of

SIDE, PATCH, LABELS = 64, 8, {0: "owl", 1: "wren", 2: "finch"}
SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 64,
    "image_size": SIDE,
    "patch_size": PATCH,
}
NAMES = {"id2label": LABELS, "label2id": {name: number for number, name in LABELS.items()}}
WORDS = {key: SMALL[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")}
REGISTERS = tuple(f"register {number}" for number in range(1, 5))
LARGEST_ERROR = 2e-5  # of a weight
# Modules of timm in which tokens of a picture attend to one another.
FAMILIES = (
    "beit",
    "cait",
    "coat",
    "convit",
    "crossvit",
    "davit",
    "deepseek_vit",
    "deit",
    "edgenext",
    "efficientformer",
    "efficientformer_v2",
    "efficientvit_mit",
    "efficientvit_msra",
    "eva",
    "gcvit",
    "gemma4_vit",
    "hiera",
    "hieradet_sam2",
    "iformer",
    "levit",
    "maxxvit",
    "metaformer",
    "mobilevit",
    "mvitv2",
    "naflexvit",
    "nest",
    "nextvit",
    "pit",
    "pvt_v2",
    "qwen3_vit",
    "swiftformer",
    "swin_transformer",
    "swin_transformer_v2",
    "swin_transformer_v2_cr",
    "tiny_vit",
    "tnt",
    "twins",
    "visformer",
    "vision_transformer",
    "vision_transformer_hybrid",
    "vision_transformer_relpos",
    "vision_transformer_sam",
    "vitamin",
    "volo",
    "xcit",
)


def _made(kind: Any, config: Any, **settings: Any) -> Callable[[], nn.Module]:
    return lambda: kind(config(**settings))


def _pair(kind: Any, config: Any) -> Callable[[], nn.Module]:
    """A model of pictures and words, or a classifier on its tower."""
    return lambda: kind(config(vision_config=SMALL, text_config=WORDS | {"vocab_size": 99}, **NAMES))


# By name: the model, and the tokens before the patches; None for what is to be refused.
TRANSFORMERS: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...] | None]] = {
    "ViTForImageClassification": (_made(hf.ViTForImageClassification, hf.ViTConfig, **SMALL, **NAMES), ("CLS",)),
    "ViTModel": (_made(hf.ViTModel, hf.ViTConfig, **SMALL), ("CLS",)),
    "DeiTForImageClassification": (
        _made(hf.DeiTForImageClassification, hf.DeiTConfig, **SMALL, **NAMES),
        ("CLS", "distillation"),
    ),
    "DeiTForImageClassificationWithTeacher": (
        _made(hf.DeiTForImageClassificationWithTeacher, hf.DeiTConfig, **SMALL, **NAMES),
        ("CLS", "distillation"),
    ),
    "BeitForImageClassification": (
        _made(hf.BeitForImageClassification, hf.BeitConfig, use_relative_position_bias=True, **SMALL, **NAMES),
        ("CLS",),
    ),
    "Data2VecVisionForImageClassification": (
        _made(
            hf.Data2VecVisionForImageClassification,
            hf.Data2VecVisionConfig,
            use_relative_position_bias=True,
            **SMALL,
            **NAMES,
        ),
        ("CLS",),
    ),
    "ViTMAEModel": (_made(hf.ViTMAEModel, hf.ViTMAEConfig, **SMALL), ("CLS",)),
    "ViTMSNForImageClassification": (
        _made(hf.ViTMSNForImageClassification, hf.ViTMSNConfig, **SMALL, **NAMES),
        ("CLS",),
    ),
    "IJepaModel": (_made(hf.IJepaModel, hf.IJepaConfig, **SMALL), ()),
    "IJepaForImageClassification": (_made(hf.IJepaForImageClassification, hf.IJepaConfig, **SMALL, **NAMES), ()),
    "Dinov2Model": (_made(hf.Dinov2Model, hf.Dinov2Config, **SMALL), ("CLS",)),
    "Dinov2ForImageClassification": (
        _made(hf.Dinov2ForImageClassification, hf.Dinov2Config, **SMALL, **NAMES),
        ("CLS",),
    ),
    "Dinov2WithRegistersModel": (
        _made(hf.Dinov2WithRegistersModel, hf.Dinov2WithRegistersConfig, **SMALL),
        ("CLS", *REGISTERS),
    ),
    "Dinov2WithRegistersForImageClassification": (
        _made(hf.Dinov2WithRegistersForImageClassification, hf.Dinov2WithRegistersConfig, **SMALL, **NAMES),
        ("CLS", *REGISTERS),
    ),
    "DINOv3ViTModel": (
        _made(hf.DINOv3ViTModel, hf.DINOv3ViTConfig, num_register_tokens=4, **SMALL),
        ("CLS", *REGISTERS),
    ),
    "CLIPModel": (_pair(hf.CLIPModel, hf.CLIPConfig), ("CLS",)),
    "CLIPVisionModel": (_made(hf.CLIPVisionModel, hf.CLIPVisionConfig, **SMALL), ("CLS",)),
    "CLIPForImageClassification": (_pair(hf.CLIPForImageClassification, hf.CLIPConfig), ("CLS",)),
    "SiglipModel": (_pair(hf.SiglipModel, hf.SiglipConfig), ()),
    "SiglipVisionModel": (_made(hf.SiglipVisionModel, hf.SiglipVisionConfig, **SMALL), ()),
    "SiglipForImageClassification": (_pair(hf.SiglipForImageClassification, hf.SiglipConfig), ()),
    "SwinForImageClassification": (
        _made(
            hf.SwinForImageClassification,
            hf.SwinConfig,
            image_size=SIDE,
            embed_dim=24,
            depths=[1, 1],
            num_heads=[1, 2],
            window_size=4,
            **NAMES,
        ),
        None,
    ),
    "Swinv2ForImageClassification": (
        _made(
            hf.Swinv2ForImageClassification,
            hf.Swinv2Config,
            image_size=SIDE,
            embed_dim=24,
            depths=[1, 1],
            num_heads=[1, 2],
            window_size=4,
            **NAMES,
        ),
        None,
    ),
    "PvtV2ForImageClassification": (_made(hf.PvtV2ForImageClassification, hf.PvtV2Config, **NAMES), None),
    "SegformerForImageClassification": (_made(hf.SegformerForImageClassification, hf.SegformerConfig, **NAMES), None),
    "HieraForImageClassification": (
        _made(
            hf.HieraForImageClassification,
            hf.HieraConfig,
            image_size=[SIDE, SIDE],
            embed_dim=24,
            depths=[1, 1, 1, 1],
            **NAMES,
        ),
        None,
    ),
}


def photo(side: int) -> Image.Image:
    draw = torch.Generator().manual_seed(1)
    return Image.fromarray((torch.rand(side, side, 3, generator=draw) * 255).byte().numpy())


def random_weights(module: nn.Module) -> nn.Module:
    """As after training: no token, bias, scale or position is the zero that it begins with. Scores stay moderate,
    so that float32 tells a wrong weight from rounding at every width."""
    draw = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        noise = 0.5 / parameter.shape[-1] ** 0.5 if parameter.dim() > 1 else 0.1
        parameter.data.add_(torch.randn(parameter.shape, generator=draw) * min(noise, 0.1))
    return module.eval()


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def _compare(result: VisionResult, own: list[Tensor]) -> None:
    """own: of each layer (1, H, N, N), by the library's eager path."""
    if not result.traces:
        raise Untraced
    trace = result.traces["encoder"]
    _demand(len(own) == trace.layers, f"{trace.layers} layers, not {len(own)}")
    _demand(not trace.problems, "the guard found layers that are off")
    for call, weights in zip(trace.calls, own, strict=True):
        error = float((call.weights()[0] - weights[0]).abs().max())
        _demand(error < LARGEST_ERROR, f"a weight is off by {error:.1e}")


def _compare_stages(found: PyramidVision, own: Callable[[Tensor], list[Tensor]]) -> None:
    """Every layer that is drawn with the library's own step-by-step weights, (windows, H, n, nk) a call."""
    result = found.run(photo(found.default_size), found.default_size, "stretch")
    calls = [call for stage in result.stages for call in stage.calls]
    expected = own(found.pixels(result.fitted.pixels))
    _demand(len(expected) == len(calls) + result.left_out, f"{len(calls)} layers of {len(expected)}")
    for call in calls:
        weights = expected[call.index]
        error = float((call.by_window - weights.detach().reshape(call.by_window.shape)).abs().max())
        _demand(error < LARGEST_ERROR, f"a weight is off by {error:.1e}")
    if result.left_out:
        raise InPart


def transformers_entries() -> Iterator[Entry]:
    for name, (make, prefix) in TRANSFORMERS.items():
        yield Entry("transformers", name, partial(check_transformers, make, prefix))


def check_transformers(make: Callable[[], nn.Module], prefix: tuple[str, ...] | None) -> None:
    torch.manual_seed(0)
    module: Any = random_weights(make())
    with tempfile.TemporaryDirectory() as place:
        module.save_pretrained(place)
        size = {"height": SIDE, "width": SIDE}
        hf.ViTImageProcessor(size=size, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.4]).save_pretrained(place)
        found = load_vision(Path(place))
        if isinstance(found, PyramidVision):
            plain = type(module).from_pretrained(place, attn_implementation="eager").eval()
            _demand(found.classes == tuple(LABELS.values()), f"the classes are {found.classes}")
            return _compare_stages(found, partial(_eager, plain))
        result = found.run(photo(SIDE), SIDE, "stretch")
        eager = type(module).from_pretrained(place, attn_implementation="eager").eval()
        pixels = hf.AutoImageProcessor.from_pretrained(place)(photo(SIDE), return_tensors="pt")["pixel_values"]
    seen = found.pixels(result.fitted.pixels)
    _demand(bool((seen.cpu() - pixels).abs().max() < 1e-4), "the pixels are not the processor's")
    _demand(found.prefix == prefix, f"the tokens are {found.prefix}")
    eager = getattr(eager, "vision_model", eager) if hasattr(eager, "text_model") else eager
    options: dict[str, Any] = {"output_attentions": True}
    if hasattr(eager.config, "mask_ratio"):
        eager.config.mask_ratio = 0.0
        options["noise"] = torch.arange((SIDE // PATCH) ** 2)[None]
    with torch.inference_mode():
        own = eager(seen.cpu(), **options)
    _compare(result, list(own.attentions))
    if hasattr(own, "logits"):
        _demand(found.classes == tuple(LABELS.values()), f"the classes are {found.classes}")
        chances = own.logits[0].softmax(-1)
        _demand(bool((result.probabilities - chances).abs().max() < 1e-5), "the probabilities are others")
    else:
        _demand(not found.classes, "an embedding has classes")


def _eager(plain: Any, pixels: Tensor) -> list[Tensor]:
    """What it hands out, or, where that is not every layer's (PVT), what its softmax gives."""
    with torch.inference_mode(), Tape.record() as tape:
        own = list(plain(pixels, output_attentions=True).attentions)
    return own if len(own) == len(tape.calls) else [call.weights() for call in tape.calls]


def timm_entries() -> Iterator[Entry]:
    known = set(timm.list_models())  # without the names that timm keeps for old code
    for family in FAMILIES:
        for name in sorted(_module_to_models[family] & known):
            yield Entry(family, name, partial(check_timm, name))


def check_timm(name: str) -> None:
    try:
        with torch.device("meta"):
            patch_of(name, timm.create_model(name))
    except SidelightError:
        return _check_windows(name)
    found = from_timm(name, random_weights(_small(name)))
    found.check()
    side = min((s for s in found.sizes if s >= 8 * found.patch), default=found.default_size)
    result = found.run(photo(side), side, "stretch")
    pixels = found.pixels(result.fitted.pixels)
    config = found.module.pretrained_cfg
    _demand(len(found.classes) in (0, found.module.num_classes), "classes without an output")
    named = bool(found.classes) or found.module.num_classes == 0
    _demand(named or "in1k" not in str(config.get("tag")), "the classes of ImageNet have names")
    _compare(result, _explicit(found, pixels))


def _check_windows(name: str) -> None:
    """The same for a model with several grids, cut to two thin layers a stage where the architecture allows it."""
    thin: tuple[dict[str, Any], ...] = (
        {"embed_dim": 24, "depths": (2, 2, 2, 2), "num_heads": (1, 2, 4, 8)},
        {"embed_dim": (32, 64, 64, 64), "depths": (1, 1, 1, 1)},
        {"embed_dims": (16, 16, 16, 16), "depths": (1, 1, 1, 1), "num_heads": (1, 2, 2, 2)},
        {},
    )
    for options in thin:
        torch.manual_seed(0)
        try:
            module = random_weights(timm.create_model(name, **options))
        except (TypeError, ValueError, AssertionError, RuntimeError, AttributeError, IndexError, KeyError):
            continue  # the architecture has no such option
        return _compare_stages(from_timm_pyramid(name, module), partial(_steps, module))


def _small(name: str) -> nn.Module:
    """Two layers of 96 numbers where the architecture lets one choose, else two layers, else as it is."""
    torch.manual_seed(0)
    thin: dict[str, Any] = {"embed_dim": 96, "num_heads": 3}
    if "sapiens2" in name:  # grouped keys, a number for each layer
        thin["num_kv_heads"] = (3, 1)
    for options in (thin | {"depth": 2, "dynamic_img_size": True}, thin | {"depth": 2}, {"depth": 2}, {}):
        try:
            return timm.create_model(name, **options)
        except TypeError:  # the architecture has no such option
            continue
    raise AssertionError("the last one has no option")


def _explicit(found: VisionModel, pixels: Tensor) -> list[Tensor]:
    """What timm's step-by-step path hands to its dropout after the softmax, layer by layer."""
    return _steps(found.module, pixels)


def _steps(whole: Any, pixels: Tensor) -> list[Tensor]:
    """Where there is no such dropout, what that path's softmax gives."""
    weights: list[Tensor] = []
    module = copy.deepcopy(whole)
    dropouts = [part for key, part in module.named_modules() if key.endswith("attn_drop") and "pool" not in key]
    for part in dropouts:
        part.register_forward_pre_hook(lambda _, given: weights.append(given[0].detach()))
    with torch.inference_mode(), fused(module, False), Tape.record() as tape:
        module.forward_features(pixels)
    return weights or [call.weights() for call in tape.calls]
