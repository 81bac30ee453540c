"""Traces as bytes for the browser: query and key in float16 and the log-sum-exp of each row.

At N positions this is 4 H d N bytes a layer, where 8-bit maps are H N^2: the same at 257 positions of a ViT-S, and
N / 256 times smaller above. The browser gets any weight as exp(q_i . k_j + bias_ij - lse_i); the log-sum-exp is taken
from the rounded q and k, so that the rows it shows sum to 1; each weight is within 2% of the largest of its row
(tests/views). Layout: `unpack` in attention.js.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from core.attention.axes import Box, PatchAxis, TokenAxis
from core.attention.statistics import head_statistics
from core.attention.trace import AttentionTrace

BUDGET = 40 * 2**20  # bytes of one trace that are sent whole; above it, one layer at a time
PHOTO_SIDE = 1024  # longest side of the photo as sent, px


@dataclass
class _Arrays:
    """The binary part, and where each array starts. Lengths count elements, offsets bytes."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes, count: int) -> list[int]:
        place = [self.size, count]
        padding = b"\0" * (-len(data) % 8)
        self.chunks += [data, padding]
        self.size += len(data) + len(padding)
        return place

    def half(self, tensor: Tensor) -> list[int]:
        limit = torch.finfo(torch.float16).max
        tensor = tensor.detach().float().cpu().clamp(-torch.inf, limit)
        return self.add(tensor.to(torch.float16).contiguous().numpy().tobytes(), tensor.numel())

    def single(self, tensor: Tensor) -> list[int]:
        return self.add(tensor.detach().float().cpu().contiguous().numpy().tobytes(), tensor.numel())


@dataclass(frozen=True)
class Named:
    """A position of an image that can be chosen by its name; after the last of them, a row of `cross`; None where it is
    neither, and only its box is drawn. box: on the photo."""

    position: int | None
    label: str
    box: Box | None = None


@dataclass(frozen=True)
class ImagePart:
    """An image card: `photo` upright RGB, `trace` of the vision model on it. named: positions that can be chosen by
    name, besides those before the patches. cross: what a decoder's objects read of the same positions."""

    type: ClassVar[str] = "image"
    photo: Image.Image
    trace: AttentionTrace
    title: str
    note: str = ""
    layers: tuple[int, ...] | None = None
    named: tuple[Named, ...] = ()
    cross: AttentionTrace | None = None

    def header(self, arrays: _Arrays) -> dict[str, Any]:
        axis = self.trace.query_axis
        assert isinstance(axis, PatchAxis)
        small, jpeg = self.photo.copy(), io.BytesIO()
        small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
        small.convert("RGB").save(jpeg, "JPEG", quality=88)
        return {
            "type": self.type,
            "title": self.title,
            "note": self.note,
            "axis": {
                "grid": axis.grid,
                "prefix": axis.prefix,
                "suffix": axis.suffix,
                "image_box": axis.image_box,
                "image_size": axis.image_size,
            },
            "named": [asdict(one) for one in self.named],
            "photo": arrays.add(jpeg.getvalue(), len(jpeg.getvalue())),
            "encoder": _trace(self.trace, arrays, self.layers),
            "cross": _trace(self.cross, arrays) if self.cross else None,
        }


@dataclass(frozen=True)
class SentencePart:
    """A sentence card: the three traces of one translation; `target` labels the outputs, one a cross-attention row."""

    type: ClassVar[str] = "sentence"
    source: TokenAxis
    target: TokenAxis
    encoder: AttentionTrace
    decoder: AttentionTrace
    cross: AttentionTrace
    title: str
    note: str = ""

    def header(self, arrays: _Arrays) -> dict[str, Any]:
        traces = {kind: _trace(getattr(self, kind), arrays) for kind in ("encoder", "decoder", "cross")}
        axes = {side: _tokens(getattr(self, side)) for side in ("source", "target")}
        return {"type": self.type, "title": self.title, "note": self.note, **axes, **traces}


@dataclass(frozen=True)
class TextPart:
    """A text card: a text that attends to itself. marked: positions that are the answer, or that the model wrote."""

    type: ClassVar[str] = "text"
    trace: AttentionTrace
    title: str
    note: str = ""
    marked: tuple[int, ...] = ()

    def header(self, arrays: _Arrays) -> dict[str, Any]:
        axis = self.trace.query_axis
        assert isinstance(axis, TokenAxis)
        own = {"type": self.type, "title": self.title, "note": self.note, "marked": self.marked}
        return own | {"axis": _tokens(axis), "trace": _trace(self.trace, arrays)}


Part = ImagePart | SentencePart | TextPart


def pack(parts: list[Part], words: dict[str, str], tall: int = 448) -> bytes:
    """[header length, uint32][header JSON][arrays]. `words`: wording for the view; `tall`: picture height, px."""
    arrays = _Arrays()
    header: dict[str, Any] = {
        "parts": [part.header(arrays) for part in parts],
        "words": words,
        "options": {"tall": tall},
    }
    body = b"".join(arrays.chunks)
    header["id"] = hashlib.blake2b(body + json.dumps(header).encode(), digest_size=12).hexdigest()
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return len(text).to_bytes(4, "little") + text + body


def fits_budget(trace: AttentionTrace) -> bool:
    """Whether all layers of a trace are sent at once; a mask is counted once for all layers that share it."""
    masks = {call.mask.data_ptr(): call.mask[0].numel() for call in trace.calls if call.mask is not None}
    numbers = sum(call.query[0].numel() + call.key[0].numel() for call in trace.calls) + sum(masks.values())
    return 2 * numbers <= BUDGET


def _tokens(axis: TokenAxis) -> dict[str, Any]:
    return {"pieces": axis.pieces, "words": axis.words, "special": axis.special, "direction": axis.direction}


def _trace(trace: AttentionTrace, arrays: _Arrays, layers: tuple[int, ...] | None = None) -> dict[str, Any]:
    chosen = tuple(range(trace.layers)) if layers is None else layers
    found = head_statistics(trace, chosen)
    queries, keys, norms, lse, flow, biases = [], [], [], [], [], []
    places: dict[int, dict[str, Any]] = {}
    for layer in chosen:
        call = trace.calls[layer]
        groups = call.query.shape[1] // call.key.shape[1]
        query = (call.query[trace.item].float() * call.scale).half().float()  # (H, Nq, d), as the browser will have it
        key = call.key[trace.item].repeat_interleave(groups, 0).half().float()  # (H, Nk, d)
        bias = None if call.mask is None or trace.is_causal else _bias(call.mask, trace.item)
        queries.append(query)
        keys.append(key)
        norms.append(_norms(trace, layer, groups))
        sums = _row_sums(query, key, norms[-1], bias, trace.is_causal)
        lse.append(sums[0])
        flow.append(sums[1])
        if bias is not None and call.mask.data_ptr() not in places:
            place = {"heads": bias.shape[0], "queries": bias.shape[1], "at": arrays.half(bias)}
            places[call.mask.data_ptr()] = place
        biases.append(None if bias is None else places[call.mask.data_ptr()])
    return {
        "kind": trace.kind,
        "layers": chosen,
        "depth": trace.layers,
        "heads": trace.heads,
        "queries": len(trace.query_axis),
        "keys": len(trace.key_axis),
        "width": queries[0].shape[-1],
        "causal": trace.is_causal,
        "q": arrays.half(torch.stack(queries)),
        "k": arrays.half(torch.stack(keys)),
        "norms": arrays.half(torch.stack(norms)),
        "lse": arrays.single(torch.stack(lse)),
        "flow": arrays.single(torch.stack(flow)),
        "biases": biases,
        "statistics": {name: grid.tolist() for name, grid in found.items()},
    }


def _bias(mask: Tensor, item: int) -> Tensor | None:
    """The additive mask of one item, (1 or H, 1 or Nq, Nk); None where it lets everything pass unchanged."""
    mask = mask[item if mask.shape[0] > 1 else 0]
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape).masked_fill(~mask.cpu(), -torch.inf)
    return mask.float().cpu() if bool((mask != 0).any()) else None


def _norms(trace: AttentionTrace, layer: int, groups: int) -> Tensor:
    """Length of each value vector, (H, Nk), over its mean in the head; ones where values were not recorded."""
    value = trace.calls[layer].value
    if value is None:
        return torch.ones(trace.heads, len(trace.key_axis))
    norms = value[trace.item].float().norm(dim=-1)
    return (norms / norms.mean(-1, keepdim=True).clamp_min(1e-9)).repeat_interleave(groups, 0)


def _row_sums(
    query: Tensor, key: Tensor, norms: Tensor, bias: Tensor | None, causal: bool, rows: int = 1024
) -> tuple[Tensor, Tensor]:
    """Of each row, (H, Nq) both: the log-sum-exp of its scores, and the sum of weight x value length (the total that
    the method `value` divides by). A block of rows at a time, so that no full map is kept."""
    blocks, flows = [], []
    for start in range(0, query.shape[1], rows):
        block = slice(start, start + rows)
        scores = query[:, block] @ key.transpose(-2, -1)  # (H, rows, Nk)
        if bias is not None:
            scores += (bias if bias.shape[1] == 1 else bias[:, block]).to(scores.device)
        if causal:
            ahead = torch.arange(key.shape[1]) > torch.arange(start, start + scores.shape[1])[:, None]
            scores = scores.masked_fill(ahead.to(scores.device), -torch.inf)
        blocks.append(torch.logsumexp(scores, -1))
        weights = scores.sub_(blocks[-1][..., None]).exp_()
        flows.append((weights @ norms[..., None].to(weights))[..., 0])
    return torch.cat(blocks, 1), torch.cat(flows, 1)
