"""What to train on: a bundled set or a person's own files, checked and shown before anything starts."""

import hashlib
from dataclasses import dataclass

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.errors import SidelightError
from core.finetune import data as sets
from core.finetune.data import PairData, PictureData, Report
from core.finetune.methods import Task
from core.finetune.parallel import TAGS
from core.ui.inputs import FILE_TYPES, target_name
from core.ui.language import class_name, language, say, show_error

KEPT = 8  # checked sets, over all sessions
PREVIEW = 6  # items that are shown
LISTED = 100  # of what was left out
TABLE_TYPES = ["csv", "tsv", "tab", "txt", "jsonl", "json", "tmx", "gz", "zip", "en", *TAGS]
MOST_FOLDERS = 12  # classes that can be uploaded one by one


@dataclass(frozen=True)
class Chosen:
    """title: what a person would call it."""

    data: PictureData | PairData
    title: str


def choose(task: Task, targets: tuple[str, ...], seed: int) -> Chosen | None:
    """Draw the choice and the report; None where there is nothing to train on yet (said on the page)."""
    place = st.segmented_control(
        say("finetune.data"), ["bundled", "own"], format_func=lambda name: say(f"finetune.data_{name}"),
        default="bundled", key=f"data_{task}", required=True,
    )  # fmt: skip
    draw = {
        ("vision", "bundled"): _bundled_pictures, ("vision", "own"): _own_pictures,
        ("translation", "bundled"): _bundled_pairs, ("translation", "own"): _own_pairs,
    }[task, place]  # fmt: skip
    try:
        chosen = draw(targets, seed)
    except SidelightError as error:
        show_error(error)
        return None
    if chosen:
        report(chosen.data)
    return chosen


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _bundled(classes: tuple[str, ...], each: int, seed: int) -> PictureData:
    return sets.bundled_pictures(classes, each, seed)


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _from_zip(digest: str, seed: int, level: int | None, _data: bytes) -> PictureData:
    return sets.pictures_from_zip(_data, seed, level=level)


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _from_files(digest: str, seed: int, _files: dict[str, list[tuple[str, bytes]]]) -> PictureData:
    return sets.pictures_from_files(_files, seed)


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _from_tables(
    digest: str, code: str, seed: int, columns: tuple[int, int] | None, _files: list[tuple[str, bytes]]
) -> PairData:
    return sets.pairs_from_files(_files, code, seed, columns=columns)


def _digest(*parts: bytes) -> str:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


def _bundled_pictures(targets: tuple[str, ...], seed: int) -> Chosen | None:
    classes = st.pills(
        say("finetune.classes"), sets.bundled_classes(), format_func=class_name, selection_mode="multi",
        default=("dog", "ship", "truck"), key="data_classes", help=say("finetune.classes_help"), wrap=True,
    )  # fmt: skip
    each = st.slider(say("finetune.each"), 10, sets.EACH_LIMIT, 60, 10, key="data_each")
    if len(classes) < 2:
        st.info(say("finetune.two_classes"))
        return None
    return Chosen(_bundled(tuple(sorted(classes)), each, seed), ", ".join(class_name(name) for name in classes))


def _own_pictures(targets: tuple[str, ...], seed: int) -> Chosen | None:
    way = st.radio(
        say("finetune.own_way"), ["zip", "files"], format_func=lambda name: say(f"finetune.own_{name}"),
        horizontal=True, key="data_way", label_visibility="collapsed",
    )  # fmt: skip
    return _zip(seed) if way == "zip" else _folders(seed)


def _zip(seed: int) -> Chosen | None:
    file = st.file_uploader(say("finetune.zip"), ["zip"], key="data_zip", help=say("finetune.zip_help"))
    if file is None:
        return None
    content = file.getvalue()
    digest = _digest(content)
    with st.spinner(say("finetune.checking"), show_time=True):
        found = _from_zip(digest, seed, None, content)
    if found.report.choices:
        level = _choice("finetune.level", found.report.choices, found.report.chosen[0], f"data_level_{digest}")
        found = _from_zip(digest, seed, level, content)
    return Chosen(found, file.name.removesuffix(".zip"))


def _choice(label: str, names: tuple[str, ...], default: int, key: str, place: DeltaGenerator | None = None) -> int:
    """One of these by its number; the name is a person's own."""
    numbers = range(len(names))
    return (place or st).selectbox(say(label), numbers, default, format_func=names.__getitem__, key=key)


def _folders(seed: int) -> Chosen | None:
    count = int(st.number_input(say("finetune.folders"), 2, MOST_FOLDERS, 2, key="data_folders"))
    files: dict[str, list[tuple[str, bytes]]] = {}
    for number in range(count):
        left, right = st.columns([1, 2])
        name = left.text_input(say("finetune.folder_name", number=number + 1), key=f"data_name_{number}", max_chars=60)
        given = right.file_uploader(
            say("finetune.folder_files"), FILE_TYPES, accept_multiple_files=True, key=f"data_files_{number}"
        )
        if name.strip() and given:
            files.setdefault(name.strip(), []).extend((file.name, file.getvalue()) for file in given)
    if len(files) < 2:
        st.info(say("finetune.folders_missing"))
        return None
    named = [part for name, found in sorted(files.items()) for part in (name.encode(), *(data for _, data in found))]
    with st.spinner(say("finetune.checking"), show_time=True):
        return Chosen(_from_files(_digest(*named), seed, files), ", ".join(files))


def _bundled_pairs(targets: tuple[str, ...], seed: int) -> Chosen | None:
    name = st.segmented_control(
        say("finetune.collection"), list(sets.COLLECTIONS), format_func=lambda key: say(f"finetune.collection_{key}"),
        default="recipes", key="data_collection", required=True,
    )  # fmt: skip
    collection = sets.COLLECTIONS[name]
    st.caption(say(f"finetune.collection_{name}_help"))
    codes = [code for code in collection.languages if TAGS[code] in targets]
    if not codes:
        st.info(say("finetune.no_language"))
        return None
    code = _language(codes)
    count = st.slider(
        say("finetune.count"), 20, collection.most, min(200, collection.most), 20, key=f"data_count_{name}"
    )
    return Chosen(sets.bundled_pairs(name, code, count, seed), f"{say(f'finetune.collection_{name}')} → {code}")


def _own_pairs(targets: tuple[str, ...], seed: int) -> Chosen | None:
    code = _language([code for code, tag in TAGS.items() if tag in targets]) if targets else ""
    given = st.file_uploader(
        say("finetune.table"), TABLE_TYPES, accept_multiple_files=True, key="data_table",
        help=say("finetune.table_help"),
    )  # fmt: skip
    if not given:
        return None
    files = [(file.name, file.getvalue()) for file in given]
    digest = _digest(*(part for name, content in files for part in (name.encode(), content)))
    with st.spinner(say("finetune.checking"), show_time=True):
        found = _from_tables(digest, code, seed, None, files)
    names, chosen = found.report.choices, found.report.chosen
    if len(names) > 2:
        left, right = st.columns(2)
        source = _choice("finetune.source_column", names, chosen[0], f"data_source_{digest}", left)
        target = _choice("finetune.target_column", names, chosen[1], f"data_target_{digest}", right)
        found = _from_tables(digest, code, seed, (source, target), files)
    title = ", ".join(name for name, _ in files)
    return Chosen(found, f"{title} → {code}" if code else title)


def _language(codes: list[str]) -> str:
    return st.selectbox(
        say("input.target"), codes, format_func=lambda code: target_name(TAGS[code]), key="data_language"
    )


def report(data: PictureData | PairData) -> None:
    """What was found: counts, a few items, and whatever was left out and why."""
    found = data.report
    with st.container(border=True):
        st.markdown(say("finetune.split", train=len(data.train), held_out=len(data.held_out)))
        for sentence in found.understood:
            st.text("✓ " + sentence.sentence(language()))
        for warning in found.warnings:
            st.text("⚠ " + warning.sentence(language()))
        if isinstance(data, PictureData):
            _preview_pictures(data)
        else:
            rows = [{say("finetune.source"): p.source, say("finetune.target"): p.target} for p in data.train[:PREVIEW]]
            st.dataframe(rows, hide_index=True, height=150)
        _left_out(found)


def _preview_pictures(data: PictureData) -> None:
    for label, name in enumerate(data.train.classes):
        train, held_out = data.report.counts[name]
        few = (data.train.labels == label).nonzero().flatten()[:PREVIEW].tolist()
        images = [Image.fromarray(data.train.images[n].permute(1, 2, 0).numpy()).resize((64, 64)) for n in few]
        left, right = st.columns([2, 5], vertical_alignment="center")
        left.text(f"{class_name(name)}\n{train} + {held_out}")
        right.image(images, width=48)


def _left_out(found: Report) -> None:
    count = len(found.unreadable) + len(found.duplicates) + len(found.conflicts)
    if not count:
        return
    with st.expander(say("finetune.left_out", count=count), icon=":material/filter_alt:"):
        for name, error in found.unreadable[:LISTED]:
            st.text(f"{name}: {error.sentence(language())}")
        if len(found.unreadable) > LISTED:
            st.text(f"… ({len(found.unreadable)})")
        for key, names in (("duplicates", found.duplicates), ("conflicts", found.conflicts)):
            if names:
                more = " …" if len(names) > LISTED else ""
                st.text(f"{say(f'finetune.{key}')}: {', '.join(names[:LISTED])}{more}")
