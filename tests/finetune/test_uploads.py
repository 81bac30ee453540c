"""A person's pictures: what is wrong with them is found and named, whatever the bytes, and the parts share nothing."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import SidelightError
from core.finetune import data
from core.finetune.data import opened
from tests.finetune.person import contents, packed, picture, plain_files, refused


def test_a_zip_gives_both_parts_and_they_share_no_picture() -> None:
    found = data.pictures_from_zip(packed(plain_files()))
    assert found.train.classes == found.held_out.classes == ("blue", "red")
    assert found.report.counts == {"blue": (8, 2), "red": (8, 2)}
    assert len(found.train) == 16 and len(found.held_out) == 4
    assert found.train.images.shape[1:] == (3, 20, 20) and found.train.images.dtype == torch.uint8
    assert not contents(found.train) & contents(found.held_out)
    red, blue = (found.train.images[found.train.labels == label].float().mean((0, 2, 3)) for label in (1, 0))
    assert red[0] > 90 > red[2] and blue[2] > 90 > blue[0]


def test_large_pictures_are_kept_as_their_middle_square_of_224_px() -> None:
    wide = Image.new("RGB", (900, 300), "red")
    wide.paste("lime", (300, 0, 600, 300))
    stream = io.BytesIO()
    wide.save(stream, "PNG")
    files = plain_files() | {"red/wide.png": stream.getvalue()}
    found = data.pictures_from_zip(packed(files))
    assert found.train.images.shape[1:] == (3, 224, 224)
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
    bad = {
        "red/empty.png": b"",
        "red/notes.txt": b"hello",
        "red/cut.png": picture(9, 200)[:-60],
        "red/game.dds": picture(9, kind="DDS"),  # Pillow could, but it is not offered
        "stray.png": picture(1),
        "docs/a.txt": b"x",
    }
    report = data.pictures_from_zip(packed(plain_files() | bad)).report
    assert [(name, error.code) for name, error in report.unreadable] == [
        ("docs/a.txt", "image.unreadable"),
        ("red/cut.png", "image.truncated"),
        ("red/empty.png", "image.empty"),
        ("red/game.dds", "image.unreadable"),
        ("red/notes.txt", "image.unreadable"),
        ("stray.png", "data.no_class"),
    ]
    assert "data.warn_no_pictures" in [error.code for error in report.warnings]
    assert set(report.counts) == {"red", "blue"}


def test_many_pixels_in_small_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "PIXELS", 20 * 30 * 20 - 1)
    refused("data.too_many_pixels", data.pictures_from_zip, packed(plain_files()))


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


@settings(max_examples=150)
@given(st.binary(max_size=2000))
def test_any_bytes_as_a_zip_are_a_result_or_a_sentence(content: bytes) -> None:
    try:
        data.pictures_from_zip(content)
    except SidelightError as error:
        assert error.sentence()


GOOD = packed(plain_files(4) | {"red/cut.png": picture(9)[:-40], "blue/p.gif": picture(3, kind="GIF")})


@settings(max_examples=300)
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


@settings(max_examples=100)
@given(
    st.dictionaries(NAMES, st.lists(st.tuples(NAMES, st.integers(0, 12)), min_size=1, max_size=12), max_size=4),
    st.integers(0, 5),
    st.floats(0.01, 0.99),
)
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
