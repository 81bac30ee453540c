"""Pictures of more than 8 bits, and of phones and scanners: what is in them is seen, and that they were brightened is
known. `cat.heic` is scikit-image's cat (CC0), 160 px; all else is made here."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core import samples
from core.models.deep import was_brightened
from core.models.images import FORMATS, SUFFIXES, open_image


def png16(values: np.ndarray) -> bytes:
    """A 16-bit PNG of (height, width, channels), each line stored as its differences from the left (filter 1)."""
    height, width, channels = values.shape
    raw = values.astype(">u2").tobytes()
    size = width * channels * 2
    lines = np.frombuffer(raw, np.uint8).reshape(height, size).astype(np.int16)
    lines[:, 2 * channels :] -= np.frombuffer(raw, np.uint8).reshape(height, size)[:, : -2 * channels]
    body = b"".join(b"\x01" + line.tobytes() for line in (lines % 256).astype(np.uint8))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def tiff16(values: np.ndarray, order: str) -> bytes:
    """An uncompressed 16-bit RGB TIFF in either byte order."""
    height, width, _ = values.shape
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 14), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, values.size * 2)]
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 14 + values.size * 2)
    body = head + struct.pack(f"{order}HHH", 16, 16, 16) + values.astype(f"{order}u2").tobytes()
    entries = b"".join(
        struct.pack(f"{order}HHI", *tag[:3])
        + (struct.pack(f"{order}HH", tag[3], 0) if tag[1:3] == (3, 1) else struct.pack(f"{order}I", tag[3]))
        for tag in tags
    )
    return body + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)


def cat(side: int = 96) -> np.ndarray:
    return np.asarray(open_image((samples.FOLDER / "cat.jpg").read_bytes()).resize((side, side)), np.uint16)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def dark_grey() -> bytes:
    """A ramp that uses a twentieth of its 16 bits."""
    return png16(np.tile(np.linspace(0, 3000, 128), (128, 1)).astype(np.uint16)[..., None])


MAKERS = {
    "png": png16,
    "little-endian tiff": lambda values: tiff16(values, "<"),
    "big-endian tiff": lambda values: tiff16(values, ">"),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_colour_of_any_depth_is_as_bright_as_the_photo_that_it_was_made_from(kind: str, bits: int) -> None:
    photo = cat()
    photo[0, 0] = 255  # the depth is that of the brightest
    photo[:4] = 255
    deep = np.round(photo / 255 * (2**bits - 1)).astype(np.uint16)
    found = open_image(MAKERS[kind](deep))
    assert np.abs(np.asarray(found).astype(int) - photo).max() <= 1
    assert was_brightened(found) == (bits < 16)


def test_colour_with_transparency_lies_on_white() -> None:
    values = np.full((8, 8, 4), 2000, np.uint16)
    values[:4, :, :3], values[:4, :, 3], values[4:, :, 3] = 4095, 65_535, 0
    pixels = np.asarray(open_image(png16(values)))
    assert (pixels == 255).all()


def test_one_hot_pixel_does_not_make_grey_black() -> None:
    ramp = np.tile(np.linspace(0, 3000, 128), (128, 1)).astype(np.uint16)
    clean, hot = ramp.copy(), ramp.copy()
    hot[5, 5] = 65_535
    plain, robust = (np.asarray(open_image(png16(v[..., None])))[20, :, 0].astype(int) for v in (clean, hot))
    assert np.abs(plain - robust).max() <= 3 and robust[-1] >= 252 and robust[0] == 0
    assert was_brightened(open_image(png16(hot[..., None])))


def test_grey_that_fills_its_range_is_not_said_to_be_brightened() -> None:
    ramp = np.tile(np.linspace(0, 65_535, 128), (128, 1)).astype(np.uint16)
    found = open_image(png16(ramp[..., None]))
    assert np.asarray(found)[0, [0, -1], 0].tolist() == [0, 255] and not was_brightened(found)
    assert not was_brightened(open_image((samples.FOLDER / "cat.jpg").read_bytes()))
    for values in (np.full((8, 8, 1), 1000, np.uint16), np.zeros((8, 8, 3), np.uint16)):
        assert not was_brightened(open_image(png16(values))), "nothing is seen"


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_a_tiff_in_which_zero_is_white_is_no_negative(compression: str) -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 65_535, 64), (16, 1)).astype(np.uint16))
    data = encoded(ramp, "TIFF", tiffinfo={262: 0}, compression=compression)
    assert np.asarray(open_image(data))[0, [0, -1], 0].tolist() == [255, 0]


def test_a_file_cannot_claim_to_have_been_brightened_and_exif_still_turns_deep_pictures() -> None:
    grey = Image.fromarray(np.tile(np.linspace(0, 65_535, 20), (10, 1)).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    claim = PngInfo()
    claim.add_text("sidelight.brightened", "True")
    found = open_image(encoded(grey, "PNG", exif=exif, pnginfo=claim))
    assert found.size == (10, 20) and not was_brightened(found)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_photos_of_phones_are_read(kind: str) -> None:
    photo = open_image((samples.FOLDER / "cat.jpg").read_bytes())
    photo.thumbnail((160, 160))
    heic = (Path(__file__).parent / "cat.heic").read_bytes()
    found = open_image(encoded(photo, "AVIF") if kind == "AVIF" else heic)
    assert kind in FORMATS and found.size == photo.size
    assert np.abs(np.asarray(found).astype(float) - np.asarray(photo)).mean() < 6


def test_every_suffix_that_an_upload_may_have_is_one_that_is_read() -> None:
    known = {suffix[1:]: name for suffix, name in Image.registered_extensions().items()}
    assert {known[suffix] for suffix in SUFFIXES} <= {*FORMATS} and {"jfif", "jpe", "avif", "heic"} <= {*SUFFIXES}
