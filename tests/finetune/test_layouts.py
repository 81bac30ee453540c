"""Pictures as people lay them out: classes are found, an own split is kept, what is no picture of a class stays out."""

import pytest

from core.finetune import data
from core.finetune.data import PictureData, layouts
from tests.finetune.person import contents, packed, picture, refused

COLOURS = {"cat": 0, "dog": 2}


def shades(each: int, first: int = 100, colour: int = 0) -> dict[str, bytes]:
    return {f"{number:02}.png": picture(first + number, colour=colour) for number in range(each)}


def laid(pattern: str, each: int = 8, first: int = 100, classes: dict[str, int] = COLOURS) -> dict[str, bytes]:
    """`each` pictures of each class at "{c}/{f}" or the like."""
    return {
        pattern.format(c=name, f=file): content
        for name, colour in classes.items()
        for file, content in shades(each, first, colour).items()
    }


def read(files: dict[str, bytes], **options: int) -> PictureData:
    return data.pictures_from_zip(packed(files), **options)


def codes(found: PictureData) -> list[str]:
    return [error.code for error in found.report.understood]


@pytest.mark.parametrize("pattern", ["data/{p}/{c}/{f}", "{c}/{p}/{f}", "{p}/images/{c}/{f}"])
@pytest.mark.parametrize("held_out", ["val", "valid", "Validation", "test", "验证"])
def test_a_persons_own_split_is_kept_and_said(pattern: str, held_out: str) -> None:
    train = laid(pattern.replace("{p}", "train"), 16)
    other = laid(pattern.replace("{p}", held_out), 8, first=150)
    found = read(train | other)
    assert found.report.counts == {"cat": (16, 8), "dog": (16, 8)} and "data.read_split" in codes(found)
    assert found.train.classes == ("cat", "dog")
    held = {image[:, 0, 0].max().item() for image in found.held_out.images}
    assert held == {*range(150, 158)}, "the validation pictures are hers"


def test_a_test_part_beside_a_validation_part_stays_out() -> None:
    files = laid("train/{c}/{f}", 16) | laid("val/{c}/{f}", 8, 150) | laid("test/{c}/{f}", 5, 170)
    found = read(files)
    assert found.report.counts == {"cat": (16, 8), "dog": (16, 8)} and not found.report.unreadable
    (said,) = [error for error in found.report.understood if error.code == "data.read_test"]
    assert said.values == {"count": 10}


def test_a_test_part_without_classes_is_named_and_the_rest_is_split() -> None:
    found = read(laid("train/{c}/{f}", 10) | {f"test/{name}": content for name, content in shades(3, 150).items()})
    assert found.report.counts == {"cat": (8, 2), "dog": (8, 2)} and "data.read_split" not in codes(found)
    assert [error.code for _, error in found.report.unreadable] == ["data.no_class"] * 3


def test_a_class_that_lacks_a_part_is_told() -> None:
    files = laid("train/{c}/{f}", 16) | laid("val/{c}/{f}", 8, 150)
    del_dogs = {name: content for name, content in files.items() if not name.startswith("val/dog")}
    assert refused("data.split_few", read, del_dogs).values["name"] == "dog"


def test_a_train_among_vehicles_is_a_class() -> None:
    found = read(laid("{c}/{f}", classes={"train": 0, "bus": 1, "car": 2}))
    assert found.train.classes == ("bus", "car", "train") and "data.read_split" not in codes(found)


@pytest.mark.parametrize(
    ("pattern", "classes"),
    [("d/{c}/a/{f}", COLOURS), ("batch1/{c}/{f}", COLOURS), ("{c}/images/{f}", COLOURS), ("{c}/{f}", {"0": 0, "1": 1})],
)
def test_classes_are_where_folders_differ(pattern: str, classes: dict[str, int]) -> None:
    assert read(laid(pattern, classes=classes)).train.classes == tuple(classes)


def test_folders_that_are_only_numbered_are_no_classes() -> None:
    for batches in (("batch_1", "batch_2"), ("1", "2"), ("patient a", "patient b"), ("fold1", "fold2")):
        files = laid(batches[0] + "/{c}/{f}") | laid(batches[1] + "/{c}/{f}", 8, 150)
        assert read(files).train.classes == ("cat", "dog")


def test_inner_folders_of_the_same_name_are_no_classes_and_may_be_chosen() -> None:
    files = laid("d/{c}/tabby/{f}") | laid("d/{c}/spotted/{f}", 8, 150)
    found = read(files)
    assert found.train.classes == ("cat", "dog") and found.report.counts["cat"] == (13, 3)
    assert found.report.choices == ("cat, dog", "spotted, tabby") and found.report.chosen == (0,)
    other = read(files, level=1)
    assert other.train.classes == ("spotted", "tabby") and other.report.chosen == (1,)


MASKS = {
    "beside": ("scans/{c}/{f}", "scans/{c}/{m}_mask.png"),
    "numbered": ("{c}/{f}", "{c}/{m}_mask_1.png"),
    "seg": ("{c}/{f}", "{c}/{m}-seg.png"),
    "inside": ("{c}/{f}", "{c}/masks/{f}"),
    "parallel": ("images/{c}/{f}", "masks/{c}/{f}"),
    "suffixed": ("images/{c}/{f}", "masks/{c}/{m}_mask.png"),
    "split": ("train/images/{c}/{f}", "train/masks/{c}/{f}"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_are_left_out_and_named(kind: str) -> None:
    where, beside = MASKS[kind]
    masks = {
        beside.format(c=name, f=file, m=file[:-4]): picture(200 + int(file[:2]), colour=1)
        for name in COLOURS
        for file in shades(10)
    }
    found = read(laid(where, 10) | masks)
    assert found.report.counts == {"cat": (8, 2), "dog": (8, 2)}
    assert [name for name, _ in found.report.unreadable] == sorted(masks)
    assert {error.code for _, error in found.report.unreadable} == {"data.is_mask"}
    (said,) = [error for error in found.report.understood if error.code == "data.read_masks"]
    assert said.values == {"count": 20, "name": min(masks)}


@pytest.mark.parametrize("names", [("mask", "no_mask"), ("with_mask", "without_mask")])
def test_faces_with_and_without_masks_are_classes(names: tuple[str, str]) -> None:
    found = read(laid("{c}/{f}", classes=dict(zip(names, (0, 2), strict=True))))
    assert found.train.classes == names and not found.report.unreadable


def test_names_that_differ_in_capitals_are_one_class_and_said() -> None:
    found = read(laid("{c}/{f}") | laid("{c}/{f}", 3, 150, {"Cat": 0}))
    assert found.train.classes == ("cat", "dog") and sum(found.report.counts["cat"]) == 11
    (said,) = [error for error in found.report.understood if error.code == "data.read_merged"]
    assert said.values == {"names": "“Cat”, “cat”"}


def listed(files: dict[str, bytes], line: str, header: str = "") -> bytes:
    lines = (line.format(path=path, file=path.split("/")[-1], c=path.split("_")[0][-3:]) for path in files)
    return (header + "".join(lines)).encode()


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("{file},{c}\n", "file,label\n"),
        ("0.5,{path},{c}\n", "score,image_path,class\n"),
        ("{file};{c}\n", ""),
        ("C:\\my data\\{file}\t{c}\n", "file\tlabel\n"),
    ],
)
def test_a_table_of_file_and_label_gives_the_classes(line: str, header: str) -> None:
    files = laid("photos/{c}_{f}", 10)
    found = read(files | {"labels.csv": listed(files, line, header)})
    assert found.report.counts == {"cat": (8, 2), "dog": (8, 2)} and not found.report.unreadable
    assert codes(found) == ["data.read_table"] and found.report.understood[0].values["file"] == "labels.csv"


def test_a_table_may_give_the_parts_too() -> None:
    train, held_out = laid("p/{c}_1{f}", 10), laid("p/{c}_2{f}", 4, 150)
    one = b"file,label,split\n" + listed(train, "{file},{c},train\n") + listed(held_out, "{file},{c},val\n")
    two = {"train.csv": listed(train, "{file},{c}\n"), "val.csv": listed(held_out, "{file},{c}\n")}
    for tables in ({"all.csv": one}, two):
        found = read(train | held_out | tables)
        assert found.report.counts == {"cat": (10, 4), "dog": (10, 4)} and "data.read_split" in codes(found)


def test_boxes_are_no_classes_and_it_is_said_whose_they_are() -> None:
    files = laid("train/images/{c}_{f}", 6) | laid("valid/images/{c}_{f}", 4, 150)
    names = [name.rpartition(".")[0] for name in files]
    yolo = {name.replace("images", "labels") + ".txt": b"0 0.5 0.5 0.25 0.25\n1 .1 .2 .3 .4\n" for name in names}
    assert refused("data.boxes", read, files | yolo | {"data.yaml": b"names: [a]"}).values == {"kind": "YOLO"}
    voc = {name + ".xml": b"<annotation><object/></annotation>" for name in names}
    assert refused("data.boxes", read, files | voc).values == {"kind": "Pascal VOC"}
    coco = {"instances.json": b'{"images": [], "annotations": [], "categories": []}'}
    flat = laid("images/{c}_{f}", 6)
    assert refused("data.boxes", read, flat | coco).values == {"kind": "COCO"}
    assert read(laid("{c}/{f}") | coco).train.classes == ("cat", "dog"), "class folders are what a person meant"


def test_names_that_a_person_typed_are_classes_whatever_they_say() -> None:
    given = {
        name: [(file, content) for file, content in shades(8, colour=colour).items()]
        for name, colour in (("train", 0), ("masks", 1), ("12", 2))
    }
    found = data.pictures_from_files(given)
    assert found.train.classes == ("12", "masks", "train") and not contents(found.train) & contents(found.held_out)


def test_merging_keeps_the_spelling_of_most() -> None:
    labels, said = layouts.merge({("a",): "Cat", ("b",): "cat", ("c",): "cat", ("d",): "Dog"})
    assert set(labels.values()) == {"cat", "Dog"} and len(said) == 1
