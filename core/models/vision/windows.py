"""Where the windows of a hierarchical transformer lie: the model's own code says it.

A block partitions what it is given, shifts and pads it, then calls its attention. So it is given the numbers of the
positions in place of the tokens, with everything but the attention taken out, and what reaches the attention are the
numbers of each window's tokens. Blocks are shallow copies: nothing of the model is touched.
"""

import copy
from collections.abc import Iterator, Sequence
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from core.attention.axes import Box, PatchAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.windows import WindowedLayer, WindowedTrace

ATTENTION = ("attn", "attention")
MISFIT = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)  # of a block that was given another layout


def windowed_trace(module: nn.Module, pixels: Tensor, image_box: Box, image_size: tuple[int, int]) -> WindowedTrace:
    """One pass of a model over (1, 3, H, W): the layers whose windows or pooled keys are known.

    image_box, image_size: where the picture lies, as of `PatchAxis`. Layers of other kinds, such as attention between
    channels, are left out.
    """
    with torch.inference_mode(), Tape.record(values=True) as tape:
        blocks = _blocks(module, pixels, tape)
    layers = []
    for block, given, options, first, end in blocks:
        calls = tape.calls[first:end]
        if len(calls) == 1:
            layers += list(_layer(block, given, options, calls[0], pixels, image_box, image_size))
    return WindowedTrace(tuple(layers), len(tape.calls) - len(layers))


Given = tuple[nn.Module, tuple, dict, int, int]  # a block, its input, the calls that it made: from, before


def _blocks(module: nn.Module, pixels: Tensor, tape: Tape) -> list[Given]:
    """Every block of a pass with an attention in it, in the order in which they ran."""
    shadow = copy.deepcopy(module, {id(part): part for part in (*module.parameters(), *module.buffers())})
    found: list[Given] = []
    for block in shadow.modules():
        if not any(hasattr(block, name) for name in ATTENTION):
            continue
        begun: list[tuple[tuple, dict, int]] = []

        def before(_: nn.Module, args: tuple, options: dict, begun: list = begun) -> None:
            begun.append((args, options, len(tape.calls)))

        def after(part: nn.Module, *_: Any, begun: list = begun) -> None:
            args, options, first = begun.pop()
            found.append((part, args, options, first, len(tape.calls)))

        block.register_forward_pre_hook(before, with_kwargs=True)
        block.register_forward_hook(after)
    shadow(pixels)
    for block in shadow.modules():
        block._forward_pre_hooks.clear()
        block._forward_hooks.clear()
    return found


def _layer(
    block: nn.Module,
    given: tuple,
    options: dict,
    call: AttentionCall,
    pixels: Tensor,
    image_box: Box,
    image_size: tuple[int, int],
) -> Iterator[WindowedLayer]:
    """The layer that a block's call is; nothing where its windows are not known for sure."""
    height, width = pixels.shape[-2:]
    for grid, numbers in _numbered(given, options):
        if grid[0] * width != grid[1] * height:  # not of the picture's form: windows in a row, or channels
            continue
        windows = _seen(block, (numbers, *given[1:]), options)
        axis = PatchAxis(grid, (), image_box, image_size)
        if windows is None or windows.shape[0] != call.query.shape[0]:
            continue
        asks, read = (_places(windows, axis, part.shape[2]) for part in (call.query, call.key))
        if asks and read:
            try:
                yield WindowedLayer(call, asks[1], read[1], asks[0], read[0])
                return
            except ValueError:  # not every position asks once
                continue


def _places(windows: Tensor, axis: PatchAxis, count: int) -> tuple[Tensor, PatchAxis] | None:
    """Positions (windows, count) and their axis: the windows' own, or the whole grid's pooled to a coarser one."""
    if windows.shape[1] == count:
        return windows, axis
    rows, columns = axis.grid
    step = isqrt(rows * columns // count)
    coarse = (rows // step, columns // step) if step else (0, 0)
    if len(windows) != 1 or coarse[0] * coarse[1] != count or coarse[0] * step != rows or coarse[1] * step != columns:
        return None
    return torch.arange(count)[None], PatchAxis(coarse, (), axis.image_box, axis.image_size)


def _numbered(given: tuple, options: dict) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """The grids that a block's input may be, each with its positions, from 1, in place of the tokens."""
    tokens = given[0] if given else None
    if not isinstance(tokens, Tensor) or len(tokens) != 1:
        return
    if tokens.dim() == 4:
        for rows, columns, last in ((*tokens.shape[1:3], True), (*tokens.shape[2:], False)):
            numbers = 1.0 + torch.arange(rows * columns, device=tokens.device).reshape(rows, columns)
            numbers = numbers[None, :, :, None] if last else numbers[None, None]
            yield (rows, columns), numbers.expand(tokens.shape).contiguous()
    elif tokens.dim() == 3:  # in which order tokens in a row lie, only a block that is told the grid says
        for grid in _told((*given[1:], *options.values())):
            if grid[0] * grid[1] == tokens.shape[1]:
                numbers = 1.0 + torch.arange(tokens.shape[1], device=tokens.device)
                yield grid, numbers[None, :, None].expand(tokens.shape).contiguous()


def _told(values: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """A grid among a block's arguments: a pair of numbers, or two numbers one after the other."""
    for one, other in zip(values, (*values[1:], None), strict=False):
        if isinstance(one, Sequence) and len(one) == 2 and all(isinstance(side, int) for side in one):
            yield (one[0], one[1])
        elif type(one) is int and type(other) is int:
            yield (one, other)


class _Through(nn.Module):
    def forward(self, *args: Any, **options: Any) -> Any:
        return (*args, *options.values())[0]


class _Reached(Exception):
    """What the attention would have been given."""


class _Stop(nn.Module):
    def forward(self, *args: Any, **options: Any) -> None:
        raise _Reached((*args, *options.values())[0])


def _seen(block: nn.Module, given: tuple, options: dict) -> Tensor | None:
    """The positions of each window's tokens, (windows, n), -1 for padding, from 0; None where numbers do not come
    through as they were."""
    bare = copy.copy(block)
    bare._modules = {name: _Stop() if name in ATTENTION else _Through() for name in block._modules}
    try:
        with torch.inference_mode():
            bare(*given, **options)
    except _Reached as reached:
        (found,) = reached.args
    except MISFIT:
        return None
    else:
        return None
    for channels in (found.movedim(1, -1), found) if found.dim() == 4 else (found,):
        if channels.dim() > 2 and bool((channels == channels[..., :1]).all()):
            return channels[..., 0].reshape(len(channels), -1).long().cpu() - 1
    return None
