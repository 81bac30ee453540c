"""Whether a map over patches points at what a word names, on a scene whose truth is known."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from core.attention.axes import PatchAxis, TokenAxis
from core.attention.trace import AttentionTrace
from core.scenes.grammar import Language
from core.scenes.layout import Layout, seen
from core.scenes.words import names_at


def on_grid(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """(SIDE, SIDE) bool -> (patches,): the share of each patch that it covers."""
    return adaptive_avg_pool2d(mask[None].float(), grid)[0].flatten()


def cover(layout: Layout, name: str, grid: tuple[int, int]) -> Tensor | None:
    """(patches,): how much of each shows things of this name; None where there are none."""
    masks = [seen(layout, number) for number, thing in enumerate(layout.things) if thing.name == name]
    return on_grid(torch.stack(masks).any(0), grid) if masks else None


def inside(covered: Tensor) -> Tensor:
    """(patches,) bool: those of which more than half is covered."""
    return covered > 0.5


def pointing(patches: Tensor, covered: Tensor) -> tuple[bool, float]:
    """Whether the strongest patch lies on the thing, and the share of the map that does."""
    patches = patches.clamp_min(0)
    return bool(inside(covered)[patches.argmax()]), float((patches * covered).sum() / patches.sum().clamp_min(1e-12))


def best_name(
    layout: Layout, cross: AttentionTrace, patches: PatchAxis, words: TokenAxis, language: Language
) -> tuple[int, float] | None:
    """The name (its step) and the layer (0 first, 1 last) whose attention, mean over heads, lies most on what the name
    says, with the strongest patch there; None where no name points at its thing in any layer."""
    best = None
    for name, step in names_at(words, language):
        if (covered := cover(layout, name, patches.grid)) is None:
            continue
        for layer in range(cross.layers):
            row = torch.stack([cross.row(layer, head, step) for head in range(cross.heads)]).mean(0)
            hit, share = pointing(row[patches.patches], covered)
            if hit and (best is None or share > best[0]):
                best = share, step, layer / max(1, cross.layers - 1)
    return best and best[1:]
