"""The box on common mistakes: each is run on the loaded models beside the right version."""

import streamlit as st

from core.differences import mistakes
from core.ui import background, choices
from core.ui.differences import code
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import cell, large, number, table, title
from core.ui.differences.positions import limit
from core.ui.language import class_name, say
from core.views.charts import QUIET
from core.views.differences.charts import lines
from core.wording import minus

MISTAKES = ("softmax", "classifier", "one_hot", "missing")
LATEX = {
    "right": r"$\mathrm{softmax}(QK^\top/\sqrt{d_k})\,V$",
    "unscaled": r"$\mathrm{softmax}(QK^\top)\,V$",
    "scale_after": r"$\mathrm{softmax}(QK^\top)/\sqrt{d_k}\;V$",
    "after_value": r"$\mathrm{softmax}(QK^\top V/\sqrt{d_k})$",
}


def show(lesson: Lesson) -> None:
    with st.container(border=True):
        st.markdown(f"### {say('mistakes.title')}")
        chosen = st.segmented_control(
            say("mistakes.title"),
            MISTAKES,
            format_func=lambda name: say(f"mistakes.{name}"),
            default=None,
            required=True,
            label_visibility="collapsed",
            **choices.widget("mistake", "mistake", MISTAKES, MISTAKES[0]),
        )
        chosen = chosen or MISTAKES[0]
        {"softmax": _softmax, "classifier": _classifier, "one_hot": _one_hot, "missing": _missing}[chosen](lesson)


def _softmax(lesson: Lesson) -> None:
    note(say("mistakes.softmax_why"))
    code.show(lesson, "softmax")
    traces = [one.traces["encoder"] for one in (lesson.vision, lesson.translation) if one.traces]
    rows = lesson.of_both(
        "softmax_rows",
        lambda: [[mistakes.rows_of(t, t.layers // 2, f) for t in traces] for f in mistakes.FORMULAS],
    )
    names = " / ".join([say("maths.vision")] * (len(traces) - 1) + [say("maths.encoder")])
    table(
        [names, say("mistakes.total"), say("mistakes.entropy"), say("mistakes.off")],
        [
            [LATEX[row[0].formula], *(" / ".join(column) for column in zip(*map(_row, row), strict=True))]
            for row in rows
        ],
    )
    note(say("mistakes.softmax_rows"))
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
    size = lesson.vision.fitted.pixels.width
    found = background.result(
        ("wrong_formulas", lesson.run),
        title("wrong_formulas", 3),
        lambda on_step: mistakes.outcomes(
            lesson.vision_model,
            lesson.image,
            size,
            lesson.translator,
            source,
            limit(lesson),
            tell=lambda done: on_step(done, len(mistakes.FORMULAS)),
        ),
        lesson.models,
        wait=True,
    )
    if found is None:
        return
    classes = bool(found[0].predictions)
    table(
        [
            "",
            *([say("mistakes.prediction")] if classes else []),
            say("mistakes.text"),
            "chrF",
            say("mistakes.similarity"),
        ],
        [
            [
                LATEX[one.formula],
                *([_label(one.predictions)] if classes else []),
                cell(one.text) or "–",
                f"{one.chrf:.0f}",
                f"{one.similarity:.2f}",
            ]
            for one in found
        ],
        texts=2 + classes,
    )
    survived = [LATEX[one.formula] for one in found[1:] if one.text == found[0].text]
    note(
        say("mistakes.survived", formulas=say("list.comma").join(survived))
        if survived
        else say("mistakes.none_survived")
    )


def _row(one: mistakes.Rows) -> tuple[str, str, str]:
    return minus(number(one.total)), "–" if one.entropy is None else f"{one.entropy:.2f}", f"{one.deviation:.0%}"


def _label(predictions: tuple) -> str:
    return f"{cell(class_name(predictions[0].label))} {predictions[0].probability:.0%}"


def _classifier(lesson: Lesson) -> None:
    note(say("mistakes.classifier_why"))
    code.show(lesson, "classifier")
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
    found = lesson.of_sentence("classified", lambda: mistakes.classified(lesson.translator, source, lesson.translation))
    classes = len(lesson.vision_model.classes)
    table(
        [say("mistakes.what"), say("mistakes.says"), say("mistakes.outputs")],
        [
            [
                say("mistakes.vision_head"),
                _label(lesson.vision.predictions) if classes else say("mistakes.no_head"),
                str(classes) if classes else "–",
            ],
            [
                say("mistakes.one_class"),
                say("list.comma").join(f"{cell(piece)} {p:.1%}" for piece, p in found.first[:3]),
                f"{found.vocabulary:,}",
            ],
            [say("mistakes.apart", n=found.pieces), cell(found.apart), f"$10^{{{found.sequences:.0f}}}$"],
            [say("mistakes.chain"), cell(lesson.translation.text), f"$10^{{{found.sequences:.0f}}}$"],
        ],
        texts=2,
    )
    note(say("mistakes.classifier_note", n=found.pieces, vocabulary=f"{found.vocabulary:,}", chrf=f"{found.chrf:.0f}"))


def _one_hot(lesson: Lesson) -> None:
    note(say("mistakes.one_hot_why"))
    code.show(lesson, "one_hot")
    found = lesson.of_picture("one_hot", lambda: mistakes.one_hot(lesson.vision_model, lesson.vision.fitted))
    table(
        ["", say("mistakes.as_numbers"), say("mistakes.as_codes")],
        [
            [say("mistakes.input_size"), f"{found.numbers:,}", f"{found.codes:,}"],
            [say("mistakes.weights"), large(found.weights), large(found.weights_then)],
            [say("mistakes.distance"), r"$\lvert a-b\rvert$", r"$\sqrt{2}$"],
        ],
    )
    series = {
        say("mistakes.embedding"): [(shift, cosine) for shift, cosine, _ in found.curve],
        say("mistakes.code"): [(shift, overlap) for shift, _, overlap in found.curve],
    }
    figure = lines(series, say("mistakes.shades"), say("mistakes.cosine"))
    st.plotly_chart(figure, key="one_hot", config=QUIET)
    shift, cosine, overlap = found.curve[1]
    note(say("mistakes.one_hot_note", shift=shift, cosine=f"{cosine:.5f}", overlap=f"{overlap:.3f}"))


def _missing(lesson: Lesson) -> None:
    note(say("mistakes.missing_why"))
    code.show(lesson, "missing")
