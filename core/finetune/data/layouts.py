"""Where a picture's class is written: how people lay out folders, told by the paths alone.

A folder a class, at the level where folders differ by more than a number; `train` and `val` folders around or inside
them; masks beside pictures. `listings.py` reads classes from a table beside the pictures.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.errors import SidelightError
from core.finetune.data.dataset import clean

Path = tuple[str, ...]  # folders and file
Part = Literal["train", "held_out", "test"]

WORDS: dict[Part, str] = {
    "train": "train training trn trainset train_set 训练 训练集",
    "held_out": "val valid validation dev 验证 验证集",
    "test": "test testing testset test_set eval holdout 测试 测试集",
}
PARTS: dict[str, Part] = {word: part for part, words in WORDS.items() for word in words.split()}
IMAGES = {"images", "image", "imgs", "img", "photos", "pictures", "jpegimages", "图片", "图像"}
MASKS = {
    *("masks", "mask", "seg", "segmentation", "segmentations", "segmentationclass", "segmentationobject"),
    *("annotations", "annotation", "labels", "gt", "groundtruth", "ground_truth", "掩码"),
}
MASK = re.compile(r"(.+?)[ _.-](mask|masks|seg|segmentation|gt|groundtruth|label|labels)(?:[ _-]?\d+)?", re.IGNORECASE)
GENERIC = re.compile(  # folders that are numbered or lettered, or named as any set of pictures has them
    r"(batch|part|set|fold|session|day|cam|camera|site|patient|subject|user|run|images?|img|dir|folder|group)?"
    r"[ _-]?(\d*|[a-z])",
    re.IGNORECASE,
)
EACH = 3  # pictures of a class, at least, on average


@dataclass(frozen=True)
class Layout:
    """labels: path -> class as it is written, of the pictures that are used. parts: path -> the person's own part;
    empty where the split is to be drawn. left_out: path -> why. choices: what else could be the classes, in words.
    chosen: the number of what is. aside: pictures of a test part. used: files beside the pictures that were read for
    it."""

    labels: dict[Path, str]
    parts: dict[Path, Part] = field(default_factory=dict)
    left_out: dict[Path, SidelightError] = field(default_factory=dict)
    understood: tuple[SidelightError, ...] = ()
    choices: tuple[str, ...] = ()
    chosen: int = 0
    aside: frozenset[Path] = frozenset()
    used: frozenset[Path] = frozenset()


def by_folders(paths: Sequence[Path], level: int | None = None) -> Layout:
    """level: a number of `choices`, where a person chose it. A picture that lies in no class folder has no label."""
    masks = find_masks(paths)
    parts, folders = split_of([path for path in paths if path not in masks])
    levels = levels_of(folders)
    chosen = level if level is not None and level < len(levels) else _meaningful(levels)
    every = levels[chosen] if levels else {}
    labels, parts, split = keep_split(every, parts)
    aside = frozenset(every) - frozenset(labels)
    names = tuple(named(one.values()) for one in levels)
    said = [SidelightError("data.read_folders", names=names[chosen])] if names else []
    if masks:
        said.append(SidelightError("data.read_masks", count=len(masks), name="/".join(min(masks))))
    left_out = {path: SidelightError("data.is_mask", name=own) for path, own in masks.items()}
    return Layout(labels, parts, left_out, (*said, *split), names if len(names) > 1 else (), chosen, aside)


def find_masks(paths: Sequence[Path]) -> dict[Path, str]:
    """Mask -> the picture that it belongs to: the one of its name without "_mask", or of its name in the folder that a
    folder of masks stands in or beside. "mask" and "no_mask" side by side are classes."""
    pictures = {_key(path[:-1], _stem(path)): path[-1] for path in paths}
    found: dict[Path, str] = {}
    by_folder: dict[Path, dict[Path, str | None]] = {}
    for path in paths:
        match = MASK.fullmatch(_stem(path))
        if match and (own := pictures.get(_key(path[:-1], match[1]))):
            found[path] = own
        elif depth := next((i for i, folder in enumerate(path[:-1], start=1) if folder.lower() in MASKS), None):
            stems = (_stem(path), match[1] if match else _stem(path))
            before = [path[: depth - 1], *((*path[: depth - 1], name) for name in IMAGES)]
            places = [_key((*start, *path[depth:-1]), stem) for start in before for stem in stems]
            own = next((pictures[place] for place in places if place in pictures), None)
            by_folder.setdefault(path[:depth], {})[path] = own
    for inside in by_folder.values():
        owned = {path: own for path, own in inside.items() if own}
        if 2 * len(owned) > len(inside):
            found |= owned
    return found


def _key(folders: Path, stem: str) -> Path:
    return (*(folder.lower() for folder in folders), stem)


def _stem(path: Path) -> str:
    return path[-1].rpartition(".")[0] or path[-1]


def split_of(paths: Sequence[Path]) -> tuple[dict[Path, Part], dict[Path, Path]]:
    """(path -> part where the person has split them, path -> its folders without those of the split). It is a split
    where every picture in a folder lies in one of its parts, one of which is to train on."""
    inside = {path for path in paths if len(path) > 1}
    parts: dict[Path, Part] = {}
    for path in inside:
        parts.update((path, part) for folder in reversed(path[:-1]) if (part := part_of(folder)))  # the outermost wins
    if len(parts) < len(inside) or not {"train"} < set(parts.values()):
        return {}, {path: path[:-1] for path in inside}
    return parts, {path: tuple(folder for folder in path[:-1] if not part_of(folder)) for path in inside}


def part_of(name: str) -> Part | None:
    return PARTS.get(name.strip().lower())


def keep_split(
    labels: Mapping[Path, str], parts: Mapping[Path, Part]
) -> tuple[dict[Path, str], dict[Path, Part], tuple[SidelightError, ...]]:
    """(labels of what is used, its parts, what is said of them). A test part validates where nothing else does, else it
    stays out, so that it remains a test. No split where one part has no classes, as the test pictures of a contest."""
    found = {path: part for path, part in parts.items() if path in labels}
    present = set(found.values())
    if "train" not in present or len(present) == 1:
        return dict(labels), {}, ()
    tests = {path for path, part in found.items() if part == "test"}
    if "held_out" not in present:
        kept: dict[Path, Part] = {path: "held_out" if path in tests else part for path, part in found.items()}
        return dict(labels), kept, (SidelightError("data.read_split"),)
    used = {path: label for path, label in labels.items() if path not in tests}
    aside = (SidelightError("data.read_test", count=len(tests)),) if tests else ()
    kept = {path: part for path, part in found.items() if path in used}
    return used, kept, (SidelightError("data.read_split"), *aside)


def levels_of(folders: Mapping[Path, Path]) -> list[dict[Path, str]]:
    """The classes that each level of folders would give, from where they begin to differ: path -> folder. A picture
    that lies less deep has its innermost folder. The innermost level alone where none differs."""
    within = {path: one for path, one in folders.items() if one}
    depth = max(map(len, within.values()), default=0)
    every = [{path: one[min(level, len(one) - 1)] for path, one in within.items()} for level in range(depth)]
    kept: list[dict[Path, str]] = []
    for one in every:
        if len(set(one.values())) > 1 and one not in kept:
            kept.append(one)
    return kept or every[-1:]


def _meaningful(levels: Sequence[Mapping[Path, str]]) -> int:
    """The first level whose folders are not all numbers or the like, and that has pictures enough for its classes."""
    for number, one in enumerate(levels):
        names = set(one.values())
        if not all(GENERIC.fullmatch(name) for name in names) and EACH * len(names) <= len(one):
            return number
    return 0


def named(labels: Iterable[str], most: int = 4) -> str:
    names = sorted({clean(label)[:30] for label in labels})
    return ", ".join(names[:most]) + (f" … ({len(names)})" if len(names) > most else "")


def merge(labels: Mapping[Path, str]) -> tuple[dict[Path, str], tuple[SidelightError, ...]]:
    """Classes that differ in capitals alone as one, in the spelling that most pictures have; and what is said of it."""
    groups: dict[str, Counter[str]] = {}
    for label in labels.values():
        groups.setdefault(label.casefold(), Counter())[label] += 1
    spelling = {key: max(sorted(counts), key=counts.__getitem__) for key, counts in groups.items()}
    said = [
        SidelightError("data.read_merged", names=", ".join(f"“{name}”" for name in sorted(counts)))
        for counts in groups.values()
        if len(counts) > 1
    ]
    return {path: spelling[label.casefold()] for path, label in labels.items()}, tuple(said)
