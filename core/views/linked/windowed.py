"""A layer that attends within windows, as the browser gets it: finished weights window by window, and where they lie.

Over the whole grid they would be N^2 numbers a head, nearly all for keys that cannot be seen.
"""

from typing import Any

import torch
from torch import Tensor

from core.attention.windows import WindowedCall
from core.views.linked.arrays import Arrays

NOTHING = -6e4  # logarithm of a weight too small for a number, of a key that is seen; float16 holds it


def windowed_layer(call: WindowedCall, norms: Tensor, arrays: Arrays) -> dict[str, Any]:
    """The header of a layer, as `core.views.linked.scores` writes that of any other; its numbers go to `arrays`.

    norms: (H, Nk). Sent are the logarithms of the weights, (windows, H, n, nk), -inf for what cannot be seen; of each
    query its window and its row there, (2, Nq); and the keys of each window, (windows, nk), -1 for padding.
    """
    weights = call.by_window.float()  # (windows, H, n, nk)
    seen = (weights > 0).any(1, keepdim=True)
    logs = weights.log().clamp_min(NOTHING).masked_fill(~seen, -torch.inf)
    heads, queries = call.query.shape[1:3]
    window, row = place = call.place  # (Nq,) each
    read = norms[:, call.keys.clamp_min(0)].masked_fill(call.keys < 0, 0)  # (H, windows, nk)
    flow = (weights @ read.movedim(1, 0)[..., None])[..., 0]  # (windows, H, n)
    nothing = torch.zeros(0)
    return {
        "half": True,
        "width": 0,
        "causal": False,
        "q": arrays.half(nothing),
        "k": arrays.half(nothing),
        "bias": None,
        "windows": {
            "at": arrays.half(logs),
            "shape": weights.shape,
            "place": arrays.whole(place),
            "keys": arrays.whole(call.keys),
        },
        "norms": arrays.single(norms),
        "lse": arrays.single(torch.zeros(heads, queries)),
        "flow": arrays.single(flow[window, :, row].T),
    }


def windowed_bytes(call: WindowedCall) -> int:
    """What is sent of a layer."""
    (_, heads, queries, _), keys = call.query.shape, call.key.shape[2]
    return 2 * call.by_window.numel() + 4 * (2 * queries + call.keys.numel() + heads * (2 * queries + keys))
