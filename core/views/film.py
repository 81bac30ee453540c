"""What a model looked at while it learned: films of a probe, played and stepped in the browser, by keyboard too.

In a notebook: `film_photo(...)` as the last line of a cell.
"""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from core.views.light import HIGH, LOW, RAMP, SCALE, overlay
from core.views.scripts import bundle
from core.views.standalone import frame, page

HERE = Path(__file__).parent
MARKUP = '<div class="film"></div>\n'
SIDE = 448  # px, of the photo


@dataclass(frozen=True, eq=False)
class Film:
    """data: what film.js draws; its "frames" have each a "step", a "picture" (a PNG, a pixel a cell) and "times"."""

    data: Mapping[str, Any]

    def html(self) -> str:
        """A page that opens from disk with no server and no network."""
        data = json.dumps(self.data, ensure_ascii=False).replace("<", "\\u003c")
        call = f"mount({{ data: {data}, parentElement: document.body }});"
        return page(self.data["words"]["name"], style(), MARKUP, script(), call)

    def save(self, path: Path | str) -> None:
        Path(path).write_text(self.html(), "utf-8")

    def _repr_html_(self) -> str:
        return frame(self.html(), 640)


@cache
def script() -> str:
    """One ES module."""
    return bundle(HERE / "film.js")


@cache
def style() -> str:
    return (HERE / "film.css").read_text("utf-8")


def film_photo(
    photo: Image.Image, frames: Sequence[tuple[int, Tensor]], grid: tuple[int, int], words: Mapping[str, str]
) -> Film:
    """What CLS looks at, step by step, as light on the photo: weight times number of patches, log2 from 1/8 to 64.

    photo: as the model sees it. frames: (step, weights of the patches, grid or flat). words: "name" (of the film, for
    screen readers too) and "scale"; for several frames also "play", "pause", "slider", "keys" (a hint) and "at", such
    as "step {step}, frame {number} of {count}". The last frame is shown at first. Raises ValueError without a frame,
    or where one does not fit the grid.
    """
    rows, columns = grid
    if any(weights.numel() != rows * columns for _, weights in frames):
        raise ValueError("a frame does not fit the grid")
    shown = [(step, (weights.float().cpu().numpy() * rows * columns).reshape(grid)) for step, weights in frames]
    pictures = [overlay(times) for _, times in shown]
    behind = photo.convert("RGB")
    behind.thumbnail((SIDE, SIDE))
    return _film(shown, pictures, words, photo=_data(behind, "JPEG"))


def film_sentence(
    frames: Sequence[tuple[int, Tensor]], source: Sequence[str], target: Sequence[str], words: Mapping[str, str]
) -> Film:
    """Cross-attention step by step: rows are target pieces, columns source pieces, weight times number of those.

    frames: (step, (Nq, Nk)). words as for `film_photo`. Raises ValueError without a frame, or where one does not fit.
    """
    size = (len(target), len(source))
    if any(tuple(weights.shape) != size for _, weights in frames):
        raise ValueError("a frame does not fit the pieces")
    shown = [(step, weights.float().cpu().numpy() * size[1]) for step, weights in frames]
    return _film(shown, [_painted(times) for _, times in shown], words, list(target), list(source))


def _film(
    shown: Sequence[tuple[int, np.ndarray]],
    pictures: Sequence[Image.Image],
    words: Mapping[str, str],
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    photo: str = "",
) -> Film:
    """shown: (step, attention against uniform (rows, columns))."""
    if not shown:
        raise ValueError("a film needs a frame")
    frames = [
        {"step": step, "picture": _data(picture, "PNG"), "times": [[float(f"{x:.3g}") for x in row] for row in times]}
        for (step, times), picture in zip(shown, pictures, strict=True)
    ]
    gradient = ", ".join(f"rgb{colour} {place:.1%}" for place, colour in RAMP)
    data: dict[str, object] = {
        "frames": frames,
        "rows": rows,
        "columns": columns,
        "photo": photo,
        "ramp": gradient,
        "words": dict(words),
    }
    data["ticks"] = SCALE["ticktext"]
    identity = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    return Film(data | {"id": identity})


def _painted(times: np.ndarray) -> Image.Image:
    """Attention against uniform in the colours of the linked view, a pixel a cell."""
    t = (np.log2(np.maximum(times, 1e-9)) - LOW) / (HIGH - LOW)  # beyond the ends, `interp` keeps the last colour
    places, colours = [place for place, _ in RAMP], np.array([colour for _, colour in RAMP])
    return Image.fromarray(np.stack([np.interp(t, places, c) for c in colours.T], -1).round().astype(np.uint8), "RGB")


def _data(image: Image.Image, kind: str) -> str:
    stream = io.BytesIO()
    image.save(stream, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
