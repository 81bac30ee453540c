"""Which pictures are a part of another one: who crops a photo has nearly the same twice. A whole picture is looked for
in others by correlation, small (template matching); what is like enough is looked at more closely. Found are crops of
half of the side or more that keep its shape; what was turned or stretched is not."""

import itertools
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate, normalize

SIDE, LARGER = 8, (8, 9, 10, 11, 12, 13, 14, 16)  # px of a picture that is looked for, and of those in which it is
ALIKE, TRIED = 0.8, 2  # least correlation of what is looked at, and of how many a picture
APART, FAR = 12 / 255, 40 / 255  # root mean square difference of near ones; of those that are looked at once
PLAIN = 24 / 255  # deviation of a picture in which there is nothing to compare
CLOSE, FINE = 16, 64  # px at which a part is compared with the whole, and from which it is cut
KNOWN, ASKED = 100, 250  # pictures that are compared at once
LOOKS = 3  # each with half of the step of the one before
# Whether a part is mirrored, where it begins, (x, y), and its side, from 0 to 1: each a tensor (N,).
Part = tuple[Tensor, Tensor, Tensor, Tensor]


def near_parts(known: Tensor, asked: Tensor) -> Iterator[np.ndarray]:
    """For each asked picture the numbers of the known ones of which it, or its mirror image, is a part: uint8
    (N, 3, S, S). Plain ones, in which there is nothing to compare, are part of none."""
    for some in asked.split(ASKED):
        likeness, where = _likest(known, some)  # both (B, N)
        likeness[some.float().std((2, 3)).amax(1) <= PLAIN * 255] = 0
        best, numbers = likeness.topk(min(TRIED, len(known)), dim=1)
        rows, column = (best >= ALIKE).nonzero(as_tuple=True)
        found = numbers[rows, column]
        near = _difference(known[found], some[rows], _part(where[rows, found])) <= APART
        which, holders = rows[near].numpy(), found[near].numpy()
        yield from (np.sort(holders[which == row]) for row in range(len(some)))


def _gray(images: Tensor, side: int) -> Tensor:
    """(N, 1, side, side)"""
    return interpolate(images.float().mean(1, keepdim=True), (side, side), mode="area")


def _likest(known: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
    """The highest correlation of each asked picture with a window of each known one, and which window that is: both
    (B, N). Windows are counted over LARGER, from the top left, those of the mirror images after them."""
    small = _gray(asked, SIDE)
    wanted = _unit(torch.stack([small, small.flip(-1)]).flatten(2))  # (2, B, 64)
    found = []
    for some in known.split(KNOWN):
        cut = [_gray(some, side).unfold(2, SIDE, 1).unfold(3, SIDE, 1).flatten(4).flatten(1, 3) for side in LARGER]
        windows = _unit(torch.cat(cut, 1))  # (n, windows, 64)
        likeness = torch.einsum("mbd,nwd->bnmw", wanted, windows).flatten(2)
        found.append(likeness.max(-1))
    return torch.cat([one.values for one in found], 1), torch.cat([one.indices for one in found], 1)


def _unit(rows: Tensor) -> Tensor:
    return normalize(rows - rows.mean(-1, keepdim=True), dim=-1)


def _part(windows: Tensor) -> Part:
    """Of windows by their number."""
    each = [
        (left / side, top / side, SIDE / side)
        for side in LARGER
        for top in range(side - SIDE + 1)
        for left in range(side - SIDE + 1)
    ]
    left, top, share = torch.tensor(each)[windows % len(each)].unbind(-1)
    return (windows >= len(each)), left, top, share


def _difference(known: Tensor, asked: Tensor, part: Part) -> Tensor:
    """How far each asked picture is from this part of the known one beside it, root mean square, where the part is
    moved and resized a little until they are nearest: (N,). Those that are far at the first look get no other."""
    whole = interpolate(known.float() / 255, (FINE, FINE), mode="area")
    wanted = interpolate(asked.float() / 255, (CLOSE, CLOSE), mode="area")
    least, going = torch.full((len(known),), torch.inf), torch.arange(len(known))
    for look in range(LOOKS):
        if not len(going):
            break
        least[going], part = _nearest(whole[going], wanted[going], part, 0.5 / 2**look / SIDE)
        near = least[going] <= FAR
        going, part = going[near], cast(Part, tuple(one[near] for one in part))
    return least


def _nearest(whole: Tensor, wanted: Tensor, part: Part, step: float) -> tuple[Tensor, Part]:
    """The least difference, (N,), of the parts that are a step from these, or none, and which has it."""
    mirrored, left, top, share = part
    least = torch.full((len(whole),), torch.inf)
    for larger, right, down in itertools.product((-1, 0, 1), repeat=3):
        size = part[3] * (1 + larger * step)
        x, y = (
            begin + (part[3] - size) / 2 + way * step * part[3] for begin, way in ((part[1], right), (part[2], down))
        )
        apart = (_cut(whole, mirrored, x, y, size) - wanted).square().mean((1, 2, 3)).sqrt()
        is_nearer = apart < least
        least = torch.where(is_nearer, apart, least)
        left, top, share = (torch.where(is_nearer, new, old) for new, old in ((x, left), (y, top), (size, share)))
    return least, (mirrored, left, top, share)


def _cut(whole: Tensor, mirrored: Tensor, x: Tensor, y: Tensor, size: Tensor) -> Tensor:
    """(N, 3, CLOSE, CLOSE)"""
    zero, across = torch.zeros_like(size), torch.where(mirrored, -size, size)
    rows = [across, zero, 2 * x + size - 1], [zero, size, 2 * y + size - 1]
    turn = torch.stack([torch.stack(row, -1) for row in rows], 1)  # (N, 2, 3)
    places = affine_grid(turn, [len(whole), 3, 2 * CLOSE, 2 * CLOSE], align_corners=False)
    return avg_pool2d(grid_sample(whole, places, padding_mode="border", align_corners=False), 2)
