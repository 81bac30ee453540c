"""Archives that lie, climb out, link or swell: refused with a sentence, before they are unpacked."""

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.finetune import data
from core.finetune.data import archives
from tests.finetune.person import packed, picture, plain_files, refused


@pytest.mark.parametrize(
    "name", ["../out.png", "red/../../out.png", "/etc/red/1.png", "C:\\red\\1.png", "..\\red\\1.png", "red/a\0b.png"]
)
def test_a_path_that_leads_out_of_the_archive_refuses_it_whole(name: str) -> None:
    content = packed(plain_files() | {name.replace("\0", "~"): picture(1)})
    content = content.replace(name.replace("\0", "~").encode(), name.encode())
    error = refused("data.unsafe_name", data.pictures_from_zip, content)
    assert error.values["name"] == archives.shown(name)


def test_a_link_refuses_the_archive_whole() -> None:
    stream = io.BytesIO(packed(plain_files()))
    with zipfile.ZipFile(stream, "a") as archive:
        link = zipfile.ZipInfo("red/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert refused("data.link", data.pictures_from_zip, stream.getvalue()).values["name"] == "red/link.png"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    content = packed(plain_files() | {"red/zeros.bmp": bytes(30_000_000)})
    assert len(content) < 100_000
    refused("data.bomb", data.pictures_from_zip, content)


def test_a_size_that_lies_unpacks_no_more_than_it_says() -> None:
    content = bytearray(packed(plain_files() | {"red/zeros.bmp": bytes(30_000_000)}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):  # where each header keeps the size
        start = content.rfind(signature, 0, content.rfind(b"zeros.bmp") if signature[2] == 1 else len(content))
        struct.pack_into("<I", content, start + offset, 1000)
    report = data.pictures_from_zip(bytes(content)).report
    assert [(name, error.code) for name, error in report.unreadable] == [("red/zeros.bmp", "data.entry_damaged")]


def test_bytes_are_counted_while_they_are_read() -> None:
    taken = []

    def endless(size: int) -> bytes:
        taken.append(size)
        return bytes(size)

    assert len(archives._bounded(endless, 5 * archives.CHUNK)) <= 6 * archives.CHUNK and len(taken) <= 6


def test_the_limits_on_files_and_on_their_size() -> None:
    content = packed(plain_files())
    limit = archives.Limits(files=15, size=10**9)
    refused("data.too_many_files", lambda: list(archives.zip_files(content, limit)))
    refused("data.too_large", lambda: list(archives.zip_files(content, archives.Limits(files=100, size=500))))
    many = {f"red/{number}.png": b"" for number in range(archives.UPLOAD.files + 1)}
    refused("data.too_many_files", data.pictures_from_zip, packed(many))
    refused("data.too_many_files", data.pictures_from_files, {"red": [("1.png", b"")] * (archives.UPLOAD.files + 1)})


def test_a_password_and_a_rare_method_are_refused() -> None:
    content = bytearray(packed({"red/1.png": picture(1)}))
    content[content.find(b"PK\x01\x02") + 8] |= 1  # the flag of encryption
    refused("data.zip_password", data.pictures_from_zip, bytes(content))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        refused("data.zip_method", data.pictures_from_zip, packed(plain_files(), method))


def test_what_is_no_zip_or_only_half_of_one_is_refused() -> None:
    whole = packed(plain_files())
    for content in (b"", b"hello", picture(1), whole[: len(whole) // 2]):
        refused("data.not_zip", data.pictures_from_zip, content)
    refused("data.zip_damaged", data.pictures_from_zip, whole.replace(b"PK\x01\x02", b"PK\x01\x09"))
    error = refused("data.nothing_readable", data.pictures_from_zip, whole[whole.find(b"PK\x01\x02") :])
    assert error.values == {"count": 20, "name": "blue/0.png"}
    refused("data.few_classes", data.pictures_from_zip, packed({}))
    refused("data.few_classes", data.pictures_from_zip, packed({"1.png": picture(1), "2.png": picture(2)}))


def test_links_and_paths_that_lead_out_of_a_tar_are_refused(tmp_path: Path) -> None:
    for number, (name, kind, code) in enumerate(
        [("red/l.png", tarfile.SYMTYPE, "data.link"), ("../out.png", tarfile.REGTYPE, "data.unsafe_name")]
    ):
        path = tmp_path / f"{number}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        refused(code, data.pictures_from_path, path)
