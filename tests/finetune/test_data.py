"""Data to train on: the bundled sets are what they say, a person's files are checked, and nothing is half-loaded."""

import gzip
import io
import json
import stat
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import SidelightError
from core.finetune import archives, data, tables, uploads
from core.finetune.dataset import Report, pair_digest
from core.finetune.parallel import Pair
from core.finetune.pictures import Pictures


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


def reported(report: Report) -> dict[str, object]:
    """A report as plain values, so that two can be compared."""
    return {
        "counts": report.counts,
        "duplicates": report.duplicates,
        "conflicts": report.conflicts,
        "unreadable": [(name, error.code, error.values) for name, error in report.unreadable],
        "warnings": [(error.code, error.values) for error in report.warnings],
    }


# Pictures of a person


def test_a_zip_gives_both_parts_and_they_share_no_picture() -> None:
    found = data.pictures_from_zip(packed(plain_files()))
    assert found.train.classes == found.held_out.classes == ("blue", "red")
    assert found.report.counts == {"blue": (8, 2), "red": (8, 2)}
    assert len(found.train) == 16 and len(found.held_out) == 4
    assert found.train.images.shape[1:] == (3, 20, 20) and found.train.images.dtype == torch.uint8
    assert not contents(found.train) & contents(found.held_out)
    red, blue = (found.train.images[found.train.labels == label].float().mean((0, 2, 3)) for label in (1, 0))
    assert red[0] > 90 > red[2] and blue[2] > 90 > blue[0]


def test_large_pictures_are_kept_as_their_middle_square_of_160_px() -> None:
    wide = Image.new("RGB", (900, 300), "red")
    wide.paste("lime", (300, 0, 600, 300))
    stream = io.BytesIO()
    wide.save(stream, "PNG")
    files = plain_files() | {"red/wide.png": stream.getvalue()}
    found = data.pictures_from_zip(packed(files))
    assert found.train.images.shape[1:] == (3, 160, 160)
    every = torch.cat([found.train.images, found.held_out.images])[..., 2:-2]  # the edges touch the red beside them
    assert (every == torch.tensor([0, 255, 0])[:, None, None]).all(-1).all(-1).all(-1).sum() == 1


def test_the_same_seed_splits_the_same_way_and_another_does_not() -> None:
    content = packed(plain_files(30))
    first, again, other = (data.pictures_from_zip(content, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.train.images, again.train.images) and first.digest == again.digest
    assert contents(first.held_out) != contents(other.held_out) and first.digest != other.digest


@pytest.mark.parametrize("top", ["", "photos/", "a/b/c/", "./", "photos\\"])
def test_folders_around_the_classes_do_not_matter(top: str) -> None:
    found = data.pictures_from_zip(packed({top + name: content for name, content in plain_files().items()}))
    assert found.train.classes == ("blue", "red") and not found.report.unreadable


def test_what_the_system_put_there_is_ignored() -> None:
    junk = {"__MACOSX/red/._1.png": b"x", "red/.DS_Store": b"x", ".git/config": b"x", "red/Thumbs.db": b"x"}
    found = data.pictures_from_zip(packed(plain_files() | junk))
    assert not found.report.unreadable and found.report.counts == {"blue": (8, 2), "red": (8, 2)}


def test_entries_without_a_name_and_folders_are_no_files() -> None:
    stream = io.BytesIO(packed(plain_files() | {"red/": b"", "green/": b""}))
    nameless = zipfile.ZipInfo("x")
    nameless.filename = ""
    with zipfile.ZipFile(stream, "a") as archive, archive.open(nameless, "w") as file:
        file.write(picture(1))
    assert "" in zipfile.ZipFile(stream).namelist()
    found = data.pictures_from_zip(stream.getvalue())
    assert found.train.classes == ("blue", "red") and not found.report.unreadable


def test_duplicates_are_named_once_and_left_out() -> None:
    files = plain_files()
    files |= {"red/again.png": files["red/3.png"], "red/other format.bmp": picture(103, kind="BMP")}
    report = data.pictures_from_zip(packed(files)).report
    assert report.duplicates == ("red/again.png", "red/other format.bmp")
    assert report.counts["red"] == (8, 2)


def test_the_same_picture_under_two_labels_is_left_out_everywhere() -> None:
    files = plain_files()
    files |= {"blue/wrong.png": files["red/3.png"], "blue/wrong2.png": files["red/3.png"]}
    found = data.pictures_from_zip(packed(files))
    assert found.report.conflicts == ("blue/wrong.png", "blue/wrong2.png", "red/3.png")
    assert sum(found.report.counts["red"]) == 9 and sum(found.report.counts["blue"]) == 10
    shade = torch.tensor([103, 30, 30])[:, None, None]
    assert not (torch.cat([found.train.images, found.held_out.images]) == shade).all(-1).all(-1).all(-1).any()


def test_files_that_are_no_pictures_are_named_with_the_reason() -> None:
    game = bytearray(picture(9, kind="DDS"))
    game[80:82] = b"\0\0"  # flags of no pixel format, at which Pillow raises NotImplementedError
    bad = {
        "red/empty.png": b"",
        "red/notes.txt": b"hello",
        "red/cut.png": picture(9, 200)[:-60],
        "red/game.dds": bytes(game),
        "stray.png": picture(1),
        "docs/a.txt": b"x",
    }
    report = data.pictures_from_zip(packed(plain_files() | bad)).report
    assert [(name, error.code) for name, error in report.unreadable] == [
        ("docs/a.txt", "image.unreadable"),
        ("red/cut.png", "image.truncated"),
        ("red/empty.png", "image.empty"),
        ("red/game.dds", "image.truncated"),
        ("red/notes.txt", "image.unreadable"),
        ("stray.png", "data.no_class"),
    ]
    assert "data.warn_no_pictures" in [error.code for error in report.warnings]
    assert set(report.counts) == {"red", "blue"}


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


def test_many_pixels_in_small_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PIXELS", 20 * 30 * 20 - 1)
    refused("data.too_many_pixels", data.pictures_from_zip, packed(plain_files()))


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


def test_too_few_classes_or_pictures_are_refused_and_named() -> None:
    red = {f"red/{number}.png": picture(number) for number in range(9)}
    assert refused("data.few_classes", data.pictures_from_zip, packed(red)).values["found"] == 1
    two = {f"blue/{number}.png": picture(100 + number, colour=2) for number in range(2)}
    assert refused("data.too_few", data.pictures_from_zip, packed(red | two)).values["names"] == "blue (2)"
    third = two | {"blue/again.png": two["blue/0.png"]}  # a duplicate does not count
    refused("data.too_few", data.pictures_from_zip, packed(red | third))
    enough = two | {"blue/2.png": picture(102, colour=2)}
    assert data.pictures_from_zip(packed(red | enough)).report.counts["blue"] == (2, 1)
    many = {f"{n:03}/{k}.png": picture(n * 2 + k // 2, 4 + k) for n in range(101) for k in range(3)}
    refused("data.many_classes", data.pictures_from_zip, packed(many))


def test_warnings_name_small_and_uneven_classes() -> None:
    files = plain_files(4) | {f"red/more{number}.png": picture(150 + number) for number in range(60)}
    warnings = {error.code: error.values for error in data.pictures_from_zip(packed(files)).report.warnings}
    assert set(warnings) == {"data.warn_few", "data.warn_uneven", "data.warn_validation"}
    assert warnings["data.warn_few"]["name"] == "blue" and warnings["data.warn_uneven"]["largest"] == "red"


def test_names_are_kept_as_text_and_cut() -> None:
    long, markup = "long " * 30, "<b>*{x}*</b>"
    files = {f"{name}/{n}.png": picture(n, colour=c) for c, name in enumerate((long, markup)) for n in range(5)}
    error_file = {f"{markup}/{{0}}.png": b"x"}
    found = data.pictures_from_zip(packed({k.replace("</b>", "<b>"): v for k, v in (files | error_file).items()}))
    assert found.train.classes == ("<b>*{x}*<b>", ("long " * 30)[:60].strip())
    assert found.report.unreadable[0][0] == "<b>*{x}*<b>/{0}.png"
    alike = {f"{'x' * 60}{end}/{n}.png": picture(n) for end in "ab" for n in range(3)}
    refused("data.names_alike", data.pictures_from_zip, packed(alike))


@pytest.mark.parametrize("encoding", ["utf-8", "gb2312", "cp437"])
def test_names_without_the_flag_for_their_encoding_are_understood(encoding: str) -> None:
    name = {"utf-8": "Ñandú 猫", "gb2312": "熊猫", "cp437": "Bär"}[encoding]
    raw = name.encode(encoding)
    files = {f"{'~' * len(raw)}/{n}.png": picture(n, colour=1) for n in range(5)} | plain_files()
    content = packed(files).replace(b"~" * len(raw), raw)
    assert data.pictures_from_zip(content).train.classes == tuple(sorted(("blue", "red", name)))


def test_files_of_several_uploads_give_the_same_as_a_zip() -> None:
    files = plain_files()
    by_class = {
        name: [(path.split("/")[1], content) for path, content in files.items() if path.startswith(name)]
        for name in ("red", "blue")
    }
    assert data.pictures_from_files(by_class).digest == data.pictures_from_zip(packed(files)).digest


def test_a_folder_and_archives_on_the_disk_give_the_same(tmp_path: Path) -> None:
    files = plain_files()
    for name, content in files.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "photos.zip").write_bytes(packed(files))
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "photos", "photos")
    digests = {data.pictures_from_path(tmp_path / name).digest for name in ("photos", "photos.zip", "photos.tar.gz")}
    assert digests == {data.pictures_from_zip(packed(files)).digest}
    (tmp_path / "broken.tar.gz").write_bytes((tmp_path / "photos.tar.gz").read_bytes()[:-200])
    refused("data.not_archive", data.pictures_from_path, tmp_path / "broken.tar.gz")
    refused("data.path_missing", data.pictures_from_path, tmp_path / "nothing")


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


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_as_a_zip_are_a_result_or_a_sentence(content: bytes) -> None:
    try:
        data.pictures_from_zip(content)
    except SidelightError as error:
        assert error.sentence()


GOOD = packed(plain_files(4) | {"red/cut.png": picture(9)[:-40], "blue/p.gif": picture(3, kind="GIF")})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_zip_with_any_bytes_changed_is_a_result_or_a_sentence(changes: list[tuple[int, int]]) -> None:
    content = bytearray(GOOD)
    for place, value in changes:
        content[place] = value
    try:
        found = data.pictures_from_zip(bytes(content))
    except SidelightError as error:
        assert error.sentence()
    else:
        assert not contents(found.train) & contents(found.held_out)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(NAMES, st.lists(st.tuples(NAMES, st.integers(0, 12)), min_size=1, max_size=12), max_size=4),
    st.integers(0, 5), st.floats(0.01, 0.99),
)  # fmt: skip
def test_any_names_and_contents_give_clean_parts_or_a_sentence(
    shades: dict[str, list[tuple[str, int]]], seed: int, share: float
) -> None:
    files = {name: [(file, picture(shade, 4)) for file, shade in group] for name, group in shades.items()}
    try:
        found = data.pictures_from_files(files, seed, share)
    except SidelightError as error:
        assert error.sentence()
        return
    assert not contents(found.train) & contents(found.held_out)
    report, given_files = found.report, sum(len(group) for group in files.values())
    used = len(found.train) + len(found.held_out)
    assert used + len(report.duplicates) + len(report.conflicts) + len(report.unreadable) == given_files
    assert all(training >= 2 and held_out >= 1 for training, held_out in report.counts.values())
    assert all(len(name) <= 60 for name in found.train.classes)


# Sentence pairs of a person


def table(lines: int = 30, separator: str = ",", header: str = "") -> str:
    return header + "".join(f"Sentence {n} here{separator}Satz {n} hier\n" for n in range(lines))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_in_every_common_form_are_read(separator: str, encoding: str, end: str) -> None:
    text = table(separator=separator).replace("here", "hère 猫").replace("\n", end)
    found = data.pairs_from_table("pairs.txt", text.encode(encoding), "de")
    assert found.report.counts == {"de": (24, 6)} and found.language == "de"
    assert Pair("Sentence 3 hère 猫", "Satz 3 hier", "de") in found.train + found.held_out
    assert not {p.source for p in found.train} & {p.source for p in found.held_out}


def test_quoted_fields_keep_their_separators_and_quotation_marks() -> None:
    odd = '"Salt, pepper, and ""sugar""","Salz, Pfeffer und\n„Zucker“"\n'
    found = data.pairs_from_table("pairs.csv", (odd + table()).encode(), "de")
    assert Pair('Salt, pepper, and "sugar"', "Salz, Pfeffer und „Zucker“", "de") in found.train + found.held_out
    tabs = 'He said "hello" to\t"Hallo", sagte er\n"Only, quoted"\t"So ""ist"" es"\n"Never closed\tNie zu\n'
    found = data.pairs_from_table("pairs.tsv", (tabs + table(separator="\t")).encode(), "de")
    every = {(pair.source, pair.target) for pair in found.train + found.held_out}
    assert ('He said "hello" to', '"Hallo", sagte er') in every and ("Only, quoted", 'So "ist" es') in every
    assert ('"Never closed', "Nie zu") in every


@pytest.mark.parametrize("header", ["source,target\n", "en,de\n", "English,Deutsch\n", "原文,译文\n"])
def test_a_header_is_recognised(header: str) -> None:
    found = data.pairs_from_table("pairs.csv", table(header=header).encode(), "de")
    assert sum(found.report.counts["de"]) == 30
    assert all(pair.source.startswith("Sentence") for pair in found.train)


def test_a_header_chooses_the_columns_and_a_wrong_language_is_told() -> None:
    text = "de,fr,en\n" + "".join(f"Satz {n},Phrase {n},Sentence {n}\n" for n in range(20))
    found = data.pairs_from_table("pairs.csv", text.encode(), "fr")
    assert {(p.source.split()[0], p.target.split()[0]) for p in found.train} == {("Sentence", "Phrase")}
    assert [error.code for error in found.report.warnings][-1] == "data.warn_columns"
    error = refused("data.table_language", data.pairs_from_table, "pairs.csv", text.encode(), "zh")
    assert error.values == {"header": "de", "language": "zh"}


def test_lines_that_cannot_be_used_are_named_by_their_number() -> None:
    lines = table().splitlines()
    lines[2:2] = ["", "only one side", "empty target,", ",empty source", f"{'x' * 401},long", lines[0]]
    report = data.pairs_from_table("pairs.csv", "\n".join(lines).encode(), "de").report
    assert [(line, error.code) for line, error in report.unreadable] == [
        ("4", "data.line_columns"), ("5", "data.line_empty"), ("6", "data.line_empty"), ("7", "data.line_long"),
    ]  # fmt: skip
    assert report.duplicates == ("8",) and report.counts == {"de": (24, 6)}


def test_two_translations_of_a_sentence_stay_in_one_part() -> None:
    lines = [f"Sentence {n},Satz {n} {way}" for n in range(20) for way in "ab"]
    found = data.pairs_from_table("pairs.csv", "\n".join(lines).encode(), "de")
    assert found.report.counts == {"de": (32, 8)} and not found.report.duplicates
    assert not {p.source for p in found.train} & {p.source for p in found.held_out}


def test_tables_that_cannot_be_used_are_refused() -> None:
    def code(expected: str, content: bytes, language: str = "de") -> None:
        refused(expected, data.pairs_from_table, "pairs.csv", content, language)

    code("data.table_empty", b"")
    code("data.table_empty", b"\n \n,\n")
    code("data.table_encoding", "Sätze,Phrasen\n".encode("latin-1"))
    code("data.table_encoding", b"a,b\0\n")
    code("data.table_encoding", b"\xff\xfea")
    code("data.table_spreadsheet", packed({"xl/workbook.xml": b"x"}))
    code("data.table_columns", b"one column\n" * 20)
    code("data.few_pairs", table(9).encode())
    code("data.table_quote", ('"never closed,x\n' + table(30)).encode())
    code("data.table_long", table(tables.LINES + 2).encode())
    code("data.table_large", b"a,b\n" * (tables.SIZE // 4 + 1))
    code("data.language", table().encode(), "xx")


def test_a_table_may_have_no_language_and_says_what_may_disappoint() -> None:
    text = "".join(f"Sentence {n},Sentence {n}\n" for n in range(20))
    found = data.pairs_from_table("pairs.csv", text.encode(), "")
    assert found.language == "" and found.report.counts == {"": (16, 4)}
    codes = [error.code for error in found.report.warnings]
    assert codes == ["data.warn_few_pairs", "data.warn_validation", "data.warn_same"]


def test_a_table_from_the_disk_may_be_packed(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text(table(separator="\t"))
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress(table(separator="\t").encode()))
    plain, unpacked = (data.pairs_from_path(tmp_path / name, "de") for name in ("pairs.tsv", "pairs.tsv.gz"))
    assert plain.train == unpacked.train and plain.digest == unpacked.digest
    (tmp_path / "bad.tsv.gz").write_bytes(b"\x1f\x8bnothing")
    refused("data.not_archive", data.pairs_from_path, tmp_path / "bad.tsv.gz", "de")
    refused("data.path_missing", data.pairs_from_path, tmp_path / "none.tsv", "de")


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=400) | st.text(st.sampled_from("ab \"',;\t\r\n\ufeff\u2028\x0b猫"), max_size=400).map(str.encode)
)
def test_any_bytes_as_a_table_are_a_result_or_a_sentence(content: bytes) -> None:
    try:
        found = data.pairs_from_table("x.csv", content, "de")
    except SidelightError as error:
        assert error.sentence()
    else:
        assert len({p.source.casefold() for p in found.train + found.held_out}) >= 10


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=5, max_size=40), st.sampled_from("\t,;"), st.integers(0, 3))
def test_any_lines_give_clean_parts_or_a_sentence(rows: list[tuple[str, str]], separator: str, seed: int) -> None:
    text = "\n".join(separator.join(row) for row in rows)
    try:
        found = data.pairs_from_table("x.csv", text.encode(), "de", seed)
    except SidelightError as error:
        assert error.sentence()
        return
    assert not {p.source.casefold() for p in found.train} & {p.source.casefold() for p in found.held_out}
    assert len(set(found.train + found.held_out)) == len(found.train) + len(found.held_out)


# The run's own copy


def test_pictures_come_back_from_the_run_folder_as_they_were(tmp_path: Path) -> None:
    bad = {"red/cut.png": b"x", "red/again.png": picture(103), "blue/wrong.png": picture(104)}
    saved = data.pictures_from_zip(packed(plain_files() | bad))
    data.save(saved, tmp_path)
    found = data.load(tmp_path)
    assert isinstance(found, data.PictureData) and found.digest == saved.digest
    for part in ("train", "held_out"):
        one, other = getattr(found, part), getattr(saved, part)
        assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
        assert one.classes == other.classes and one.digest == other.digest == saved.digest
    assert reported(found.report) == reported(saved.report) and found.report.unreadable and found.report.conflicts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), st.sampled_from(["de", "zh", ""]))
def test_pairs_come_back_from_the_run_folder_as_they_were(tmp_path_factory, rows, language: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    lines = "".join(f"{' '.join(a.split())}{n} a\t{' '.join(b.split())} b\n" for n, (a, b) in enumerate(rows))
    saved = data.pairs_from_table("x.tsv", (lines + table(separator="\t")).encode(), language)
    data.save(saved, folder)
    found = data.load(folder)
    assert isinstance(found, data.PairData) and (found.train, found.held_out) == (saved.train, saved.held_out)
    assert found.digest == saved.digest and reported(found.report) == reported(saved.report)


def test_pairs_into_english_come_back_too(tmp_path: Path) -> None:
    there = data.bundled_pairs("recipes", "de", 20)
    train, held_out = (tuple(pair.reversed for pair in part) for part in (there.train, there.held_out))
    data.save(data.PairData(train, held_out, there.report, pair_digest(train, held_out)), tmp_path)
    found = data.load(tmp_path)
    assert isinstance(found, data.PairData) and found.train == train and found.train[0].origin == "de"


def test_saved_data_that_was_changed_or_is_incomplete_is_not_loaded(tmp_path: Path) -> None:
    for name, made, file in (
        ("pictures", data.pictures_from_zip(packed(plain_files())), "pictures.safetensors"),
        ("pairs", data.pairs_from_table("x.csv", table().encode(), "de"), "pairs.tsv"),
    ):
        folder = tmp_path / name
        refused("data.saved_damaged", data.load, folder)
        data.save(made, folder)
        content = (folder / file).read_bytes()
        for changed in (content[:-3] + b"99\n", content[: len(content) // 2], b""):
            (folder / file).write_bytes(changed)
            refused("data.saved_damaged", data.load, folder)
        (folder / file).write_bytes(content)
        assert data.load(folder).digest == made.digest
        head = json.loads((folder / "data.json").read_text())
        (folder / "data.json").write_text(json.dumps(head | {"report": {}}))
        refused("data.saved_damaged", data.load, folder)


# The bundled sets


def test_bundled_pictures_are_chosen_by_class_and_number() -> None:
    assert len(data.bundled_classes()) == 10
    small, large = (data.bundled_pictures(("ship", "cat", "frog"), each) for each in (20, data.EACH_LIMIT))
    assert small.train.classes == ("cat", "frog", "ship") and small.report.counts["frog"] == (20, 50)
    assert len(small.train) == 60 and len(small.held_out) == 150
    assert torch.equal(small.held_out.images, large.held_out.images), "what is measured does not depend on the number"
    assert contents(small.train) <= contents(large.train)
    assert not contents(large.train) & contents(large.held_out)
    assert small.digest != large.digest == data.bundled_pictures(("frog", "ship", "cat"), data.EACH_LIMIT).digest
    assert contents(data.bundled_pictures(("ship", "cat"), 20).train) <= contents(small.train)
    other = data.bundled_pictures(("ship", "cat", "frog"), 20, seed=1)
    assert contents(other.held_out) != contents(small.held_out)


def test_bundled_choices_that_there_are_not_are_refused() -> None:
    refused("data.few_classes", data.bundled_pictures, ("cat",), 20)
    refused("data.unknown_class", data.bundled_pictures, ("cat", "unicorn"), 20)
    refused("data.each_limit", data.bundled_pictures, ("cat", "dog"), data.EACH_LIMIT + 1)
    refused("data.unknown_collection", data.bundled_pairs, "poems", "de", 50)
    refused("data.language", data.bundled_pairs, "captions", "zh", 50)
    refused("data.count_limit", data.bundled_pairs, "recipes", "de", data.COLLECTIONS["recipes"].most + 1)


@pytest.mark.parametrize(
    ("collection", "language"), [(name, code) for name, offer in data.COLLECTIONS.items() for code in offer.languages]
)
def test_bundled_pairs_offer_what_they_say(collection: str, language: str) -> None:
    offer = data.COLLECTIONS[collection]
    small, large = (data.bundled_pairs(collection, language, count) for count in (50, offer.most))
    assert (len(large.train), len(large.held_out)) == (offer.most, offer.held_out)
    assert small.held_out == large.held_out and small.train == large.train[:50]
    assert not {p.source for p in large.train} & {p.source for p in large.held_out}
    assert all(pair.source and pair.target and pair.language == language for pair in large.train + large.held_out)


def test_every_recipe_line_has_five_different_sides_of_everyday_length() -> None:
    lines = (Path(data.__file__).parents[2] / "assets/data/recipes.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    assert rows[0] == ["en", "de", "fr", "cs", "zh"] and len(rows) == 301
    assert all(len(row) == 5 and all(cell == cell.strip() != "" for cell in row) for row in rows)
    for column in zip(*rows, strict=True):
        assert len(set(column)) == len(column)
    assert all(5 <= len(row[0].split()) <= 14 for row in rows[1:])
    assert all(row[4].endswith("。") and all(cell.endswith(".") for cell in row[:4]) for row in rows[1:])
