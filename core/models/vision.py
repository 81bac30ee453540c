"""A Vision Transformer: PIL image in, prediction and attention out."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import timm
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from timm.data import ImageNetInfo
from torch import Tensor, nn
from torchvision.transforms.functional import normalize, pil_to_tensor

from core.attention.axes import PatchAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace
from core.errors import SidelightError
from core.models import catalogue, hub, loading
from core.models.images import Fit, FittedImage, fit_image
from core.models.prompts import add_registers

LARGEST = 1022  # px, the largest side that is offered
TOP = 5  # predictions that are shown
SIZES_IN_PATCHES = (8, 16, 24, 32, 37, 48, 56, 64, 73)


@dataclass(frozen=True)
class Prediction:
    label: str
    probability: float


@dataclass(frozen=True)
class VisionResult:
    """trace is None where the model's attention did not pass through fused calls that fit its patches.

    features: of each patch after the last layer, (rows, columns, D). probabilities: of all classes, or empty;
    predictions: the likeliest.
    """

    fitted: FittedImage
    axis: PatchAxis
    trace: AttentionTrace | None
    features: Tensor
    probabilities: Tensor
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Estimate:
    """Of one run: positions, seconds, and megabytes over the loaded model."""

    tokens: int
    seconds: float
    megabytes: float


@dataclass(eq=False)
class VisionModel:
    """module: a timm model in eval mode. sizes: input sides in px that it takes; classes: names, or empty.

    temperature: what its logits are divided by, so that its probabilities are as often right as they say.
    """

    name: str
    module: nn.Module
    patch: int
    prefix: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sizes: tuple[int, ...]
    default_size: int
    classes: tuple[str, ...] = ()
    temperature: float = 1.0
    _rate: float = 0.0  # multiply-adds a second

    def run(self, image: Image.Image, size: int, fit: Fit) -> VisionResult:
        """Run the model on an upright RGB image at `size` px and keep its attention."""
        fitted = fit_image(image, fit if len(self.sizes) > 1 or fit != "native" else "stretch", size, self.patch)
        axis = PatchAxis(fitted.grid, self.prefix, fitted.image_box, image.size)
        start = time.perf_counter()
        with torch.inference_mode(), Tape.record(values=True) as tape:
            tokens = self.module.forward_features(self.pixels(fitted.pixels))  # (1, N, D)
            output = self.module.forward_head(tokens)
        self._took(len(axis), start)
        features = tokens[0, len(self.prefix) :].reshape(*fitted.grid, -1)
        chances = self._chances(output)
        return VisionResult(fitted, axis, self._trace(tape.calls, axis), features, chances, self._predictions(chances))

    def probabilities(self, fitted: FittedImage) -> Tensor:
        """Of every class, seen by whichever tape is active: (classes,), empty for a model without them."""
        with torch.inference_mode():
            return self._chances(self.module(self.pixels(fitted.pixels)))

    def _chances(self, output: Tensor) -> Tensor:
        return (output[0].float() / self.temperature).softmax(-1).cpu() if self.classes else torch.zeros(0)

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    def pixels(self, image: Image.Image) -> Tensor:
        """(1, 3, H, W), normalised, on the model's device."""
        return normalize(pil_to_tensor(image).float() / 255, self.mean, self.std)[None].to(self.device)

    def _trace(self, calls: list[AttentionCall], axis: PatchAxis) -> AttentionTrace | None:
        blocks = getattr(self.module, "blocks", ())
        whole = [call for call in calls if call.query.shape[2] == call.key.shape[2] == len(axis)]
        if not whole or len(whole) != len(blocks) or len(whole) != len(calls):
            return None
        return AttentionTrace.from_calls("encoder", whole, axis, axis)

    def _predictions(self, chances: Tensor) -> tuple[Prediction, ...]:
        top = chances.topk(min(TOP, len(chances)))
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return tuple(Prediction(self.classes[index], value) for index, value in pairs)

    def operations(self, tokens: int) -> float:
        """Multiply-adds of one forward pass: 12 N D^2 + 2 N^2 D a layer."""
        width = self.module.num_features
        return len(getattr(self.module, "blocks", ())) * (12 * tokens * width**2 + 2 * tokens**2 * width)

    def _took(self, tokens: int, start: float) -> None:
        """A pass that began at `start` is over. The fastest one counts: a busy moment does not stay."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self._rate = max(self._rate, self.operations(tokens) / (time.perf_counter() - start))

    def rate(self) -> float:
        """Multiply-adds a second on this machine: of the fastest pass so far, else of one at the default size."""
        if not self._rate:
            side = self.default_size if len(self.sizes) == 1 else min(self.default_size, 16 * self.patch)
            blank = self.pixels(Image.new("RGB", (side, side)))
            with torch.inference_mode():
                self.module(blank)
                start = time.perf_counter()
                self.module(blank)
            self._took((side // self.patch) ** 2 + len(self.prefix), start)
        return self._rate


def estimate(model: VisionModel, size: int, fit: Fit, image_size: tuple[int, int]) -> Estimate:
    """What a run will take. Tokens are exact; time scales a measured pass by its multiply-adds; memory counts the
    recorded query, key and value of each layer and one layer's activations (float32)."""
    thumbnail = Image.new("1", image_size) if fit == "native" else None
    rows, columns = (
        fit_image(thumbnail, fit, size, model.patch).grid if thumbnail else (size // model.patch, size // model.patch)
    )
    tokens = rows * columns + len(model.prefix)
    width, layers = model.module.num_features, len(getattr(model.module, "blocks", ()))
    numbers = tokens * width * (3 * layers + 16)
    return Estimate(tokens, model.operations(tokens) / model.rate(), numbers * 4 / 1e6)


def load_vision(name: str, on_step: hub.OnStep | None = None) -> VisionModel:
    """A model of the catalogue by its key, or any timm classification ViT by name. Raises SidelightError `model.*`."""
    card = catalogue.card(name)
    if card is None:
        return _load_hub(_timm_name(name), fetch_vision(name, on_step))
    return load_vision_card(card)


def load_vision_card(card: catalogue.ModelCard) -> VisionModel:
    """Raises SidelightError `model.unsupported` for a translator, `model.run_gone` for damaged files of a run."""
    if card.task != "vision":
        raise SidelightError("model.unsupported", name=card.title)
    state = loading.verified_weights(card)
    if card.base:
        with loading.run_errors(card):
            return with_changes(load_vision(card.base), card.title, card.folder)
    module = timm.create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True)
    module.load_state_dict({key: value.float() for key, value in load_file(state).items()})
    return _wrap(card.title, module, default_patches=16)


def with_changes(model: VisionModel, name: str, folder: Path) -> VisionModel:
    """The model as fine-tuning left it in `folder`: `classes.json` beside an adapter of peft's or the tensors that
    changed. It changes `model`'s own module. Raises SidelightError `model.not_its_base`."""
    named = json.loads((folder / "classes.json").read_text("utf-8"))
    module = model.module
    module.reset_classifier(len(named["classes"]))
    if (folder / "adapter_config.json").exists():
        module = PeftModel.from_pretrained(module, folder).merge_and_unload()
    else:
        changed = load_file(folder / "model.safetensors")
        if "reg_token" in changed and not module.num_reg_tokens:
            add_registers(module, changed["reg_token"].shape[1])
        loading.load_part(module, changed, name)
    return replace(
        model,
        name=name,
        module=module.eval().to(loading.device()),
        prefix=prefix_names(module),
        classes=tuple(named["classes"]),
        temperature=named["temperature"],
    )


def _timm_name(name: str) -> str:
    return loading.check_model_name(name).removeprefix("timm/")


def hub_repository(name: str) -> str:
    """Where the hub keeps a timm model's weights. Raises SidelightError `model.bad_name`, `model.unknown`."""
    name = _timm_name(name)
    try:
        config = timm.models.get_pretrained_cfg(name)
    except RuntimeError:  # the architecture is known, its tag is not
        config = None
    if config is None or not config.hf_hub_id:
        raise SidelightError("model.unknown", name=name, bundled=catalogue.default("vision").title)
    return config.hf_hub_id


def fetch_vision(name: str, on_step: hub.OnStep | None = None) -> Path:
    """The weights of a timm model, fetched where they are not here yet. Raises SidelightError `model.*`."""
    file = "model.safetensors"
    return hub.obtain(_timm_name(name), "vision", on_step, hub_repository(name), [file]) / file


def _load_hub(name: str, weights: Path) -> VisionModel:
    overlay = {"file": str(weights)}
    try:
        module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, dynamic_img_size=True)
    except TypeError:  # the architecture has one input size
        module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    return _wrap(name, module)


def _wrap(name: str, module: nn.Module, default_patches: int | None = None) -> VisionModel:
    """Raises SidelightError `model.unsupported` for a model without one grid of patches."""
    embedding = getattr(module, "patch_embed", None)
    hybrid = hasattr(embedding, "backbone")  # a convolutional network cuts the picture, not patch_size
    if hybrid or not hasattr(embedding, "patch_size") or not hasattr(module, "blocks"):
        raise SidelightError("model.unsupported", name=name)
    config, patch = module.pretrained_cfg, embedding.patch_size[0]
    trained = config["input_size"][-1]
    any_size = getattr(module, "dynamic_img_size", False)
    sizes = tuple(n * patch for n in SIZES_IN_PATCHES if n * patch <= LARGEST) if any_size else (trained,)
    default = default_patches * patch if default_patches else trained
    return VisionModel(
        name=name,
        module=module.eval().to(loading.device()),
        patch=patch,
        prefix=prefix_names(module),
        mean=config["mean"],
        std=config["std"],
        sizes=tuple(sorted({*sizes, default})),
        default_size=default,
        classes=_classes(module.num_classes),
    )


@contextmanager
def fused(module: nn.Module, on: bool) -> Iterator[None]:
    """Let a timm model compute attention in one fused call, which the tape sees, or step by step, inside a `with`."""
    parts = [part for part in module.modules() if hasattr(part, "fused_attn")]
    before = [part.fused_attn for part in parts]
    try:
        for part in parts:
            part.fused_attn = on
        yield
    finally:
        for part, was in zip(parts, before, strict=True):
            part.fused_attn = was


def prefix_names(module: nn.Module) -> tuple[str, ...]:
    count = getattr(module, "num_prefix_tokens", 0)
    registers = getattr(module, "num_reg_tokens", 0)
    others = tuple(f"extra {i + 1}" for i in range(count - registers - 1))  # DeiT's distillation token
    return ("CLS", *others, *(f"register {i + 1}" for i in range(registers)))[:count]


def _classes(count: int) -> tuple[str, ...]:
    if count == 1000:
        return tuple(ImageNetInfo("imagenet-1k").label_descriptions())
    return tuple(f"class {i}" for i in range(count))
