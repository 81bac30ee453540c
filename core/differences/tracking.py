"""Tracking by correspondence: a patch of the first frame is found again in later ones by the backbone's features.

The film is made from one photo by a known motion of the camera, so that where every patch went is known exactly. No
tracker is trained: the patch whose features are nearest is the answer (Caron et al. 2021, DINO, section 4.2.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import normalize

from core.errors import SidelightError
from core.models.images import frames, open_image
from core.models.vision import VisionModel

FRAMES, REACH = 6, 3
WINDOW = 0.62  # of the photo's shorter side: what the camera sees at first
TRAVEL, TURN, NEARER = 0.24, 20.0, 1.25  # over the film: of the shorter side; degrees; the last frame's enlargement


@dataclass(frozen=True, eq=False)
class Camera:
    """Where a frame lies on the photo: a point (x, y) of the frame, in px, is matrix @ (x, y) + offset on the photo."""

    matrix: np.ndarray  # (2, 2)
    offset: np.ndarray  # (2,)

    def on_photo(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) -> (N, 2)"""
        return points @ self.matrix.T + self.offset

    def in_frame(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) -> (N, 2)"""
        return (points - self.offset) @ np.linalg.inv(self.matrix).T


def cameras(size: tuple[int, int], side: int, count: int = FRAMES) -> list[Camera]:
    """A camera that goes along a diagonal, turns and comes nearer. size: of the photo. side: of a frame, px."""
    short = min(size)
    centre, way = np.array(size) / 2, np.array([1.0, 0.6]) * TRAVEL * short
    found = []
    for step in np.linspace(0, 1, count):
        angle, scale = math.radians(TURN * step), WINDOW * short / side / NEARER**step
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        matrix = turn * scale
        middle = centre + way * (step - 0.5)
        found.append(Camera(matrix, middle - matrix @ np.full(2, side / 2)))
    return found


def film(photo: Image.Image, side: int, path: Sequence[Camera]) -> list[Image.Image]:
    """What each camera sees, (side, side)."""
    return [
        photo.transform(
            (side, side),
            Image.Transform.AFFINE,
            (*camera.matrix[0], camera.offset[0], *camera.matrix[1], camera.offset[1]),
            Image.Resampling.BICUBIC,
        )
        for camera in path
    ]


@dataclass(frozen=True, eq=False)
class Track:
    """Of every patch of the first frame in every frame. truth: (frames, patches, 2), where its middle went, in px, NaN
    outside. found: by way, (frames, patches), the patch that it is taken for: "nearby", features within REACH patches
    of where it was in the frame before; "features", anywhere; "pixels", their shades instead, anywhere; "still", where
    it was at first. errors: by way, (frames, patches) in px from the middle of that patch to the truth, or NaN."""

    frames: tuple[Image.Image, ...]
    grid: tuple[int, int]
    patch: int
    truth: np.ndarray
    found: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]

    def median(self, way: str) -> list[float]:
        """Of each frame, over the patches that are still in sight, in px."""
        return [float(np.nanmedian(row)) for row in self.errors[way]]

    def typical(self) -> int:
        """The patch to begin with: of those that stay in sight, the one with as many found worse as better."""
        whole = self.errors["nearby"].sum(0)  # (N,), NaN for those that leave
        return int(whole.argsort()[np.isfinite(whole).sum() // 2])  # NaN come last


def track(model: VisionModel, photo: Image.Image, side: int, count: int = FRAMES) -> Track:
    """Make the film and find every patch of its first frame in all of its frames."""
    path = cameras(photo.size, side, count)
    frames = film(photo, side, path)
    points = _middles(side // model.patch, model.patch)  # (N, 2)
    truth = np.stack([camera.in_frame(path[0].on_photo(points)) for camera in path])  # (T, N, 2)
    truth[((truth < 0) | (truth >= side)).any(-1)] = np.nan
    found = _found(model, frames, points)
    errors = {way: np.linalg.norm(points[best] - truth, axis=-1) for way, best in found.items()}
    return _track(model, frames, truth, found, errors)


def follow(model: VisionModel, frames: Sequence[Image.Image]) -> Track:
    """The same for a person's own frames (squares of one size), of which nobody knows the truth: all of it is NaN, and
    there are no errors."""
    points = _middles(frames[0].width // model.patch, model.patch)
    truth = np.full((len(frames), len(points), 2), np.nan)
    return _track(model, frames, truth, _found(model, frames, points), {})


def own_frames(files: Sequence[bytes], side: int, count: int = FRAMES) -> list[Image.Image]:
    """From an animation or several pictures, in their order: the middle square of at most `count`, evenly chosen, in
    (side, side). Raises SidelightError as `open_image` does, and `tracking.still` where there is but one."""
    for data in files:
        open_image(data)  # a damaged file is told whether or not it is chosen
    places = [(data, number) for data in files for number in range(frames(data))]
    if len(places) < 2:
        raise SidelightError("tracking.still")
    return [
        ImageOps.fit(open_image(*places[number]), (side, side), Image.Resampling.BICUBIC)
        for number in _evenly(len(places), count)
    ]


def _evenly(have: int, want: int) -> list[int]:
    return sorted({round(one) for one in np.linspace(0, have - 1, min(have, want))})


def _track(model: VisionModel, frames: Sequence[Image.Image], truth: np.ndarray, found: dict, errors: dict) -> Track:
    side = frames[0].width // model.patch
    return Track(tuple(frames), (side, side), model.patch, truth, found, errors)


def _found(model: VisionModel, frames: Sequence[Image.Image], points: np.ndarray) -> dict[str, np.ndarray]:
    features, shades = (_alike(vectors) for vectors in (_features(model, frames), _pixels(frames, model.patch)))
    return {
        "nearby": _nearby(features, points, REACH * model.patch),
        "features": features.argmax(-1),
        "pixels": shades.argmax(-1),
        "still": np.broadcast_to(np.arange(len(points)), (len(frames), len(points))),
    }


def _alike(vectors: Tensor) -> np.ndarray:
    """(T, N, D) of unit length -> (T, N, N): the cosine of each patch of the first frame with each of a frame."""
    return (vectors[0] @ vectors.transpose(1, 2)).numpy()


def _nearby(alike: np.ndarray, points: np.ndarray, reach: float) -> np.ndarray:
    """(T, N): the best match within `reach` px of the one in the frame before."""
    found = [np.arange(len(points))]
    for frame in alike[1:]:
        far = np.linalg.norm(points[found[-1]][:, None] - points, axis=-1) > reach
        found.append(np.where(far, -np.inf, frame).argmax(-1))
    return np.stack(found)


def _middles(side: int, patch: int) -> np.ndarray:
    """(x, y) of the middle of every patch of a square, in px, row by row."""
    y, x = np.divmod(np.arange(side * side), side)
    return (np.stack([x, y], -1) + 0.5) * patch


def _features(model: VisionModel, frames: Sequence[Image.Image]) -> Tensor:
    """(T, N, D), of unit length."""
    found = []
    for frame in frames:
        with torch.inference_mode():
            found.append(model.tokens(model.pixels(frame))[0, len(model.prefix) :].float().cpu())
    return normalize(torch.stack(found), dim=-1)


def _pixels(frames: Sequence[Image.Image], patch: int) -> Tensor:
    """What comparing the patches' own pixels has to go by: (T, N, 3 p p), without their mean shade, of unit length."""
    shades = torch.from_numpy(np.stack([np.asarray(frame) for frame in frames])).float()  # (T, H, W, 3)
    count, side = len(frames), shades.shape[1] // patch
    cut = shades.reshape(count, side, patch, side, patch, 3).transpose(2, 3).reshape(count, side * side, -1)
    return normalize(cut - cut.mean(-1, keepdim=True), dim=-1)
