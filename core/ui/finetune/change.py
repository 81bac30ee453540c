"""What training did to attention: the same input before and after in the linked view, and how far each head moved."""

from pathlib import Path

import streamlit as st
from torch import Tensor

from core.attention.drift import head_drift
from core.attention.trace import AttentionTrace
from core.errors import SidelightError
from core.finetune import results
from core.finetune.job import Job
from core.models.translation import Translation
from core.ui import inputs, keep, linked, work
from core.ui.clickable import clickable
from core.ui.explain.heads import say_sampled
from core.ui.language import class_name, say, show_error
from core.views.finetune import drift_grid
from core.views.linked import state

KINDS = ("cross", "encoder", "decoder")
MEASURES = ("js", "entropy", "distance")
CARDS = {"vision": ("image", "image2"), "translation": ("sentence", "sentence2")}  # as the view's text names them


def show(folder: Path, job: Job) -> None:
    """A photo or a sentence, both answers to it, and the grids of drift below."""
    st.subheader(say("after.change"))
    try:
        (_photo if job.task == "vision" else _sentence)(folder, job)
    except SidelightError as error:
        show_error(error)


def _photo(folder: Path, job: Job) -> None:
    title, image = inputs.choose_photo()
    size = work.side(work.vision_model(job.base))
    before = work.run_image(job.base, image, size, "crop")
    after = work.run_image(folder.name, image, size, "crop")
    titles = (f"{say('after.before')} · {title}", f"{say('after.after')} · {title}")
    parts = [linked.image_part(one, name, image) for one, name in zip((before, after), titles, strict=True)]
    if after.predictions:
        best = after.predictions[0]
        st.caption(say("after.says", label=class_name(best.label), share=f"{best.probability:.0%}"))
    if None in parts:
        return
    _view(parts)
    _drift_heading(job)
    say_sampled(before.traces["encoder"])
    moved = _moved(job.base, folder.name, work.digest(image), size, *(one.traces["encoder"] for one in (before, after)))
    _drift(folder, job, "vision", moved)


def _sentence(folder: Path, job: Job) -> None:
    found = results.read(folder)
    language = found.target if found else ""
    targets = work.translator(job.base).targets
    sentence, target = inputs.choose_sentence((language,) if language in targets else targets)
    before = work.translate(job.base, sentence, target)
    after = work.translate(folder.name, sentence, target)
    for place, name, one in zip(st.columns(2), ("before", "after"), (before, after), strict=True):
        place.caption(say(f"after.{name}"))
        place.code(one.text, language=None, wrap_lines=True)
    parts = [linked.sentence_part(one, target, say(f"after.{n}")) for n, one in (("before", before), ("after", after))]
    _view(parts)
    _drift_heading(job)
    kinds = {kind: say(f"after.kind_{kind}") for kind in KINDS}
    kind = st.segmented_control(
        say("after.kind"), KINDS, format_func=kinds.get, default="cross", key="drift_kind", required=True
    )
    both = _forced(job.base, folder.name, sentence, target)
    moved = _moved(job.base, folder.name, sentence, (target, kind), *(one.traces[kind] for one in both))
    _drift(folder, job, f"translation_{kind}", moved)


def _view(parts: list) -> None:
    """A mounted view keeps what is chosen in it; to open a head from outside, another is mounted (`_open`)."""
    linked.show(parts, f"after_{st.session_state.get('after_mounts', 0)}")


@st.cache_resource(max_entries=8, show_spinner=False)
def _forced(base: str, tuned: str, sentence: str, target: str | None) -> tuple[Translation, Translation]:
    """Both models reading along the translation that the base gives, so that their rows mean the same."""
    models = work.translator(base), work.translator(tuned)
    sources = [model.source_pieces(sentence, target) for model in models]
    output = models[0].search(sources[0][0])
    before, after = (model.read(*source, output) for model, source in zip(models, sources, strict=True))
    return before, after


@st.cache_resource(max_entries=24, show_spinner=False)
def _moved(
    base: str, tuned: str, what: str, how: object, _before: AttentionTrace, _after: AttentionTrace
) -> dict[str, Tensor]:
    """The drift of each head on one input; the first four name it."""
    return head_drift(_before, _after)


def _drift_heading(job: Job) -> None:
    st.subheader(say("after.drift"))
    st.caption(say(f"after.drift_{job.task}"))


def _drift(folder: Path, job: Job, what: str, moved: dict[str, Tensor]) -> None:
    cell = say("after.grid_cell", layer="{layer}", head="{head}", value="{value}")  # the figure fills it
    words = {"layer": say("after.grid_layer"), "head": say("after.grid_head"), "cell": cell}
    layers, heads = moved["js"].shape
    for place, name in zip(st.columns(3), MEASURES, strict=True):
        key = f"drift_{name}_{what}_{folder.name}"
        figure = drift_grid(moved[name], say(f"after.drift_{name}"), diverging=name != "js", words=words)
        with place:
            clickable(figure, key, lambda marks: _open(*marks[0], layers, CARDS[job.task]))
    layer, head = divmod(int(moved["js"].argmax()), heads)
    found = {"layer": layer + 1, "head": head + 1}
    if float(moved["js"].max()) < 5e-4:
        st.info(say("after.drift_none"))
        return
    st.button(
        say("after.drift_most", **found, value=f"{float(moved['js'][layer, head]):.2f}"),
        icon=":material/visibility:", on_click=_open, args=(layer, head, layers, CARDS[job.task]),
    )  # fmt: skip


def _open(layer: int, head: int, layers: int, cards: tuple[str, str]) -> None:
    """Show one head in both cards: what else is chosen there stays."""
    depth = layer / max(1, layers - 1)
    keep.set_parameter("view", state.with_head(keep.restore_parameter("view"), depth, cards, head))
    st.session_state.after_mounts = st.session_state.get("after_mounts", 0) + 1
