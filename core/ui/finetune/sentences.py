"""The Fine-tune page where a translator learns a field."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import streamlit as st

from core.attention.trace import Kind
from core.finetune import data as sets
from core.finetune import results
from core.finetune.answers import Answer
from core.finetune.data import PairData
from core.finetune.job import Job
from core.finetune.parallel import TAGS, Pair
from core.finetune.told import languages, written
from core.models.tokenizing import unknown_letters
from core.models.translation import Translation, Translator
from core.ui import background, linked, readable, sentences, work
from core.ui.finetune import drift
from core.ui.finetune.chosen import PREVIEW, Chosen, Probe, checked, choose_one, digest, retyped
from core.ui.finetune.side import Frames, Side
from core.ui.language import say
from core.ui.plain import piece_text, plain
from core.views.film import Film, film_sentence

TABLE_TYPES = ["csv", "tsv", "tab", "txt", "jsonl", "json", "tmx", "gz", "zip", "en", *TAGS]
UNKNOWN = 0.005  # share of pieces that the vocabulary lacks, above which it is said
VARIED = tuple(product(("source", "target"), ("as_it_is", "as_seen")))
KINDS: tuple[Kind, ...] = ("cross", "encoder", "decoder")


class SentenceSide(Side[PairData, Translator]):
    task, card, width, error_width = "translation", "sentence", 5, "stretch"

    def bundled(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        name = st.segmented_control(
            say("finetune.collection"),
            list(sets.COLLECTIONS),
            format_func=lambda key: say(f"finetune.collection_{key}"),
            default="recipes",
            key="data_collection",
            required=True,
        )
        collection = sets.COLLECTIONS[name]
        st.caption(say(f"finetune.collection_{name}_help"))
        codes = [code for code in collection.languages if not targets or written(targets, code)]
        if not codes:
            st.info(say("finetune.no_language"))
            return None
        code = _language(codes, targets)
        count = st.slider(
            say("finetune.count"), 20, collection.most, min(200, collection.most), 20, key=f"data_count_{name}"
        )
        found = checked(lambda: sets.bundled_pairs(name, code, count, seed), name, code, count, seed)
        return Chosen(found, f"{say(f'finetune.collection_{name}')} → {code}")

    def own(self, targets: tuple[str, ...], seed: int) -> Chosen | None:
        code = _language(languages(targets), targets) if targets else ""
        given = st.file_uploader(
            say("finetune.table"),
            TABLE_TYPES,
            accept_multiple_files=True,
            key="data_table",
            help=say("finetune.table_help"),
        )
        if not given:
            return None
        files = [(file.name, file.getvalue()) for file in given]
        name = digest(*(part for file, content in files for part in (file.encode(), content)))
        found = checked(lambda: sets.pairs_from_files(files, code, seed), name, code, seed)
        names, chosen = found.report.choices, found.report.chosen
        if len(names) > 2:
            left, right = st.columns(2)
            source = choose_one("finetune.source_column", names, chosen[0], f"data_source_{name}", left)
            target = choose_one("finetune.target_column", names, chosen[1], f"data_target_{name}", right)
            columns = source, target
            found = checked(
                lambda: sets.pairs_from_files(files, code, seed, columns=columns), name, code, seed, columns
            )
        title = ", ".join(name for name, _ in files)
        return Chosen(found, f"{title} → {code}" if code else title)

    def preview(self, data: PairData) -> None:
        rows = [{say("finetune.source"): p.source, say("finetune.target"): p.target} for p in data.train[:PREVIEW]]
        st.dataframe(rows, hide_index=True, height=150)

    def classes(self, data: PairData) -> int:
        return 0

    def check(self, model: Translator) -> None:
        """Any translator can learn."""

    def warn(self, model: Translator, data: PairData) -> None:
        share, examples = unknown_letters(model.tokenizer, [pair.target for pair in data.train])
        if share > UNKNOWN:
            said = f"{share:.0%}" if share >= 0.1 else f"{share:.2%}"
            st.warning(say("finetune.unknown_pieces", share=said, examples=plain(" ".join(examples[:8]))))

    def settings(self, job: Job, model: Translator, place: Any) -> Job:
        return job

    def varied(self, pairs: Sequence[tuple[Pair, Pair]]) -> None:
        heads = [f"{say(f'finetune.{part}')} · {say(f'finetune.{how}')}" for part, how in VARIED]
        rows = [(one.source, other.source, one.target, other.target) for one, other in pairs]
        st.dataframe([dict(zip(heads, row, strict=True)) for row in rows], hide_index=True)

    def probe(self, data: PairData) -> Probe:
        first = min((pair.source for pair in data.held_out), key=len)
        return Probe(sentence=st.text_input(say("finetune.probe_sentence"), first, key=f"probe_{data.digest}"))

    def answers(self, folder: Path, job: Job, data: PairData, history: list[dict[str, Any]]) -> None:
        """Fixed sentences, at the first evaluation and at the last."""
        heads = [say(f"finetune.{name}") for name in ("source", "then", "now", "reference")]
        both = zip(history[0]["samples"], history[-1]["samples"], strict=True)
        cells = ((now["input"], then["output"], now["output"], now["reference"]) for then, now in both)
        st.dataframe([dict(zip(heads, row, strict=True)) for row in cells], hide_index=True)
        st.caption(say("finetune.answers_steps", first=history[0]["step"], last=history[-1]["step"]))

    def film(self, folder: Path, axis: dict[str, Any], frames: Frames, words: dict[str, str]) -> Film:
        source, target = ([piece_text(piece) for piece in axis[name]] for name in ("source", "target"))
        return film_sentence(frames, source, target, words)

    def names(self, data: PairData) -> dict[str, str]:
        return {}

    def error(self, data: PairData, answer: Answer) -> None:
        st.text(data.held_out[answer.item].source)
        st.text(f"✗ {answer.output}\n✓ {answer.reference}")
        st.caption(say("errors.sentence", chrf=f"{100 * (1 - answer.fault):.0f}"))

    def mend(self, data: PairData, answer: Answer, now: str) -> str:
        return retyped(self.task, data.digest, answer, now, sentences.LONGEST)

    def change(self, folder: Path, job: Job, held_out: tuple[PairData, int] | None) -> None:
        found = results.read(folder)
        language = found.target if found else ""
        targets = work.translator(job.base).targets
        if held_out is None:
            sentence, target = sentences.choose((language,) if language in targets else targets)
        else:
            sentence, target = held_out[0].held_out[held_out[1]].source, language or None
            st.text(sentence)
        readable.tell(work.translator(job.base), sentence, target)
        before = work.translate(job.base, sentence, target)
        after = work.translate(folder.name, sentence, target)
        for place, name, one in zip(st.columns(2), ("before", "after"), (before, after), strict=True):
            place.caption(say(f"after.{name}"))
            place.code(one.text, language=None, wrap_lines=True)
        titles = [linked.sentence_title(target, say(f"after.{name}")) for name in ("before", "after")]
        pair = zip((before, after), titles, strict=True)
        drift.view(*(linked.card(one.traces, title, written=one.target) for one, title in pair))
        drift.heading(self.task)
        kinds = {kind: say(f"after.kind_{kind}") for kind in KINDS}
        kind = st.segmented_control(
            say("after.kind"), KINDS, format_func=kinds.__getitem__, default="cross", key="drift_kind", required=True
        )
        both = _forced(job.base, folder.name, sentence, target)
        moved = drift.moved(job.base, folder.name, sentence, (target, kind), *(one.traces[kind] for one in both))
        drift.grids(folder, self.card, f"{self.task}_{kind}", moved)


def _language(codes: list[str], targets: tuple[str, ...]) -> str:
    names = {code: sentences.target_name(written(targets, code) or TAGS[code]) for code in codes}
    return st.selectbox(say("input.target"), codes, format_func=names.__getitem__, key="data_language")


def _forced(base: str, tuned: str, sentence: str, target: str | None) -> tuple[Translation, Translation]:
    """Both models reading along the translation that the base gives, so that their rows mean the same."""
    models = work.translator(base), work.translator(tuned)

    def read(_: background.OnStep) -> tuple[Translation, Translation]:
        sources = [model.source_pieces(sentence, target) for model in models]
        output = models[0].search(sources[0][0], target=target)
        before, after = (model.read(*source, output) for model, source in zip(models, sources, strict=True))
        return before, after

    return background.awaited(("forced", base, tuned, sentence, target), say("after.reading"), read, (base, tuned))
