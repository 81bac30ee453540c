"""Heads switched off, one by one or in sets: what the answer is without them, and what each is worth."""

import html

import streamlit as st
import torch

from core.attention.ablation import Head, all_heads, without
from core.attention.subject import Subject
from core.ui.byhand import parted
from core.ui.explain import sides, switches
from core.ui.explain.pruning import prune
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say
from core.ui.plain import plain
from core.views import explain as figures
from core.views.charts import QUIET

TOP = 5  # classes


def show(pair: Pair) -> None:
    st.caption(say("ablation.lead"))
    pair.each("ablation", st.fragment(_side))


def _side(side: Side) -> None:
    """One side is a fragment: a head that is switched off redraws nothing else."""
    target = side.choose_target()
    asked = sides.subject_of(side, target)
    key = f"off_{side.kind}_{side.name}"
    off = switches.choose(side.kind, asked, key)
    with without(asked, off):
        side.either(lambda photo: _photo(photo, asked, off), lambda sentence: _sentence(sentence, asked, off))
    grids = sides.worth(side, target, say("ablation.measuring", count=len(all_heads(asked))))
    switches.grids(side.kind, asked, grids, key, off)
    if grids is not None:
        st.caption(say(f"ablation.grid_{side.kind}"))
        prune(side, target, grids)


def kept(asked: Subject) -> float:
    """How sure the model is of the target, as it is now."""
    return float(asked.scores(torch.ones(1, len(asked.axis), dtype=torch.bool), asked.fills[0])[0])


def _photo(side: PhotoSide, asked: Subject, off: list[Head]) -> None:
    """Run under the tape that switches heads off: the classes, or how much of the representation is left."""
    if not side.model.classes:
        left = kept(asked)
        st.metric(say("ablation.cosine"), f"{left:.3f}", f"{left - 1:+.3f}" if off else None)
        return
    now = side.model.probabilities(side.result.fitted)
    before = side.result.probabilities
    shown = torch.maximum(before, now).topk(min(TOP, len(before))).indices.tolist()
    labels = [class_name(side.model.classes[number]) for number in shown]
    values = [[float(one[number]) for number in shown] for one in (before, now)]
    names = (say("ablation.all_on"), say("ablation.some_off", count=len(off)))[: 1 + bool(off)]
    figure = figures.before_after(labels, values[0], values[1], names)
    st.plotly_chart(figure, key="ablation_classes", config=QUIET)
    first, now_first = (class_name(side.model.classes[int(one.argmax())]) for one in (before, now))
    if first != now_first:
        st.warning(say("ablation.class_changed", before=plain(first), after=plain(now_first)))


def _sentence(side: SentenceSide, asked: Subject, off: list[Head]) -> None:
    """Run under the tape that switches heads off: the translation, and how likely the original one still is."""
    before = now = side.translation.text
    if off:
        source, _ = side.model.source_pieces(side.text, side.language)
        now = side.model.text(side.model.search(source)[0])
    names = (say("ablation.all_on"), say("ablation.some_off", count=len(off)))
    for name, text in list(zip(names, marked(before, now), strict=True))[: 1 + bool(off)]:
        st.html(f"<p style='margin:0;opacity:.75'>{html.escape(name)}</p><p>{text}</p>")
    state = "differs" if before != now else "same" if off else "as_it_is"
    st.caption(say(f"ablation.{state}", share=f"{kept(asked):.1%}"))


def marked(before: str, now: str) -> tuple[str, str]:
    """Both texts as HTML: words that went are struck through, words that came are underlined."""
    old, new = (
        "".join(f"<{tag}>{html.escape(text)}</{tag}>" if lacks else html.escape(text) for text, lacks in parts)
        for tag, parts in zip(("del", "ins"), parted(before, now), strict=True)
    )
    return old, new
