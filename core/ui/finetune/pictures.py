"""The Fine-tune page where a Vision Transformer learns classes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image
from torch import Tensor

from core.finetune import data as sets
from core.finetune.answers import Answer
from core.finetune.data import PictureData, opened
from core.finetune.job import Job
from core.finetune.picture_learning import interim_pictures, side_of
from core.finetune.pictures import as_image
from core.models.images import Fit
from core.models.vision import VisionModel
from core.models.vision.heads import check_can_learn
from core.ui import evidence, linked, photos, work
from core.ui.explain.heads import say_sampled
from core.ui.finetune import drift
from core.ui.finetune.chosen import PREVIEW, Chosen, Probe, checked, choose_one, digest, held_out_or_own
from core.ui.finetune.classes import ClassSide, taken, told
from core.ui.finetune.seen import varied
from core.ui.finetune.side import Frames
from core.ui.language import class_name, say
from core.ui.plain import plain
from core.views.film import Film, film_photo

SIDE, LARGEST = 112, opened.SIDE  # px: the usual one, of models that take it, and the largest that is offered
MOST_FOLDERS = 12  # classes that can be uploaded one by one


class PictureSide(ClassSide[PictureData, VisionModel]):
    task, card, width, error_width = "vision", "image", 2, 132

    def bundled(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        classes = st.pills(
            say("finetune.classes"),
            sets.bundled_classes(),
            format_func=class_name,
            selection_mode="multi",
            default=("dog", "ship", "truck"),
            key="data_classes",
            help=say("finetune.classes_help"),
            wrap=True,
        )
        each = st.slider(say("finetune.each"), 10, sets.EACH_LIMIT, 60, 10, key="data_each")
        if len(classes) < 2:
            st.info(say("finetune.two_classes"))
            return None
        ordered = tuple(sorted(classes))
        found = checked(lambda: sets.bundled_pictures(ordered, each, seed), ordered, each, seed)
        return Chosen(found, ", ".join(class_name(name) for name in classes))

    def own(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        way = st.radio(
            say("finetune.own_way"),
            ["zip", "files"],
            format_func=lambda name: say(f"finetune.own_{name}"),
            horizontal=True,
            key="data_way",
            label_visibility="collapsed",
        )
        return {"zip": _zip, "files": _folders}[way](seed)

    def preview(self, data: PictureData) -> None:
        for label, name in enumerate(data.train.classes):
            train, held_out = data.report.counts[name]
            few = (data.train.labels == label).nonzero().flatten()[:PREVIEW].tolist()
            images = [as_image(data.train.images[n]).resize((64, 64)) for n in few]
            left, right = st.columns([2, 5], vertical_alignment="center")
            left.text(f"{class_name(name)}\n{train} + {held_out}")
            right.image(images, width=48, alt=[class_name(name)] * len(images))

    def check(self, model: VisionModel) -> None:
        check_can_learn(model)

    def warn(self, model: VisionModel, data: PictureData) -> None:
        """Any picture can be learnt."""

    def settings(self, job: Job, model: VisionModel, place: Any) -> Job:
        sides = [size for size in model.sizes if size <= LARGEST] or [model.default_size]
        usual = next((size for size in (SIDE, model.default_size) if size in sides), sides[-1])
        side = place.select_slider(
            say("finetune.side"),
            sides,
            usual,
            key="side",
            help=say("finetune.side_help"),
        )
        return super().settings(replace(job, side=side), model, place)

    def varied(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        varied(pairs)

    def probe(self, data: PictureData) -> Probe:
        place = held_out_or_own("probe_place", "finetune.probe_data")
        if place == "own":
            return Probe(photo=photos.choose()[1])
        label = st.selectbox(
            say("finetune.probe_class"),
            range(len(data.train.classes)),
            format_func=lambda n: class_name(data.train.classes[n]),
            key=f"probe_class_{data.digest}",
        )
        number = int((data.held_out.labels == label).nonzero().flatten()[0])
        image = as_image(data.held_out.images[number])
        st.image(image, width=96, alt=class_name(data.train.classes[label]))
        return Probe(photo=image)

    def samples(self, job: Job, data: PictureData, history: list[dict[str, Any]]) -> int:
        pictures = interim_pictures(data, job.seed)
        row = st.container(horizontal=True)
        for then, sample in zip(history[0]["samples"], history[-1]["samples"], strict=True):
            place, image = row.container(width=104), as_image(pictures.images[sample["input"]])
            place.image(image.resize((96, 96)), width=96, alt=class_name(sample["reference"]))
            place.caption(told(sample) if len(history) == 1 else f"{told(then)} → {told(sample)}")
        return len(pictures)

    def film(self, folder: Path, axis: dict[str, Any], frames: Frames, words: dict[str, str]) -> Film:
        rows, columns = axis["grid"]
        return film_photo(Image.open(folder / "film" / "probe.png"), frames, (rows, columns), words)

    def error(self, data: PictureData, answer: Answer) -> None:
        image = as_image(data.held_out.images[answer.item]).resize((96, 96))
        st.image(image, width=96, alt=class_name(answer.reference))
        st.caption(taken(answer))

    def change(self, folder: Path, job: Job, held_out: tuple[PictureData, int] | None) -> None:
        fit: Fit
        if held_out is None:
            title, image = photos.choose(framed=True)
            fit, size = photos.framing(), work.side(work.vision_model(job.base))
        else:  # as it was judged
            part, item = held_out[0].held_out, held_out[1]
            title, image = class_name(part.classes[int(part.labels[item])]), as_image(part.images[item])
            fit, size = "stretch", side_of(work.vision_model(job.base), job)
        before = work.run_image(job.base, image, size, fit)
        after = work.run_image(folder.name, image, size, fit)
        titles = (f"{say('after.before')} · {title}", f"{say('after.after')} · {title}")
        cards = [
            linked.card(one.traces, linked.photo_title(name, one.axis), image)
            for one, name in zip((before, after), titles, strict=True)
        ]
        if after.predictions:
            best = after.predictions[0]
            said = f"{plain(class_name(best.label))} {best.probability:.0%}"
            st.caption(say("after.says", classes=said))
            evidence.tell(work.vision_model(folder.name), after)
        if None in cards:
            return
        drift.view(*cards)
        drift.heading(self.task)
        traces = before.traces["encoder"], after.traces["encoder"]
        say_sampled(traces[0])
        moved = drift.moved(job.base, folder.name, work.digest(image), (size, fit), *traces)
        drift.grids(folder, self.card, self.task, moved)


def _zip(seed: int) -> Chosen | None:
    file = st.file_uploader(say("finetune.zip"), ["zip"], key="data_zip", help=say("finetune.zip_help"))
    if file is None:
        return None
    content = file.getvalue()
    name = digest(content)
    found = checked(lambda: sets.pictures_from_zip(content, seed), name, seed, None)
    if found.report.choices:
        level = choose_one("finetune.level", found.report.choices, found.report.chosen[0], f"data_level_{name}")
        found = checked(lambda: sets.pictures_from_zip(content, seed, level=level), name, seed, level)
    return Chosen(found, file.name.removesuffix(".zip"))


def _folders(seed: int) -> Chosen | None:
    count = int(st.number_input(say("finetune.folders"), 2, MOST_FOLDERS, 2, key="data_folders"))
    files: dict[str, list[tuple[str, bytes]]] = {}
    for number in range(count):
        left, right = st.columns([1, 2])
        name = left.text_input(say("finetune.folder_name", number=number + 1), key=f"data_name_{number}", max_chars=60)
        given = right.file_uploader(
            say("finetune.folder_files"), photos.FILE_TYPES, accept_multiple_files=True, key=f"data_files_{number}"
        )
        if name.strip() and given:
            files.setdefault(name.strip(), []).extend((file.name, file.getvalue()) for file in given)
    if len(files) < 2:
        st.info(say("finetune.folders_missing"))
        return None
    named = [part for name, found in sorted(files.items()) for part in (name.encode(), *(data for _, data in found))]
    found = checked(lambda: sets.pictures_from_files(files, seed), digest(*named), seed)
    return Chosen(found, ", ".join(files))
