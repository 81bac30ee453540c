"""Tracking on a film of known motion: the truth is where the camera says, and features find more than chance."""

import io

import numpy as np
import pytest
from PIL import Image

from core import samples
from core.differences import tracking
from core.errors import SidelightError
from core.models.images import open_image
from core.models.vision import load_vision

SIDE = 224


def test_a_point_of_the_photo_is_where_the_camera_says() -> None:
    """A white dot on black is found in each frame where its place was computed."""
    dot = np.array([[150.0, 130.0]])
    photo = Image.new("RGB", (300, 260))
    photo.paste("white", (148, 128, 153, 133))
    for camera, frame in zip(path := tracking.cameras(photo.size, SIDE), tracking.film(photo, SIDE, path), strict=True):
        y, x = np.nonzero(np.asarray(frame)[..., 0] > 127)
        assert camera.in_frame(dot)[0] == pytest.approx([x.mean(), y.mean()], abs=2)
        assert camera.on_photo(camera.in_frame(dot)) == pytest.approx(dot)


def test_features_follow_patches_and_every_error_is_the_distance_to_the_truth() -> None:
    photo = open_image(samples.photos()[0].path.read_bytes())
    found = tracking.track(load_vision("vision-vit-s-14"), photo, SIDE)
    assert [found.median(way)[0] for way in found.errors] == pytest.approx([0] * len(found.errors)), (
        "what is looked for"
    )
    assert found.median("nearby")[-1] < found.median("still")[-1] / 2
    best, truth = int(found.found["features"][2, 100]), found.truth[2, 100]
    middle = np.array([best % 16 + 0.5, best // 16 + 0.5]) * found.patch
    assert found.errors["features"][2, 100] == pytest.approx(np.linalg.norm(middle - truth))
    steps = np.diff(np.stack([found.found["nearby"] % 16, found.found["nearby"] // 16], -1), axis=0)
    assert np.linalg.norm(steps, axis=-1).max() <= tracking.REACH
    errors = found.errors["nearby"]
    whole = errors.sum(0)
    assert np.isfinite(errors[:, found.typical()]).all(), "it stays in sight"
    assert whole[found.typical()] == pytest.approx(np.nanmedian(whole), rel=0.05)


def test_a_persons_own_film_is_followed_without_a_truth() -> None:
    photo = open_image(samples.photos()[1].path.read_bytes())
    frames = [photo.crop((step, 0, step + 200, 200)) for step in range(0, 90, 10)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    taken = tracking.own_frames([file.getvalue()], 112, 4)
    assert len(taken) == 4 and {one.size for one in taken} == {(112, 112)}
    found = tracking.follow(load_vision("vision-vit-s-14"), taken)
    assert not found.errors and np.isnan(found.truth).all()
    columns = found.found["nearby"].reshape(4, 8, 8)[-1] % 8
    assert np.median(columns - np.arange(8)) < 0, "the camera goes right, so what is seen goes left"
    with pytest.raises(SidelightError, match="one picture"):
        tracking.own_frames([samples.photos()[0].path.read_bytes()], 112)
    with pytest.raises(SidelightError):
        tracking.own_frames([file.getvalue()[: len(file.getvalue()) // 2], b"no picture"], 112)


def test_a_persons_own_frames_are_opened_as_any_photo_is() -> None:
    """Transparency lies on white in every frame, and the second picture in a phone's JPEG is no film."""
    clear = [Image.new("RGBA", (32, 32), (200, 0, 0, alpha)) for alpha in (0, 1)]
    film, photo = io.BytesIO(), io.BytesIO()
    clear[0].save(film, "WEBP", save_all=True, append_images=clear[1:], lossless=True)
    frames = tracking.own_frames([film.getvalue()], 32)
    assert len(frames) == 2 and all(min(one.getpixel((9, 9))) > 250 for one in frames)
    Image.new("RGB", (32, 32)).save(photo, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))])
    with pytest.raises(SidelightError, match="one picture"):
        tracking.own_frames([photo.getvalue()], 32)
