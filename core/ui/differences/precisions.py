"""The part of Cost on fewer digits: what half precision and int8 save, and whether the models still answer as well."""

import math

import streamlit as st
import torch

from core.differences import precision
from core.ui import background
from core.ui.differences.lesson import Lesson, model_title, note
from core.ui.differences.measure import table, title
from core.ui.language import say
from core.ui.plain import plain
from core.wording import minus


def show(lesson: Lesson) -> None:
    note(say("cost.precision_why"))
    model = lesson.vision_model
    names = precision.available(model.module)
    if "bfloat16" not in names:
        note(say("cost.no_bfloat16"))
    side, own = precision.side_for(model), precision.is_classifier(model)
    asked = 10 * precision.ASKED
    count = asked + (0 if own else 10 * precision.KNOWN)
    seconds = 4 + 2 * count * model.operations((side // model.patch) ** 2 + 1) / model.rate()
    st.markdown(f"**{plain(model_title(lesson.vision_name))}**")
    seen = background.result(
        ("vision_precision", lesson.vision_name),
        title("vision_precision", seconds),
        lambda on_step: precision.vision_quality(model, names, background.shares(on_step)),
        (lesson.vision_name,),
        wait=True,
    )
    if seen:
        _quality_table(seen, say("cost.accuracy"), asked)
        note(
            say("cost.by_classes" if own else "cost.by_neighbours", count=asked, known=10 * precision.KNOWN, side=side)
        )
        _noise(seen)
    st.markdown(f"**{plain(model_title(lesson.translation_name))}**")
    judged = precision.judged_pairs(lesson.target)
    if judged is None:
        st.info(say("cost.no_pairs"))
        return
    name, pairs = judged
    read = background.result(
        ("text_precision", lesson.translation_name, lesson.target),
        title("text_precision", 6),
        lambda on_step: precision.translation_quality(lesson.translator, pairs, names, background.shares(on_step)),
        (lesson.translation_name,),
        wait=True,
    )
    if read:
        _quality_table(read, "BLEU", len(pairs))
        note(say("cost.by_pairs", count=len(pairs), data=say(f"cost.data_{name}")))
    st.caption(say("cost.int8_how", torch=torch.__version__))


def _quality_table(found: tuple[precision.Quality, ...], score: str, count: int) -> None:
    chrf, judged = not math.isnan(found[0].chrf), found[0].against is not None
    more = [*(["chrF"] if chrf else []), *([say("cost.against")] if judged else [])]
    table(
        ["", say("cost.size"), say("cost.each"), score, *more, say("cost.changed")],
        [
            [
                one.precision,
                f"{one.megabytes:.1f} MB",
                f"{one.seconds / count * 1000:.0f} ms",
                f"{one.score:.1f}" + (f" ± {one.error:.1f}" if one is found[0] and judged else ""),
                *([f"{one.chrf:.1f}"] if chrf else []),
                *([_against(one, found[0])] if judged else []),
                f"{one.changed:.0%}",
            ]
            for one in found
        ],
    )


def _against(one: precision.Quality, first: precision.Quality) -> str:
    if one is first or one.against is None:
        return "–"
    return minus(f"{one.against.points:+.1f} ± {one.against.error:.1f}")


def _noise(found: tuple[precision.Quality, ...]) -> None:
    """Say whether the accuracies differ by more than chance, on the same pictures."""
    told = precision.told_apart(found)
    if told is None or told[0].against is None:
        return
    least, against = told[0], told[0].against
    values = {"precision": least.precision, "gained": against.gained, "lost": against.lost}
    note(say("cost.beyond_noise" if told[1] else "cost.within_noise", **values, chance=f"{against.chance:.2g}"))
