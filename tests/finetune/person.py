"""What a person might hand in, made up, and what the tests of it share."""

import io
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import strategies as st
from PIL import Image

from core.errors import SidelightError
from core.finetune.pictures import Pictures

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def picture(shade: int, side: int = 20, kind: str = "PNG", colour: int = 0) -> bytes:
    """A plain picture; another `shade` (0 to 255) or `colour` (0 to 2) is another content."""
    stream = io.BytesIO()
    value = [30, 30, 30]
    value[colour] = shade
    Image.new("RGB", (side + 10, side), tuple(value)).save(stream, kind)
    return stream.getvalue()


def plain_files(each: int = 10) -> dict[str, bytes]:
    """`each` different pictures of red and of blue."""
    return {
        f"{name}/{number}.png": picture(100 + number, colour=colour)
        for name, colour in (("red", 0), ("blue", 2))
        for number in range(each)
    }


def packed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def refused(code: str, make, *arguments: object, **named: object) -> SidelightError:
    with pytest.raises(SidelightError) as caught:
        make(*arguments, **named)
    assert caught.value.code == code
    assert caught.value.sentence("zh") != caught.value.sentence("en")
    return caught.value


def contents(pictures: Pictures) -> set[bytes]:
    return {image.numpy().tobytes() for image in pictures.images}


def table(lines: int = 30, separator: str = ",", header: str = "") -> str:
    return header + "".join(f"Sentence {n} here{separator}Satz {n} hier\n" for n in range(lines))
