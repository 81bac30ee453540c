"""What a vision model is to everything else: PIL image in; prediction, attention, tokens and weights out.
`timm_adapter` and `transformers_adapter` fill it; nobody else reaches inside `module`."""

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Self

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import normalize, pil_to_tensor

from core.attention.axes import PatchAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Traces
from core.errors import SidelightError
from core.models.evidence import Enough, is_thin
from core.models.images import Fit, FittedImage, fit_image
from core.models.vision.weights import WeightGroup, weight_groups

LARGEST = 1022  # px, the largest side that is offered
TOP = 5  # predictions that are shown
SIZES_IN_PATCHES = (8, 16, 24, 32, 37, 48, 56, 64, 73)


@dataclass(frozen=True)
class Prediction:
    label: str
    probability: float


@dataclass(frozen=True)
class VisionResult:
    """traces: "encoder"; empty where the model's attention did not pass through fused calls that fit its patches.

    features: of each patch after the last layer, (rows, columns, D). probabilities: of all classes, or empty;
    predictions: the likeliest. reader: (N,), sums to 1: the positions that the answer is read from. is_thin: whether
    none of the classes may fit; False where the model has no measure of it. stages: of a model with several grids a
    trace for each stage, in place of `traces`; left_out: its attention calls that are in none.
    """

    fitted: FittedImage
    axis: PatchAxis
    traces: Traces
    features: Tensor
    probabilities: Tensor
    predictions: tuple[Prediction, ...]
    reader: Tensor
    is_thin: bool = False
    stages: tuple[AttentionTrace, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class Estimate:
    """Of one run: positions, seconds, and megabytes over the loaded model."""

    tokens: int
    seconds: float
    megabytes: float


@dataclass(eq=False)
class VisionModel(ABC):
    """module: the library's own model, in eval mode. sizes: input sides in px that it takes; prefix: names of the
    tokens before the patches; classes: names, or empty for a model that answers with an embedding.

    temperature: what its logits are divided by, so that its probabilities are as often right as they say. enough: how
    much evidence pictures of its classes give, where that was measured. learnt_at: the side of the pictures that it was
    fine-tuned and judged on, px, where that is known. In shapes N counts the prefix and the patches, D is `width`.
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
    enough: Enough | None = None
    learnt_at: int = 0
    _rate: float = 0.0  # multiply-adds a second

    # What an adapter fills

    @property
    @abstractmethod
    def layers(self) -> Sequence[nn.Module]:
        """The layers in their order, each with one self-attention."""

    @property
    @abstractmethod
    def width(self) -> int:
        """D"""

    @abstractmethod
    def tokens(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, N, D): what the head is given, after the last norm."""

    @abstractmethod
    def representation(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, D'): what the classifier reads of them."""

    @abstractmethod
    def logits(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, classes); of a model without classes its embedding."""

    @abstractmethod
    def embed(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, patches, D), row by row, before positions."""

    @abstractmethod
    def states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """What each layer is given, and what the last one gives: (B, N, D) each; empty where it is not told apart."""

    @abstractmethod
    def last_norm(self) -> nn.Module:
        """What turns the last state into `tokens`."""

    @abstractmethod
    def reads(self, count: int) -> Tensor:
        """How much of each of `count` positions a head without attention of its own is given: (count,), sums to 1."""

    @abstractmethod
    def projections(self) -> tuple[Tensor | None, ...]:
        """Of each layer what turns its heads' outputs into what it adds to the tokens, LayerScale folded in, where it
        is linear: (D, H dv)."""

    @abstractmethod
    def convolution(self) -> nn.Conv2d | None:
        """The one convolution that embeds the patches, if that is what the model has."""

    @abstractmethod
    def position_vectors(self, grid: tuple[int, int]) -> Tensor | None:
        """What is added to each patch because of where it is: (patches, D); None for a model that adds nothing."""

    @abstractmethod
    def prefix_vectors(self) -> dict[str, Tensor]:
        """The learnt vector (D,) that each prefix token starts from, by its name."""

    @abstractmethod
    def position_tables(self) -> list[nn.Parameter]:
        """What is learnt about where a patch is; empty for rotary positions."""

    @abstractmethod
    def fused(self, on: bool) -> AbstractContextManager[None]:
        """Attention in one fused call, which the tape sees, or step by step, inside a `with`."""

    @property
    @abstractmethod
    def can_unfuse(self) -> bool:
        """Whether `fused` changes anything."""

    @property
    def one_grid(self) -> bool:
        """Whether all layers attend on the same positions."""
        return True

    @abstractmethod
    def with_module(self, module: nn.Module) -> Self:
        """The same model around a module of the same kind that has learnt, and may have more prefix tokens."""

    # What follows from it

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, classes)"""
        return self.logits(self.tokens(pixels))

    def run(self, image: Image.Image, size: int, fit: Fit) -> VisionResult:
        """Run the model on an upright RGB image at `size` px and keep its attention."""
        fitted = fit_image(image, fit if len(self.sizes) > 1 or fit != "native" else "stretch", size, self.patch)
        axis = PatchAxis(fitted.grid, self.prefix, fitted.image_box, image.size)
        start = time.perf_counter()
        with torch.inference_mode():
            with Tape.record(values=True) as tape:
                tokens = self.tokens(self.pixels(fitted.pixels))  # (1, N, D)
            with Tape.record() as head:
                output = self.logits(tokens)
        self._took(len(axis), start)
        features = tokens[0, len(self.prefix) :].reshape(*fitted.grid, -1)
        chances = self._chances(output)
        traces, reader = self._traces(tape.calls, axis), self._reader(head.calls, tokens)
        thin = is_thin(self, fitted.pixels)
        return VisionResult(fitted, axis, traces, features, chances, self._predictions(chances), reader, thin)

    def probabilities(self, fitted: FittedImage) -> Tensor:
        """Of every class, seen by whichever tape is active: (classes,), empty for a model without them."""
        with torch.inference_mode():
            return self._chances(self.forward(self.pixels(fitted.pixels)))

    def _chances(self, output: Tensor) -> Tensor:
        return self.chances(output[0].float()).cpu() if self.classes else torch.zeros(0)

    def chances(self, logits: Tensor) -> Tensor:
        """(..., classes) -> the same: how probable each class is."""
        return (logits / self.temperature).softmax(-1)

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    def pixels(self, image: Image.Image) -> Tensor:
        """(1, 3, H, W), normalised, on the model's device."""
        return normalize(pil_to_tensor(image).float() / 255, self.mean, self.std)[None].to(self.device)

    def _traces(self, calls: list[AttentionCall], axis: PatchAxis) -> Traces:
        whole = [call for call in calls if call.query.shape[2] == call.key.shape[2] == len(axis)]
        if not whole or len(whole) != len(self.layers) or len(whole) != len(calls):
            return {}
        return {"encoder": AttentionTrace.from_calls("encoder", whole, axis, axis)}

    def _reader(self, calls: list[AttentionCall], tokens: Tensor) -> Tensor:
        """A head that pools by attention, with one query on all positions or on the patches, says itself what it reads;
        of any other the adapter knows."""
        count = tokens.shape[1]
        pooling = [call for call in calls if call.key.shape[2] in (count, count - len(self.prefix))]
        if not pooling:
            return self.reads(count)
        row = pooling[0].weights(item=0)[0].mean((0, 1)).cpu()
        return torch.cat([row.new_zeros(count - len(row)), row])

    def _predictions(self, chances: Tensor) -> tuple[Prediction, ...]:
        top = chances.topk(min(TOP, len(chances)))
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return tuple(Prediction(self.classes[index], value) for index, value in pairs)

    def check(self) -> None:
        """Raises SidelightError `model.unsupported` where the tokens are not the prefix and one grid of patches, or no
        head reads them (timm's NotImplementedError)."""
        rows = self.default_size // self.patch
        blank = torch.zeros(1, 3, self.default_size, self.default_size, device=self.device)
        try:
            with torch.inference_mode():
                tokens = self.tokens(blank)
                fits = tokens.shape == (1, len(self.prefix) + rows**2, self.width)
                if fits:
                    self.logits(tokens)
        except NotImplementedError as error:
            raise SidelightError("model.unsupported", name=self.name) from error
        if not fits:
            raise SidelightError("model.unsupported", name=self.name)

    def operations(self, tokens: int) -> float:
        """Multiply-adds of one forward pass: 12 N D^2 + 2 N^2 D a layer."""
        return len(self.layers) * (12 * tokens * self.width**2 + 2 * tokens**2 * self.width)

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
                self.tokens(blank)
                start = time.perf_counter()
                self.tokens(blank)
            self._took((side // self.patch) ** 2 + len(self.prefix), start)
        return self._rate

    def weight_groups(self) -> Iterator[WeightGroup]:
        """Every parameter in exactly one group, in the order in which data meets them."""
        yield from weight_groups(self.module, "", self.layers)


def estimate(model: VisionModel, size: int, fit: Fit, image_size: tuple[int, int]) -> Estimate:
    """What a run will take. Tokens are exact; time scales a measured pass by its multiply-adds; memory counts the
    recorded query, key and value of each layer and one layer's activations (float32)."""
    thumbnail = Image.new("1", image_size) if fit == "native" else None
    grid = fit_image(thumbnail, fit, size, model.patch).grid if thumbnail else (size // model.patch,) * 2
    tokens = grid[0] * grid[1] + len(model.prefix)
    numbers = tokens * model.width * (3 * len(model.layers) + 16)
    return Estimate(tokens, model.operations(tokens) / model.rate(), numbers * 4 / 1e6)


def sizes_in(patch: int, default: int, any_size: bool) -> tuple[int, ...]:
    """Input sides in px that are offered of a model with patches of `patch` px."""
    offered = {n * patch for n in SIZES_IN_PATCHES if n * patch <= LARGEST} if any_size else set()
    return tuple(sorted(offered | {default}))


def without_positions(model: VisionModel) -> VisionModel | None:
    """A copy whose position tables are zero, or None where it has none (rotary positions, for instance)."""
    bare = replace(model, module=copy.deepcopy(model.module))
    for table in bare.position_tables():
        table.data.zero_()
    return bare if bare.position_tables() else None
