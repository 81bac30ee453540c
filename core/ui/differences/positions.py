"""The part of the mathematics on order: shuffled, both models show what they know of it; and four ways to tell them."""

import streamlit as st

from core.differences import inputs, mistakes, positions
from core.differences.texts import likeness
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import cell, table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import class_name, say
from core.ui.numbers import power_of_ten
from core.ui.patches import middle
from core.ui.plain import piece_text
from core.views.charts import QUIET
from core.views.differences.figures import grid_map, matrix

HEIGHT = 320
WAYS = ("fixed", "learnt", "bias", "rotary")


def show(lesson: Lesson) -> None:
    st.header(say("positions.title"))
    if _shuffled(lesson):
        _ways(lesson)


def limit(lesson: Lesson) -> int:
    """Output pieces after which a broken translator is stopped."""
    return 2 * len(lesson.translation.target) + 8


def _shuffled(lesson: Lesson) -> bool:
    """Patches and words in another order, with positions and without; whether the question was answered."""
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
    told = bool(lesson.vision_model.position_tables())  # so that they can be taken away

    def shuffled() -> mistakes.Order | None:
        return lesson.of_picture(
            "picture_order", lambda: mistakes.picture_order(lesson.vision_model, lesson.vision.fitted)
        )

    options = {name: say(f"mistakes.q_{name}") for name in ("nothing", "little", "much")}

    def check(choice: str) -> Verdict:
        picture = shuffled()
        assert picture is not None  # else it is not asked
        values = {"without": f"{picture.without:.4f}", "with_": f"{picture.with_positions:.2f}"}
        actual = "nothing" if picture.without > 0.9999 else "little" if picture.without > 0.9 else "much"
        return Verdict(choice == actual, say("mistakes.q_order_answer", **values))

    if told and not ask_option(lesson, "maths_order", say("mistakes.q_order"), options, check):
        return False
    note(say("mistakes.order_why"))
    left, right = st.columns([1, 2], gap="large")
    if picture := shuffled():
        with left:
            st.image(
                picture.shuffled,
                say("mistakes.shuffled_picture"),
                width="stretch",
                alt=say("mistakes.shuffled_picture"),
            )
        with right:
            _picture_table(picture)
    else:
        st.info(say("mistakes.no_table_vision"))
    words = lesson.of_sentence(
        "word_order",
        lambda: mistakes.word_order(lesson.translator, source, lesson.translation, limit(lesson)),
    )
    if words is None:
        st.info(say("mistakes.no_table_text"))
        return True
    ordered, mixed = cell(lesson.sentence), cell(words.shuffled)
    table(
        [say("mistakes.source"), say("mistakes.with_positions"), say("mistakes.without_positions")],
        [
            [ordered, cell(words.texts[0]), cell(words.texts[2])],
            [mixed, cell(words.texts[1]), cell(words.texts[3])],
        ],
        texts=3,
    )
    same = words.texts[2] == words.texts[3]
    note(say("mistakes.words_same" if same else "mistakes.words_differ", difference=power_of_ten(words.difference, 0)))
    note(say("positions.words_lose", chrf=f"{likeness(words.texts[1], words.texts[0]):.0f}"))
    return True


def _picture_table(picture: mistakes.Order) -> None:
    cosines = [f"{one:.4f}" for one in (1, picture.with_positions, 1, picture.without)]
    if picture.labels:
        labels = [cell(class_name(label)) for label in picture.labels]
        cosines = [say("mistakes.labelled", value=one, label=label) for one, label in zip(cosines, labels, strict=True)]
    table(
        [say("mistakes.read_off"), say("mistakes.with_positions"), say("mistakes.without_positions")],
        [
            [say("mistakes.in_order"), *cosines[::2]],
            [say("mistakes.mixed"), *cosines[1::2]],
        ],
    )
    note(say("mistakes.zeroed", zeroed=f"{picture.zeroed:.2f}"))


def _ways(lesson: Lesson) -> None:
    """Fixed and learnt vectors of the loaded models, and two ways that they do not have, on their own numbers."""
    st.markdown(f"### {say('positions.ways')}")
    note(say("positions.ways_why"))
    labels = [piece_text(name) for name in lesson.translation.source.pieces]
    left, right = st.columns(2, gap="large")
    with left:
        _added_text(lesson, labels)
    with right:
        _added_picture(lesson)
    left, right = st.columns(2, gap="large")
    with left:
        _bias(lesson, labels)
    with right:
        _rotary(lesson, labels)
    table(
        [say("positions.way"), say("positions.where"), say("positions.longer"), say("positions.who")],
        [[say(f"positions.{way}{part}") for part in ("", "_where", "_longer", "_who")] for way in WAYS],
        texts=4,
    )


def _added_text(lesson: Lesson, labels: list[str]) -> None:
    vectors = inputs.embed_sentence(lesson.translator, lesson.sentence, lesson.target).positions
    if vectors is None:
        st.info(say("lesson_input.no_order"))
        return
    fixed = positions.is_fixed(vectors)
    st.markdown(f"**{say('positions.fixed' if fixed else 'positions.learnt')}**")
    if fixed:
        st.latex(
            r"\mathbf{p}_{i,k} = \sin \frac{i}{10000^{2k/D}}, \quad \mathbf{p}_{i,D/2+k} = \cos \frac{i}{10000^{2k/D}}"
        )
    figure = matrix(positions.alike(vectors), labels, labels, -1, 1, HEIGHT)
    st.plotly_chart(figure, key="positions_fixed", config=QUIET)
    width = vectors.shape[1]
    values = {"deviation": power_of_ten(positions.deviation(vectors)), "width": width, "count": len(vectors)}
    st.caption(say("positions.fixed_help" if fixed else "positions.learnt_text", **values))


def _added_picture(lesson: Lesson) -> None:
    grid = lesson.vision.axis.grid
    vectors = lesson.vision_model.position_vectors(grid)
    if vectors is None:
        st.info(say("lesson_input.no_positions"))
        return
    st.markdown(f"**{say('positions.learnt')}**")
    st.latex(r"\mathbf{e}_{1}, \dots, \mathbf{e}_{N} \in \mathbb{R}^{D}")
    one = middle(grid)
    figure = grid_map(
        inputs.cosines(vectors, one).reshape(grid), say("lessons.patch_at", row="{row}", column="{column}"), one
    )
    st.plotly_chart(figure, key="positions_learnt", config=QUIET)
    st.caption(say("positions.learnt_help", numbers=f"{vectors.numel():,}", count=len(vectors), width=vectors.shape[1]))


def _bias(lesson: Lesson, labels: list[str]) -> None:
    own = positions.learnt_bias(lesson.translator, len(labels))
    heads = lesson.translation.traces["encoder"].heads
    bias = positions.falling_bias(len(labels), heads) if own is None else own
    st.markdown(f"**{say('positions.bias')}**")
    st.latex(r"\mathrm{softmax}\!\left(\tfrac{q_i\cdot k_j}{\sqrt{d_k}} + b_{i-j}\right)")
    end = float(bias.abs().max().clamp_min(1e-9))
    st.plotly_chart(matrix(bias, labels, labels, -end, end, HEIGHT), key="positions_bias", config=QUIET)
    st.caption(say("positions.bias_help" if own is None else "positions.bias_own", heads=heads))


def _rotary(lesson: Lesson, labels: list[str]) -> None:
    query = positions.middle_query(lesson.translation.traces["encoder"])
    turned = positions.alike(positions.rotated(query, len(labels)))
    st.markdown(f"**{say('positions.rotary')}**")
    st.latex(r"(R_i\,q)\cdot(R_j\,k) = q\cdot R_{j-i}\,k")
    st.plotly_chart(matrix(turned, labels, labels, -1, 1, HEIGHT), key="positions_rotary", config=QUIET)
    st.caption(say("positions.rotary_help", next=f"{float(turned[0, min(1, len(labels) - 1)]):.2f}", width=len(query)))
