"""The heads that are worth least for this answer, taken away one after another: does quality on held-out data hold?"""

from collections.abc import Callable

import streamlit as st
from torch import Tensor

from core.attention.ablation import importance_order, pruning, random_order
from core.attention.trace import Kind
from core.finetune import held_out
from core.finetune.parallel import TAGS
from core.ui import background
from core.ui.explain.sides import PhotoSide, SentenceSide, Side, subject_of
from core.ui.language import say
from core.views import explain as figures
from core.views.charts import QUIET

STEPS = 8  # counts of heads
EACH, CAPTIONS = 10, 40  # held-out pictures of each class, held-out sentences

Measure = tuple[int, Callable[[], float]]


def prune(side: Side, target: int, grids: dict[Kind, Tensor]) -> None:
    """A button, then quality against the number of heads that are off, in this order and in a random one."""
    measure = _evaluator(side)
    if measure is None:
        st.caption(say(f"ablation.no_measure_{side.kind}"))
        return
    items, evaluate = measure
    order = importance_order(grids)
    counts = [len(order) * step // STEPS for step in range(STEPS)]

    def work(on_step: background.OnStep) -> dict[str, list[tuple[int, float]]]:
        found, asked = {}, subject_of(side, target)
        for number, (name, heads) in enumerate((("least", order), ("chance", random_order(order)))):

            def tell(done: int, total: int, number: int = number) -> None:
                on_step(done + number * total, 2 * total)

            found[name] = pruning(evaluate, asked, heads, counts, tell)
        return found

    found = background.result(
        ("pruning", side.name, side.place, tuple(order)),
        say(f"ablation.prune_{side.kind}", count=items),
        work,
        (side.name,),
        wait=True,
    )
    if found is not None:
        series = {say(f"ablation.{name}"): points for name, points in found.items()}
        figure = figures.pruning(series, say("ablation.heads_off"), say(f"ablation.quality_{side.kind}"))
        st.plotly_chart(figure, key=f"pruning_{side.kind}", config=QUIET)


def _evaluator(side: Side) -> Measure | None:
    """How many held-out items there are to measure on, and the measure; None where the bundled sets do not fit."""
    return side.either(_pictures, _captions)


def _pictures(side: PhotoSide) -> Measure | None:
    if not held_out.has_bundled_classes(side.model):
        return None
    return EACH * len(side.model.classes), lambda: held_out.class_accuracy(side.model, EACH)


def _captions(side: SentenceSide) -> Measure | None:
    languages = {TAGS[code]: code for code in held_out.caption_languages(side.model)}
    if side.language not in languages:
        return None
    return CAPTIONS, lambda: held_out.caption_bleu(side.model, languages[side.language], CAPTIONS)
