"""What both models cost on this machine: operations counted, time and memory measured, and how they grow."""

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from transformers import GenerationMixin

from core.differences.positions import is_fixed
from core.models.translation import Translator
from core.models.vision import VisionModel

os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # the profiler would write a line for each run

Run = Callable[[], object]
Tell = Callable[[float], None]

# One measurement at a time: two would slow each other down, and there is one profiler.
MEASURING = Lock()
REPEATS = 3
MOST, ENOUGH = 12, 0.3  # short runs are repeated more often: so many times, or for so many seconds
# torch 2.14 counts the fused attention of CUDA but not that of the CPU, which has the same arguments.
_CPU_ATTENTION = "_scaled_dot_product_flash_attention_for_cpu"


@dataclass(frozen=True)
class Operations:
    """Floating point operations of a run, a multiplication with its addition counting two. attention: of the products
    QK^T and AV alone; the projections count as the rest. Softmax, norms and other small change are not counted."""

    total: int
    attention: int

    @property
    def share(self) -> float:
        return self.attention / max(1, self.total)


def operations(run: Run) -> Operations:
    """Counted by torch's FlopCounterMode while it runs."""
    mapping = {}
    if hasattr(torch.ops.aten, _CPU_ATTENTION):
        mapping[getattr(torch.ops.aten, _CPU_ATTENTION)] = _attention_operations
    with torch.inference_mode(), FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        run()
    names = {str(name): count for name, count in counter.get_flop_counts()["Global"].items()}
    attention = sum(c for n, c in names.items() if "attention" in n or n.endswith((".bmm", ".baddbmm")))
    return Operations(sum(names.values()), attention)


def _attention_operations(
    query: torch.Size, key: torch.Size, value: torch.Size, *args: object, **kwargs: object
) -> int:
    return sdpa_flop_count(query, key, value)


class Stopwatch(TorchFunctionMode):
    """Seconds inside fused attention calls."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        _finish()
        start = time.perf_counter()
        output = func(*args, **(kwargs or {}))
        _finish()
        self.seconds += time.perf_counter() - start
        return output


@dataclass(frozen=True)
class Timing:
    """The fastest of a few runs: what slows others is the rest of the machine. attention: inside the fused calls."""

    seconds: float
    attention: float

    @property
    def share(self) -> float:
        return self.attention / self.seconds


def timing(run: Run, repeats: int = REPEATS, warm: bool = True) -> Timing:
    """warm: run once before, which does not count."""
    found: list[tuple[float, float]] = []  # seconds of the run, and in attention
    with torch.inference_mode():
        if warm:
            run()
        begun = time.perf_counter()
        while len(found) < repeats or (repeats > 1 and len(found) < MOST and time.perf_counter() - begun < ENOUGH):
            _finish()
            start = time.perf_counter()
            with Stopwatch() as watch:
                run()
            _finish()
            found.append((time.perf_counter() - start, watch.seconds))
    return Timing(*min(found))


def _finish() -> None:
    """Wait for the device: its calls return before they are done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def peak_bytes(run: Run) -> int:
    """Memory that a run needs at once over what it starts with: the weights are there already."""
    with torch.inference_mode():
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            run()
            return torch.cuda.max_memory_allocated() - before
        run()  # what is cached at the first run is no part of the second
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, profile_memory=True) as profiler:
            run()
    now = most = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


def weight_bytes(module: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in module.parameters())


def parameters(module: nn.Module) -> int:
    """All that is stored as such, tables of positions that follow a formula among them."""
    return sum(p.numel() for p in module.parameters())


def learnt(module: nn.Module) -> int:
    """Without what `is_fixed`."""
    fixed = (p for name, p in module.named_parameters() if "position" in name and p.dim() == 2 and is_fixed(p.detach()))
    return parameters(module) - sum(p.numel() for p in fixed)


# What is run


def see(model: VisionModel, side: int) -> Run:
    """One forward pass over a picture of `side` px. Its content makes no difference to the cost."""
    pixels = torch.zeros(1, 3, side, side, device=model.device)
    return partial(model.forward, pixels)


def source_of(translator: Translator, source: Tensor, length: int) -> Tensor:
    """The source with its pieces repeated to `length`; first (the tag) and last (the end mark) stay."""
    middle = source[0, 1:-1] if source.shape[1] > 2 else source[0, :1]
    filled = middle.repeat(math.ceil(length / len(middle)))[: max(1, length - 2)]
    return torch.cat([source[0, :1], filled, source[0, -1:]])[None]


def read_along(translator: Translator, source: Tensor, output: Tensor) -> Run:
    """One pass over a sentence and an output that is there already, all its pieces at once, as in training."""
    return lambda: translator.module(
        input_ids=source, attention_mask=torch.ones_like(source), decoder_input_ids=output, use_cache=False
    )


def write(translator: Translator, source: Tensor, length: int) -> Run:
    """Write exactly `length` pieces one by one, greedily, keeping keys and values."""
    return lambda: cast(GenerationMixin, translator.module).generate(
        input_ids=source,
        attention_mask=torch.ones_like(source),
        num_beams=1,
        do_sample=False,
        min_new_tokens=length,
        max_new_tokens=length,
    )


# Growth


@dataclass(frozen=True)
class Point:
    """One measured length. size: px of a side, or source pieces. positions: N."""

    size: int
    positions: int
    seconds: float
    attention_time: float  # share of the seconds
    operations: int
    attention_operations: float  # share of the operations

    @property
    def crossing(self) -> int:
        """N at which attention's products, which grow with N^2, would be as many as all others, which grow with N."""
        return round(self.positions * (1 / self.attention_operations - 1))


def vision_sizes(model: VisionModel, most: int = 560) -> list[int]:
    """At most five sides that the model takes, up to `most` px."""
    sizes = [side for side in model.sizes if side <= most] or [model.default_size]
    return sizes[:: max(1, math.ceil(len(sizes) / 5))] if len(sizes) > 5 else sizes


def vision_growth(model: VisionModel, sizes: Sequence[int], tell: Tell = lambda share: None) -> tuple[Point, ...]:
    """One pass at each side."""
    found, total = [], sum(side**3 for side in sizes)
    for number, side in enumerate(sizes):
        run = see(model, side)
        found.append(_point(side, (side // model.patch) ** 2 + len(model.prefix), run))
        tell(sum(side**3 for side in sizes[: number + 1]) / total)
    return tuple(found)


LENGTHS = (8, 16, 32, 64, 128)  # pieces


def text_growth(
    translator: Translator, source: Tensor, lengths: Sequence[int] = LENGTHS, tell: Tell = lambda share: None
) -> tuple[tuple[Point, ...], tuple[tuple[int, float], ...]]:
    """For n source pieces and n output pieces: all at once (as in training), and (n, seconds) written one by one."""
    at_once, stepwise = [], []
    for number, length in enumerate(lengths):
        given = source_of(translator, source, length)
        at_once.append(_point(length, length, read_along(translator, given, given)))
        with MEASURING:
            time_ = timing(write(translator, given, length), repeats=1, warm=number == 0)
        stepwise.append((length, time_.seconds))
        tell(sum(lengths[: number + 1]) / sum(lengths))
    return tuple(at_once), tuple(stepwise)


def _point(size: int, positions: int, run: Run) -> Point:
    with MEASURING:
        time_, count = timing(run), operations(run)
    return Point(size, positions, time_.seconds, time_.share, count.total, count.share)


def power(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(a, b) of y = a x^b, by least squares on the logarithms. Raises ValueError for fewer than two lengths."""
    if len({x for x, _ in points}) < 2:
        raise ValueError("a power needs two lengths")
    x, y = (torch.tensor([math.log(point[i]) for point in points], dtype=torch.float64) for i in (0, 1))
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
    return math.exp(float(y.mean()) - slope * float(x.mean())), slope


# Fused against unfused


@dataclass(frozen=True)
class Unfused:
    """The same pass with attention in one fused call, and step by step with every map in memory.

    difference: the largest of what they give, relative to the largest value."""

    size: int
    positions: int
    fused: float
    unfused: float
    fused_bytes: int
    unfused_bytes: int
    difference: float


def unfused(model: VisionModel, sizes: Sequence[int], tell: Tell = lambda share: None) -> tuple[Unfused, ...]:
    """On a copy: the model is shared, and a record needs its fused calls."""
    model, found = model.with_module(copy.deepcopy(model.module)), []
    for number, side in enumerate(sizes):
        draw = torch.Generator().manual_seed(0)
        pixels = torch.randn(1, 3, side, side, generator=draw).to(model.device)
        run, seconds = partial(model.forward, pixels), {True: math.inf, False: math.inf}
        memory, output = {}, {}
        with MEASURING, torch.inference_mode():
            for turn in range(2 * REPEATS):  # by turns, so that what slows the machine slows both
                with model.fused(on := turn % 2 == 0):
                    seconds[on] = min(seconds[on], timing(run, 1, warm=turn < 2).seconds)
                tell((number + turn / (2 * REPEATS)) / len(sizes))
            for on in (True, False):
                with model.fused(on):
                    memory[on], output[on] = peak_bytes(run), run()
        apart = float((output[True] - output[False]).abs().max() / output[True].abs().max())
        positions = (side // model.patch) ** 2 + len(model.prefix)
        found.append(Unfused(side, positions, seconds[True], seconds[False], memory[True], memory[False], apart))
        tell((number + 1) / len(sizes))
    return tuple(found)
