"""Any picture that a person may give is read, or refused with a sentence; the overlay lands where the model looked."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import SidelightError
from core.models.images import fit_image, open_image

SAVED = {
    "1": "PNG",
    "L": "PNG",
    "LA": "PNG",
    "P": "PNG",
    "RGB": "JPEG",
    "RGBA": "WEBP",
    "CMYK": "JPEG",
    "I;16": "PNG",
    "I": "TIFF",
    "F": "TIFF",
    "YCbCr": "JPEG",
}


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@settings(max_examples=60)
@given(st.sampled_from(sorted(SAVED)), st.integers(1, 90), st.integers(1, 90))
def test_every_mode_and_size_becomes_rgb(mode: str, width: int, height: int) -> None:
    image = open_image(encoded(Image.new(mode, (width, height)), SAVED[mode]))
    assert image.mode == "RGB" and image.size == (width, height)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_end_in_a_traceback(data: bytes) -> None:
    with pytest.raises(SidelightError):
        open_image(b"\x89PNG\r\n\x1a\n" + data)


@settings(max_examples=100)
@given(st.integers(0, 2000), st.integers(0, 255))
def test_damaged_files_are_read_or_refused(at: int, value: int) -> None:
    data = bytearray(encoded(Image.effect_noise((40, 30), 50).convert("RGB"), "JPEG"))
    data[at % len(data)] = value
    try:
        assert open_image(bytes(data)).mode == "RGB"
    except SidelightError as error:
        assert error.sentence("zh")


def code_of(data: bytes) -> str:
    with pytest.raises(SidelightError) as caught:
        open_image(data)
    return caught.value.code


def test_bad_files_get_their_own_sentence() -> None:
    jpeg = encoded(Image.effect_noise((300, 300), 50), "JPEG")
    assert code_of(b"") == "image.empty"
    assert code_of(b"just text, named .png") == "image.unreadable"
    assert code_of(jpeg[: len(jpeg) // 2]) == "image.truncated"
    assert code_of(encoded(Image.new("L", (1, 4000)), "PNG")) == "image.too_thin"


def test_a_huge_picture_is_refused_before_it_is_decoded() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    assert code_of(data) == "image.too_large", "decoded first it would be cut off: it has a thousand bytes of 2.7 GB"


def test_exif_orientation_is_honoured() -> None:
    image = Image.new("RGB", (20, 10))
    image.paste("white", (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    upright = open_image(encoded(image, "JPEG", exif=exif, quality=95))
    assert upright.size == (10, 20)
    assert np.asarray(upright)[2].mean() > 200 > 50 > np.asarray(upright)[17].mean()


def test_transparency_lies_on_white_and_deep_grey_is_rescaled() -> None:
    assert np.asarray(open_image(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"))).min() == 255
    deep = Image.fromarray(np.array([[1000, 2000]], dtype=np.uint16))
    assert np.asarray(open_image(encoded(deep, "PNG")))[0, :, 0].tolist() == [0, 255]


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((0, 0)) == (255, 0, 0)


@settings(max_examples=80)
@given(
    st.sampled_from(["crop", "letterbox", "stretch", "native"]),
    st.integers(40, 400),
    st.integers(40, 400),
    st.floats(0.2, 0.8),
    st.floats(0.2, 0.8),
)
def test_a_bright_square_lands_on_its_patch(fit: str, width: int, height: int, x: float, y: float) -> None:
    """Brightest pixels of the model's input, mapped back by image_box, lie on the square that was painted."""
    side = max(10, min(width, height) // 5)
    short = min(width, height)  # inside the centred square, so that a crop keeps it
    left = int((width - short) / 2 + x * (short - side))
    top = int((height - short) / 2 + y * (short - side))
    image = Image.new("RGB", (width, height))
    image.paste("white", (left, top, left + side, top + side))
    fitted = fit_image(image, fit, 224, 14)
    rows, columns = fitted.grid
    assert fitted.pixels.size == (columns * 14, rows * 14)
    pixels = np.asarray(fitted.pixels.convert("L")).astype(float)
    pixels[pixels < 200] = 0  # the padding's grey
    ys, xs = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    box_left, box_top, box_right, box_bottom = fitted.image_box
    centre_x = box_left + (xs * pixels).sum() / pixels.sum() / pixels.shape[1] * (box_right - box_left)
    centre_y = box_top + (ys * pixels).sum() / pixels.sum() / pixels.shape[0] * (box_bottom - box_top)
    assert abs(centre_x - (left + side / 2)) < 0.02 * max(width, height) + 1
    assert abs(centre_y - (top + side / 2)) < 0.02 * max(width, height) + 1
