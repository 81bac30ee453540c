"""The Fine-tune page where a model that reads texts learns classes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.finetune import data as sets
from core.finetune.answers import Answer
from core.finetune.class_learning import interim_part
from core.finetune.data import TextData
from core.finetune.job import Job
from core.finetune.text_task import encode
from core.models.classification import Classifier
from core.models.reading import Reading
from core.models.text_heads import check_can_learn
from core.ui import background, linked, sentences, work
from core.ui.finetune import drift
from core.ui.finetune.chosen import PREVIEW, Chosen, Probe, checked, choose_one, digest
from core.ui.finetune.classes import ClassSide, taken, told
from core.ui.finetune.side import Frames
from core.ui.language import class_name, say
from core.ui.plain import piece_text, plain
from core.views.film import Film, film_sentence

TYPES = ["csv", "tsv", "tab", "txt", "jsonl", "json", "gz", "zip"]
SHORT = 4  # words of a probe, at least, so that there is something to look at


class TextSide(ClassSide[TextData, Classifier]):
    task, card, width, error_width = "classify", "sentence", 5, "stretch"

    def bundled(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        kind = st.segmented_control(
            say("finetune.text_kind"),
            list(sets.TEXT_KINDS),
            format_func=lambda key: say(f"finetune.text_kind_{key}"),
            default="kind",
            key="data_text_kind",
            required=True,
        )
        st.caption(say(f"finetune.text_kind_{kind}_help"))
        most = sets.most_texts(kind)
        each = st.slider(say("finetune.each_text"), sets.TEXT_LEAST, most, min(100, most), 5, key=f"data_each_{kind}")
        found = checked(lambda: sets.bundled_texts(kind, each, seed), kind, each, seed)
        return Chosen(found, ", ".join(class_name(name) for name in found.train.classes))

    def own(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        given = st.file_uploader(
            say("finetune.texts"), TYPES, accept_multiple_files=True, key="data_texts", help=say("finetune.texts_help")
        )
        if not given:
            return None
        files = [(file.name, file.getvalue()) for file in given]
        name = digest(*(part for file, content in files for part in (file.encode(), content)))
        found = checked(lambda: sets.texts_from_files(files, seed), "texts", name, seed)
        names, chosen = found.report.choices, found.report.chosen
        if len(names) > 2:
            left, right = st.columns(2)
            text = choose_one("finetune.text_column", names, chosen[0], f"data_text_{name}", left)
            label = choose_one("finetune.label_column", names, chosen[1], f"data_label_{name}", right)
            found = checked(lambda: sets.texts_from_files(files, seed, columns=(text, label)), name, seed, text, label)
        return Chosen(found, ", ".join(name for name, _ in files))

    def preview(self, data: TextData) -> None:
        """Some of each class, and how many there are."""
        rows = []
        for label, name in enumerate(data.train.classes):
            few = (data.train.labels == label).nonzero().flatten()[: max(1, PREVIEW // len(data.train.classes))]
            train, held_out = data.report.counts[name]
            heads = (say("finetune.label"), say("finetune.items"), say("finetune.text"))
            cells = ((class_name(name), f"{train} + {held_out}", data.train.texts[n]) for n in few.tolist())
            rows += [dict(zip(heads, row, strict=True)) for row in cells]
        st.dataframe(rows, hide_index=True, height=240)

    def check(self, model: Classifier) -> None:
        check_can_learn(model.module)

    def warn(self, model: Classifier, data: TextData) -> None:
        texts = [*data.train.texts, *data.held_out.texts]
        cut = sum(len(ids) >= model.limit for ids in encode(model.tokenizer, texts, model.limit))
        if cut:
            st.warning(say("finetune.texts_cut", count=f"{cut:,}", limit=model.limit))

    def varied(self, pairs: Sequence[tuple[str, str]]) -> None:
        heads = [say(f"finetune.{how}") for how in ("as_it_is", "as_seen")]
        st.dataframe([dict(zip(heads, pair, strict=True)) for pair in pairs], hide_index=True)

    def probe(self, data: TextData) -> Probe:
        long = [text for text in data.held_out.texts if len(text.split()) >= SHORT]
        first = min(long or data.held_out.texts, key=len)
        key = f"probe_{data.digest}"
        return Probe(sentence=st.text_input(say("finetune.probe_sentence"), first, key=key, max_chars=200) or first)

    def samples(self, job: Job, data: TextData, history: list[dict[str, Any]]) -> int:
        texts = interim_part(data, job.task, job.seed).texts
        heads = [say(f"finetune.{name}") for name in ("text", "then", "now", "label")]
        both = zip(history[0]["samples"], history[-1]["samples"], strict=True)
        cells = ((texts[now["input"]], told(then), told(now), class_name(now["reference"])) for then, now in both)
        st.dataframe([dict(zip(heads, row, strict=True)) for row in cells], hide_index=True)
        return len(texts)

    def film(self, folder: Path, axis: dict[str, Any], frames: Frames, words: dict[str, str]) -> Film:
        source, target = ([piece_text(piece) for piece in axis[name]] for name in ("source", "target"))
        return film_sentence(frames, source, target, words)

    def error(self, data: TextData, answer: Answer) -> None:
        st.text(data.held_out.texts[answer.item])
        st.caption(taken(answer))

    def change(self, folder: Path, job: Job, held_out: tuple[TextData, int] | None) -> None:
        if held_out is None:
            text = sentences.typed()
        else:
            text = held_out[0].held_out.texts[held_out[1]]
            st.text(text)
        found = work.classifier(folder.name).classify(text)
        best = found.probabilities.argsort(descending=True)[:PREVIEW].tolist()
        said = " · ".join(f"{plain(class_name(found.classes[n]))} {float(found.probabilities[n]):.1%}" for n in best)
        st.markdown(say("after.says", classes=said))
        before, after = (_read(name, text) for name in (job.base, folder.name))
        both = zip((before, after), ("before", "after"), strict=True)
        drift.view(*(linked.card(one.traces, say(f"after.{name}")) for one, name in both))
        drift.heading(self.task)
        traces = (next(iter(one.traces.values())) for one in (before, after))
        drift.grids(folder, self.card, self.task, drift.moved(job.base, folder.name, text, self.task, *traces))


def _read(name: str, text: str) -> Reading:
    """The text as a model reads it, whether or not it knows classes."""

    def read(_: background.OnStep) -> Reading:
        return work.classifier(name).read(text)

    return background.awaited(("read", name, text), say("after.reading"), read, (name,))
