"""Files out of a ZIP, a .tar.gz or a folder, without ever writing one to the disk and without trusting what they claim.

Each reader yields (parts of the path, bytes, or the SidelightError that says why this one file cannot be had). What is
wrong with the whole (a path that climbs out, a bomb, a password) is raised instead.
"""

import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SidelightError
from core.finetune.data.dataset import clean

RATIO, RATIO_FROM = 100, 10_000_000  # unpacked over packed bytes, looked at above so many unpacked bytes
CHUNK = 1 << 20
DRIVE = re.compile(r"[A-Za-z]:")
IGNORED = {"__macosx", "thumbs.db", "desktop.ini"}
DAMAGED = (  # what the standard library raises on archives that are not what they claim
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    RuntimeError,
)

File = tuple[tuple[str, ...], bytes | SidelightError]


@dataclass(frozen=True)
class Limits:
    """files: of any kind. size: bytes, unpacked, together."""

    files: int
    size: int

    def check(self, files: int, size: int) -> None:
        """Raises SidelightError `data.too_many_files`, `data.too_large`."""
        if files > self.files:
            raise SidelightError("data.too_many_files", limit=self.files)
        if size > self.size:
            raise SidelightError("data.too_large", limit=self.size // 10**6)


UPLOAD = Limits(3_000, 500_000_000)
LOCAL = Limits(20_000, 4_000_000_000)  # on the person's own machine, by the command line


def shown(name: str) -> str:
    """A file's name for the report: one line of visible text, not too long."""
    return clean(name)[:200] or "?"


def safe_parts(name: str) -> tuple[str, ...]:
    """Folders and file of a path inside an archive. Raises SidelightError `data.unsafe_name` if it leads out of it."""
    flat = name.replace("\\", "/")
    parts = tuple(part for part in flat.split("/") if part not in ("", "."))
    if flat.startswith("/") or DRIVE.match(flat) or ".." in parts or "\0" in flat:
        raise SidelightError("data.unsafe_name", name=shown(name))
    return parts


def wanted(parts: tuple[str, ...]) -> bool:
    """Whether a person put this file there: not the system, not hidden."""
    return bool(parts) and not any(part.startswith(".") or part.lower() in IGNORED for part in parts)


def zip_files(data: bytes, limits: Limits = UPLOAD) -> Iterator[File]:
    """Raises SidelightError `data.not_zip`, `data.zip_damaged`, `data.zip_password`, `data.zip_method`, `data.link`,
    `data.unsafe_name`, `data.bomb` and those of `Limits.check`, all before anything is unpacked."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise SidelightError("data.not_zip")
    limits.check(data.count(b"PK\x01\x02"), 0)  # before the list of files is built from them
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGED as error:
        raise SidelightError("data.zip_damaged") from error
    with archive:
        entries = [(_checked_parts(entry), entry) for entry in archive.infolist()]
        size = sum(entry.file_size for _, entry in entries)
        limits.check(len(entries), size)
        if size > RATIO_FROM and size > RATIO * len(data):
            raise SidelightError("data.bomb", ratio=size // len(data), limit=RATIO)
        left = limits.size
        for parts, entry in entries:
            if not wanted(parts) or entry.filename.endswith(("/", "\\")):
                continue
            content = _read_entry(archive, entry, left)
            left -= len(content) if isinstance(content, bytes) else 0
            if left < 0:
                raise SidelightError("data.too_large", limit=limits.size // 10**6)
            yield parts, content


def _checked_parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    name = _name(entry)
    parts = safe_parts(name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SidelightError("data.link", name=shown(name))
    if entry.flag_bits & 1:
        raise SidelightError("data.zip_password", name=shown(name))
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # bz2 and lzma unpack a piece of any size in one go, so that counting bytes would come too late.
        raise SidelightError("data.zip_method", name=shown(name))
    return parts


def _name(entry: zipfile.ZipInfo) -> str:
    """The file's name. Python takes names without the UTF-8 flag for code page 437; many are UTF-8 or Chinese."""
    if entry.flag_bits & 0x800:
        return entry.orig_filename
    raw = entry.orig_filename.encode("cp437")
    for encoding in ("utf-8", "gb2312"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.orig_filename


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes | SidelightError:
    """Its content, read no further than just past `limit`, whatever size it claims."""
    try:
        with archive.open(entry) as stream:
            return _bounded(stream.read, limit)
    except DAMAGED as error:
        return _because("data.entry_damaged", error)


def _bounded(read: Callable[[int], bytes], limit: int) -> bytes:
    content = bytearray()
    while len(content) <= limit and (chunk := read(CHUNK)):
        content += chunk
    return bytes(content)


def _because(code: str, error: Exception) -> SidelightError:
    found = SidelightError(code)
    found.__cause__ = error
    return found


def tar_files(path: Path, limits: Limits = LOCAL) -> Iterator[File]:
    """Raises SidelightError `data.not_archive`, `data.link`, `data.unsafe_name` and those of `Limits.check`."""
    count, size = 0, 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                count, size = count + 1, size + max(0, member.size)
                limits.check(count, size)  # before it is unpacked, or skipped
                parts = safe_parts(member.name)
                if member.isdir():
                    continue
                if not member.isfile():
                    raise SidelightError("data.link", name=shown(member.name))
                if wanted(parts) and (stream := archive.extractfile(member)):
                    yield parts, stream.read()
    except DAMAGED as error:
        raise SidelightError("data.not_archive", name=shown(path.name)) from error


def folder_files(path: Path, limits: Limits = LOCAL) -> Iterator[File]:
    """Raises SidelightError as `Limits.check` does."""
    count, size = 0, 0
    for file in path.rglob("*"):
        parts = file.relative_to(path).parts
        if not wanted(parts) or not file.is_file():
            continue
        try:
            count, size = count + 1, size + file.stat().st_size
            limits.check(count, size)
            content: bytes | SidelightError = file.read_bytes()
        except OSError as error:
            content = _because("data.entry_damaged", error)
        yield parts, content


def local_files(path: Path) -> Iterator[File]:
    """Of a .zip, a .tar.gz or a folder on the person's own machine. Raises SidelightError `data.path_missing` and as
    the others do."""
    if not path.exists():
        raise SidelightError("data.path_missing", path=str(path))
    if path.is_dir():
        yield from folder_files(path)
    elif path.suffix.lower() == ".zip":
        LOCAL.check(0, path.stat().st_size)
        yield from zip_files(path.read_bytes(), LOCAL)
    else:
        yield from tar_files(path)
