"""The Fine-tune page where a captioner learns how a person tells her pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.attention.trace import Kind
from core.finetune import data as sets
from core.finetune import results
from core.finetune.answers import Answer
from core.finetune.class_learning import interim_part
from core.finetune.data import CaptionData, captions, told_scenes
from core.finetune.job import Job
from core.finetune.pictures import as_image
from core.models.captioning import LONGEST, Caption, Captioner
from core.models.captioning_by_name import check_can_learn
from core.models.tokenizing import unknown_letters
from core.scenes import LANGUAGES, Language
from core.ui import background, linked, photos, work
from core.ui.bridge import picture, run
from core.ui.bridge.picture import Picture
from core.ui.finetune import drift
from core.ui.finetune.chosen import PREVIEW, Chosen, Probe, checked, choose_one, digest, held_out_or_own, retyped
from core.ui.finetune.seen import varied
from core.ui.finetune.side import Frames, Side
from core.ui.language import say
from core.ui.plain import piece_text, plain
from core.views.film import Film, film_photo

KINDS: tuple[Kind, ...] = ("cross", "encoder", "decoder")
UNKNOWN = 0.005  # share of pieces that the vocabulary lacks, above which it is said
OFFERED = 30  # held-out pictures among which the probe is chosen


class CaptionSide(Side[CaptionData, Captioner]):
    task, card, width, error_width = "captioning", "caption", 2, 240

    def bundled(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        st.caption(say("finetune.scenes_help"))
        code = _language(targets)
        count = st.slider(say("finetune.scenes"), told_scenes.LEAST, told_scenes.MOST, 80, 20, key="data_scenes")
        found = checked(lambda: sets.bundled_scenes(code, count, seed), "scenes", code, count, seed)
        return Chosen(found, f"{say('finetune.scenes_title')} · {code}")

    def own(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        code = _language(targets) if targets else ""
        file = st.file_uploader(
            say("finetune.captions"), ["zip"], key="data_captions", help=say("finetune.captions_help")
        )
        if file is None:
            return None
        content = file.getvalue()
        name = digest(content)
        found = checked(lambda: sets.captions_from_zip(content, code, seed), "captions", name, code, seed)
        names = found.report.choices
        if len(names) > 2:
            column = choose_one("finetune.caption_column", names, found.report.chosen[0], f"data_caption_{name}")
            key = ("captions", name, code, seed, column)
            found = checked(lambda: sets.captions_from_zip(content, code, seed, column=column), *key)
        return Chosen(found, file.name.removesuffix(".zip"))

    def preview(self, data: CaptionData) -> None:
        few = [as_image(image).resize((224, 224)) for image in data.train.images[:PREVIEW]]
        told = [plain(texts[0]) for texts in data.train.captions[:PREVIEW]]
        st.image(few, caption=told, width=112, alt=told)

    def classes(self, data: CaptionData) -> int:
        return 0

    def check(self, model: Captioner) -> None:
        check_can_learn(model)

    def warn(self, model: Captioner, data: CaptionData) -> None:
        texts = [text for known in (*data.train.captions, *data.held_out.captions) for text in known]
        share, examples = unknown_letters(model.tokenizer, texts)
        if share > UNKNOWN:
            said = f"{share:.0%}" if share >= 0.1 else f"{share:.2%}"
            st.warning(say("finetune.unknown_captions", share=said, examples=plain(" ".join(examples[:8]))))
        long = sum(len(ids) > LONGEST for ids in model.tokenizer(texts).input_ids)
        if long:
            st.warning(say("finetune.captions_cut", count=f"{long:,}", limit=LONGEST))

    def settings(self, job: Job, model: Captioner, place: Any) -> Job:
        return job

    def varied(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        varied(pairs)

    def probe(self, data: CaptionData) -> Probe:
        place = held_out_or_own("probe_captions_place", "finetune.probe_held_out")
        if place == "own":
            return Probe(photo=photos.choose()[1])
        told = [texts[0] for texts in data.held_out.captions[:OFFERED]]
        number = st.selectbox(
            say("finetune.probe_caption"), range(len(told)), format_func=told.__getitem__, key=f"probe_{data.digest}"
        )
        image = as_image(data.held_out.images[number])
        st.image(image, width=112, alt=plain(told[number]))
        return Probe(photo=image)

    def answers(self, folder: Path, job: Job, data: CaptionData, history: list[dict[str, Any]]) -> None:
        """Fixed pictures, at the first evaluation and at the last."""
        part = interim_part(data, job.task, job.seed)
        row = st.container(horizontal=True)
        for then, now in zip(history[0]["samples"], history[-1]["samples"], strict=True):
            place = row.container(width=220, border=True)
            image = as_image(part.images[now["input"]]).resize((224, 224))
            place.image(image, width=112, alt=plain(now["reference"]))
            lines = [("reference_caption", now["reference"]), ("then", then["output"]), ("now", now["output"])]
            for name, text in lines if len(history) > 1 else lines[:2]:
                place.caption(say(f"finetune.{name}"))
                place.text(text or "–")
        first, last = history[0]["step"], history[-1]["step"]
        st.caption(say("finetune.answers_captioning", first=first, last=last))

    def film(self, folder: Path, axis: dict[str, Any], frames: Frames, words: dict[str, str]) -> Film:
        """Of the whole caption, or of the piece that is chosen."""
        pieces = [piece_text(piece) for piece in axis["target"]]
        chosen = st.selectbox(
            say("finetune.film_piece"),
            [-1, *range(len(pieces))],
            format_func=lambda n: say("finetune.film_whole") if n < 0 else f"{n + 1}. {pieces[n]}",
            key=f"film_piece_{folder.name}",
        )
        rows, columns = axis["grid"]
        shown = [(step, seen.mean(0) if chosen < 0 else seen[chosen]) for step, seen in frames]
        return film_photo(Image.open(folder / "film" / "probe.png"), shown, (rows, columns), words)

    def names(self, data: CaptionData) -> dict[str, str]:
        return {}

    def error(self, data: CaptionData, answer: Answer) -> None:
        image = as_image(data.held_out.images[answer.item]).resize((224, 224))
        st.image(image, width=112, alt=plain(answer.reference))
        st.text(f"✗ {answer.output}\n✓ {answer.reference}")
        st.caption(say("errors.caption", share=f"{1 - answer.fault:.0%}"))

    def mend(self, data: CaptionData, answer: Answer, now: str) -> str:
        return retyped(self.task, data.digest, answer, now, captions.LONGEST)

    def change(self, folder: Path, job: Job, held_out: tuple[CaptionData, int] | None) -> None:
        found = results.read(folder)
        code = cast(Language, found.target if found and found.target else LANGUAGES[0])
        if held_out is None:
            shown = picture.choose()
        else:  # as it was judged
            part, item = held_out[0].held_out, held_out[1]
            shown = Picture(part.captions[item][0], as_image(part.images[item]), "stretch")
        told = [run.told(name, shown.image, shown.fit, code) for name in (job.base, folder.name)]
        both = [one.awaited() for one in told]
        for place, name, one in zip(st.columns(2), ("before", "after"), both, strict=True):
            place.caption(say(f"after.{name}"))
            place.code(one.text, language=None, wrap_lines=True)
        cards = [
            linked.card(
                one.traces,
                linked.photo_title(f"{say(f'after.{name}')} · {shown.title}", one.source),
                shown.image,
                written=one.target,
                named=shown.boxes,
            )
            for name, one in zip(("before", "after"), both, strict=True)
        ]
        drift.view(*cards)
        drift.heading(self.task)
        kinds = {kind: say(f"after.caption_{kind}") for kind in KINDS}
        kind = st.segmented_control(
            say("after.kind"), KINDS, format_func=kinds.__getitem__, default="cross", key="drift_caption", required=True
        )
        before, after = _forced(told[0], told[1], both[0])
        how = (shown.fit, code, kind)
        moved = drift.moved(job.base, folder.name, told[0].content, how, before.traces[kind], after.traces[kind])
        drift.grids(folder, self.card, f"{self.task}_{kind}", moved)


def _language(targets: tuple[str, ...]) -> Language:
    """What the captions are written in: a model without languages may learn any."""
    codes = [code for code in LANGUAGES if not targets or code in targets]
    return st.selectbox(
        say("finetune.caption_language"),
        codes,
        format_func=lambda code: say(f"bridge.language_{code}"),
        key="data_caption_language",
    )


def _forced(before: run.Told, after: run.Told, written: Caption) -> tuple[Caption, Caption]:
    """Both models reading along the caption that the base gives, so that their rows mean the same."""
    models = [cast(Captioner, work.captioner(one.name)) for one in (before, after)]

    def read(_: background.OnStep) -> tuple[Caption, Caption]:
        found = [model.look(one.image, one.fit) for model, one in zip(models, (before, after), strict=True)]
        ids = [torch.tensor([written.ids], device=looked.tensor.device) for looked in found]
        first, second = (model.read(*given) for model, given in zip(models, zip(found, ids, strict=True), strict=True))
        return first, second

    key = ("forced", before.name, after.name, *before.key[1:])
    return background.awaited(key, say("after.reading"), read, (before.name, after.name))
