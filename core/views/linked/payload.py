"""Cards as bytes for the browser: a header in JSON, then arrays. Layout: `unpack` in attention.js."""

import io
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from PIL import Image

from core.attention.axes import Box, PatchAxis, TokenAxis
from core.attention.trace import AttentionTrace
from core.views.linked.arrays import Arrays
from core.views.linked.scores import trace_header

BUDGET = 40 * 2**20  # bytes of one trace in float16 that are sent whole; above it, one layer at a time
PHOTO_SIDE = 1024  # longest side of the photo as sent, px


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

    @property
    def positions(self) -> int:
        """How many positions can be asked: those of the photo, then the decoder's objects."""
        return len(self.trace.query_axis) + (len(self.cross.query_axis) if self.cross else 0)

    def asked(self, position: int) -> tuple[AttentionTrace, int]:
        """The trace that answers for a position, and its row there."""
        own = len(self.trace.query_axis)
        if self.cross is None or position < own:
            return self.trace, position
        return self.cross, position - own

    def header(self, arrays: Arrays) -> dict[str, Any]:
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
            "encoder": trace_header(self.trace, arrays, self.layers),
            "cross": trace_header(self.cross, arrays) if self.cross else None,
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

    def header(self, arrays: Arrays) -> dict[str, Any]:
        traces = {kind: trace_header(getattr(self, kind), arrays) for kind in ("encoder", "decoder", "cross")}
        axes = {side: _tokens(getattr(self, side)) for side in ("source", "target")}
        return {"type": self.type, "title": self.title, "note": self.note, **axes, **traces}


@dataclass(frozen=True)
class TextPart:
    """A text card: a text that attends to itself. marked: positions that are the answer, or that the model wrote.
    layers: those that are sent, all by default."""

    type: ClassVar[str] = "text"
    trace: AttentionTrace
    title: str
    note: str = ""
    marked: tuple[int, ...] = ()
    layers: tuple[int, ...] | None = None

    def header(self, arrays: Arrays) -> dict[str, Any]:
        axis = self.trace.query_axis
        assert isinstance(axis, TokenAxis)
        own = {"type": self.type, "title": self.title, "note": self.note, "marked": self.marked}
        return own | {"axis": _tokens(axis), "trace": trace_header(self.trace, arrays, self.layers)}


Part = ImagePart | SentencePart | TextPart


def pack(parts: list[Part], words: dict[str, str], tall: int = 448) -> bytes:
    """The view of these cards. `words`: wording for it; `tall`: picture height, px."""
    arrays = Arrays()
    heads = [part.header(arrays) for part in parts]
    return arrays.behind({"parts": heads, "words": words, "options": {"tall": tall}})


def fits_budget(trace: AttentionTrace) -> bool:
    """Whether all layers of a trace are sent at once; a mask is counted once for all layers that share it."""
    masks = {call.mask.data_ptr(): call.mask[0].numel() for call in trace.calls if call.mask is not None}
    formed = sum(call.explicit[0].numel() for call in trace.calls if call.is_formed)
    numbers = formed + sum(call.query[0].numel() + call.key[0].numel() for call in trace.calls) + sum(masks.values())
    return 2 * numbers <= BUDGET


def _tokens(axis: TokenAxis) -> dict[str, Any]:
    return {"pieces": axis.pieces, "words": axis.words, "special": axis.special, "direction": axis.direction}
