"""A person's pictures with captions: how people pack them is understood, what cannot be used is named, parts share no
picture."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SidelightError
from core.finetune import data
from core.finetune.data import grouping
from core.finetune.data.report import report_to_json
from core.finetune.data.told_scenes import from_left
from core.scenes import LANGUAGES, Ground, Layout, Thing, meaning
from core.scenes.judge import names_of
from tests.finetune.person import packed, picture, refused


def names(count: int = 12) -> list[str]:
    return [f"photos/{n}.png" for n in range(count)]


def files(count: int = 12) -> dict[str, bytes]:
    return {name: picture(40 + 15 * n) for n, name in enumerate(names(count))}


def csv(count: int = 12, header: str = "file_name,text\n") -> bytes:
    return (header + "".join(f"{n}.png,A plain red number {n}.\n" for n in range(count))).encode()


def said(found: data.CaptionData) -> dict[str, tuple[str, ...]]:
    """The captions by the shade of their picture."""
    every = found.train.joined(found.held_out)
    return {int(image[0].max()): texts for image, texts in zip(every.images, every.captions, strict=True)}


def as_coco() -> bytes:
    images = [{"id": 7 * n, "file_name": f"{n}.png"} for n in range(12)]
    told = [{"image_id": 7 * n, "caption": f"A plain red number {n}."} for n in range(12)]
    return json.dumps({"info": {}, "images": images, "annotations": told}).encode()


WAYS = {
    "csv": {"captions.csv": csv()},
    "without a header": {"captions.csv": csv(header="")},
    "with other columns": {
        "t.csv": b"id,image,split,caption\n"
        + b"".join(b"%d,%d.png,,A plain red number %d.\n" % (n, n, n) for n in range(12))
    },
    "tsv": {"a.tsv": csv().replace(b",", b"\t")},
    "jsonl": {
        "metadata.jsonl": "\n".join(
            json.dumps({"file_name": f"photos/{n}.png", "text": f"A plain red number {n}."}) for n in range(12)
        ).encode()
    },
    "coco": {"annotations.json": as_coco()},
    "flickr": {"token.txt": b"".join(b"%d.png#0\tA plain red number %d.\n" % (n, n) for n in range(12))},
    "beside": {f"photos/{n}.txt": f"A plain red number {n}.\n".encode() for n in range(12)},
}


@pytest.mark.parametrize("way", WAYS)
def test_how_people_pack_captions_is_understood(way: str) -> None:
    found = data.captions_from_zip(packed(files() | WAYS[way]), "en")
    assert said(found) == {40 + 15 * n: (f"A plain red number {n}.",) for n in range(12)}
    assert found.report.counts == {"en": (10, 2)} and not found.report.unreadable
    assert found.report.understood[0].code == ("data.read_captions_beside" if way == "beside" else "data.read_captions")
    assert not set(said(found)) - {40 + 15 * n for n in range(12)}


def test_what_cannot_be_used_is_named_and_the_rest_is_used() -> None:
    lines = csv() + b"99.png,Not there.\n3.png,\n4.png," + b"x" * 401 + b"\n"
    extra = {"photos/12.png": picture(250, colour=2), "photos/13.png": b"no picture", "notes.txt": b"hello"}
    found = data.captions_from_zip(packed(files() | extra | {"captions.csv": lines}), "en")
    codes = {name: error.code for name, error in found.report.unreadable}
    assert codes["photos/12.png"] == "data.no_caption" and "photos/13.png" in codes and "notes.txt" in codes
    assert codes["captions.csv:14"] == "data.no_such_picture" and codes["captions.csv:15"] == "data.caption_empty"
    assert codes["captions.csv:16"] == "data.caption_long" and len(found.train) + len(found.held_out) == 12


def test_a_picture_may_have_several_captions_and_its_copies_are_one_picture() -> None:
    more = csv() + b"5.png,Another one.\ncopy.png,A third.\n5.png,Another one.\n"
    found = data.captions_from_zip(packed(files() | {"photos/copy.png": picture(40 + 75), "c.csv": more}), "en")
    assert said(found)[115] == ("A plain red number 5.", "Another one.", "A third.")
    assert found.report.duplicates == ("photos/copy.png",) and len(found.train) + len(found.held_out) == 12


def test_a_persons_own_split_is_kept() -> None:
    table = b"file_name,caption,split\n" + b"".join(
        b"%d.png,Number %d.,%s\n" % (n, n, b"test" if n > 8 else b"train") for n in range(12)
    )
    found = data.captions_from_zip(packed(files() | {"c.csv": table}), "en")
    assert sorted(texts[0] for texts in found.held_out.captions) == ["Number 10.", "Number 11.", "Number 9."]
    assert not grouping.is_offered(found)
    folders = {
        name.replace("photos", "train" if n < 9 else "val"): one for n, (name, one) in enumerate(files().items())
    }
    assert len(data.captions_from_zip(packed(folders | {"c.csv": csv()}), "en").held_out) == 3


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("data.no_pictures", {"c.csv": csv()}),
        ("data.nothing_readable", {"photos/1.png": b"x", "c.csv": csv()}),
        ("data.no_captions", files()),
        ("data.no_captions", files() | {"photos/1.txt": b"Only one."}),
        (
            "data.caption_column",
            files() | {"c.csv": b"file,id\n" + b"".join(b"%d.png,%d\n" % (n, n) for n in range(12))},
        ),
        ("data.few_captions", files(9) | {"c.csv": csv(9)}),
        ("data.json_damaged", files() | {"a.json": as_coco()[:-4]}),
        ("data.table_encoding", files() | {"c.csv": csv().decode().encode("utf-16")[2:]}),
    ],
)
def test_what_is_no_set_of_captions_is_refused_in_a_sentence(code: str, given: dict[str, bytes]) -> None:
    refused(code, data.captions_from_zip, packed(given), "en")


def test_a_language_that_no_captioner_is_told_is_refused() -> None:
    refused("data.language", data.captions_from_zip, packed(files() | {"c.csv": csv()}), "xx")
    refused("data.language", data.bundled_scenes, "cs", 20)
    refused("data.scenes_limit", data.bundled_scenes, "en", 19)


@given(st.binary(max_size=300))
@settings(max_examples=15, deadline=None)
def test_no_table_brings_it_down(content: bytes) -> None:
    try:
        found = data.captions_from_zip(packed(files() | {"c.csv": content}), "en")
    except SidelightError as error:
        assert error.sentence("zh") != error.sentence("en")
    else:
        assert all(texts for part in (found.train, found.held_out) for texts in part.captions)


def test_it_is_kept_as_it_was(tmp_path) -> None:
    found = data.captions_from_zip(packed(files() | {"c.csv": csv()}), "en", seed=2)
    data.save(found, tmp_path)
    again = data.load(tmp_path)
    assert isinstance(again, data.CaptionData) and again.digest == found.digest and again.language == "en"
    assert again.held_out.captions == found.held_out.captions and report_to_json(again.report) == report_to_json(
        found.report
    )
    mended = again.mended({1: "Right."})
    assert mended.held_out.captions[1] == ("Right.",) and mended.digest != again.digest
    assert torch.equal(
        again.divided(range(9), range(9, 12)).held_out.images, found.train.joined(found.held_out).images[9:]
    )
    head = json.loads((tmp_path / "data.json").read_text())
    head["captions"]["train"][0] = ["Changed."]
    (tmp_path / "data.json").write_text(json.dumps(head))
    refused("data.saved_damaged", data.load, tmp_path)


def test_the_bundled_scenes_are_told_from_left_to_right_and_share_no_picture_and_no_ground() -> None:
    found = data.bundled_scenes("en", 20)
    assert len(found.train) == 20 and len(found.held_out) == 60 and found.train.images.shape[1:] == (3, 224, 224)
    for language in LANGUAGES:
        for (text,) in data.bundled_scenes(language, 20).train.captions:
            assert 2 <= names_of(meaning(text, language)).total() <= 3, text
    assert data.bundled_scenes("en", 40).held_out.captions == found.held_out.captions
    assert data.bundled_scenes("en", 20, seed=1).digest != found.digest
    right, left = Thing("dog", 0, 140, 10, 60), Thing("ship", 0, 20, 10, 60)
    assert from_left(Layout((right, left), Ground("clouds", 0)), "en") == "A ship and a dog."
    assert from_left(Layout((right, left), Ground("clouds", 0)), "de") == "Ein Schiff und ein Hund."
