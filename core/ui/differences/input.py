"""Section 1, input: a picture becomes patches through one linear map, a sentence becomes pieces through a table."""

import streamlit as st

from core.differences import inputs
from core.differences.inputs import Embedded, Pieces
from core.ui import choices
from core.ui.columns import beside
from core.ui.differences import chinese, quiz
from core.ui.differences.lesson import Lesson, piece_name
from core.ui.differences.pick import choose_patch, place
from core.ui.differences.quiz import Verdict
from core.ui.language import say
from core.ui.numbers import power_of_ten
from core.ui.plain import piece_text, plain
from core.views.charts import QUIET
from core.views.differences import figures

CHANNELS = {"red": "#ff5a4d", "green": "#48c774", "blue": "#5b9dff"}
NEAREST = 4  # patches whose positions count as the most similar
BEGINS = 24  # characters of a sentence of which the pieces are told


def show(lesson: Lesson) -> None:
    st.markdown(say("lesson_input.lead"))
    left, right = st.columns(2, gap="large")
    pieces = inputs.embed_sentence(lesson.translator, lesson.sentence, lesson.target)
    with left:
        patch = _picture(lesson)
    with right:
        _sentence(lesson, pieces)
    _places(lesson, patch, pieces)
    _length(lesson)
    chinese.show(lesson)


def _picture(lesson: Lesson) -> int:
    rows, columns = lesson.vision.axis.grid
    side = lesson.vision_model.patch
    st.header(say("lesson_input.image"))
    st.caption(say("lesson_input.image_help", rows=rows, columns=columns, side=side))
    patch = choose_patch(lesson)
    found = inputs.embed_patch(lesson.vision_model, lesson.vision, patch)
    st.markdown(f"**{say('lesson_input.numbers')}**")
    names = {name: say(f"lesson_input.{name}") for name in CHANNELS}
    colour = (
        st.segmented_control(
            say("lesson_input.numbers"),
            list(names),
            format_func=names.__getitem__,
            default=None,
            required=True,
            label_visibility="collapsed",
            **choices.widget("channel", "lesson_channel", names, "red"),
        )
        or "red"
    )
    pixels = inputs.raw_patch(lesson.vision_model, lesson.vision, patch)  # (p, p, 3)
    st.plotly_chart(
        figures.channel(pixels[..., list(names).index(colour)], CHANNELS[colour]), key="lesson_pixels", config=QUIET
    )
    mean = " · ".join(f"{value:.0f}" for value in pixels.float().mean((0, 1)))
    st.caption(say("lesson_input.numbers_help", count=pixels.numel(), side=side, mean=mean))
    st.markdown(f"**{say('lesson_input.embedding')}**")
    if found is None:
        st.info(say("lesson_input.not_linear"))
        return patch
    st.latex(r"\mathbf{z}_p = W\,\mathbf{x}_p + \mathbf{b}")
    st.caption(say("lesson_input.patch_symbols"))
    figure = figures.strips(found.embedding[None], [say("lesson_input.patch_row")], height=120)
    st.plotly_chart(figure, key="lesson_embedding", config=QUIET)
    outputs, read = found.weight
    values = {"side": side, "outputs": outputs, "inputs": read, "deviation": power_of_ten(found.deviation)}
    st.markdown(say("lesson_input.linear", **values))
    _feature_map(found, patch)
    return patch


def _feature_map(found: Embedded, patch: int) -> None:
    """What a convolutional network would go on with: one number of the vector at every place."""
    st.markdown(f"**{say('lesson_input.feature_map')}**")
    shares = found.feature_map / found.feature_map.abs().max().clamp_min(1e-12)
    at = say("lessons.patch_at", row="{row}", column="{column}")
    st.plotly_chart(figures.grid_map(shares, at, patch), key="lesson_feature_map", config=QUIET)
    st.caption(say("lesson_input.feature_map_help", number=found.number + 1, outputs=found.weight[0]))


def _sentence(lesson: Lesson, pieces: Pieces) -> None:
    axis = lesson.translation.source
    st.header(say("lesson_input.sentence"))
    told = {"count": len(axis), "marks": sum(axis.special), "vocabulary": f"{pieces.vocabulary:,}"}
    st.caption(say("lesson_input.sentence_help", **told))
    words = axis.merged().pieces
    rows = [
        {
            say("lesson_input.piece"): piece_text(name),
            say("lesson_input.id"): number,
            say("lesson_input.word"): piece_text(words[word]),
        }
        for name, number, word in zip(axis.pieces, pieces.ids, axis.words, strict=True)
    ]
    st.dataframe(rows, hide_index=True, height=min(300, 38 + 35 * len(rows)))
    st.markdown(f"**{say('lesson_input.lookup')}**")
    st.latex(r"\mathbf{z}_i = s\,E_{\mathrm{id}_i}")
    st.caption(say("lesson_input.lookup_symbols"))
    st.plotly_chart(
        figures.strips(pieces.embeddings, [piece_text(name) for name in axis.pieces]), key="lesson_lookup", config=QUIET
    )
    width = pieces.embeddings.shape[1]
    values = {"vocabulary": f"{pieces.vocabulary:,}", "width": width, "scale": f"{pieces.scale:g}"}
    st.caption(say("lesson_input.lookup_help", **values))
    _ask_capitals(lesson)


def _ask_capitals(lesson: Lesson) -> None:
    """The same letters, larger: they are others to a tokenizer, and the sentence falls into other pieces."""
    shouted = lesson.sentence.upper()
    before, after = len(lesson.translation.source), lesson.translator.length(shouted, lesson.target)
    _, begins = lesson.translator.source_pieces(shouted[:BEGINS], lesson.target)
    truth = "fewer" if after < before else "same" if after == before else "some" if after <= 2 * before else "many"
    names = (piece for piece, mark in zip(begins.pieces, begins.special, strict=True) if not mark)
    told = {"before": before, "after": after, "pieces": piece_name(" · ".join(names))}
    options = {name: say(f"lesson_input.capitals_{name}") for name in ("fewer", "same", "some", "many")}
    check = lambda choice: Verdict(choice == truth, say("lesson_input.tell_capitals", **told))  # noqa: E731
    quiz.ask_option(lesson, "input_capitals", say("lesson_input.ask_capitals", count=before), options, check)


def _places(lesson: Lesson, patch: int, pieces: Pieces) -> None:
    left, right = beside("places")
    with left:
        st.header(say("lesson_input.positions"))
        _patch_positions(lesson, patch)
        _prefix(lesson)
    with right:
        st.header(say("lesson_input.order"))
        if pieces.positions is None:
            st.info(say("lesson_input.no_order"))
            return
        alike = inputs.cosines(pieces.positions)
        names = [piece_text(name) for name in lesson.translation.source.pieces]
        st.latex(r"\mathbf{x}_i = \mathbf{z}_i + \mathbf{p}_i,\qquad \cos(\mathbf{p}_i,\mathbf{p}_j)")
        st.caption(say("lesson_input.order_symbols"))
        st.plotly_chart(figures.matrix(alike, names, names, -1, 1, 380), key="lesson_order", config=QUIET)
        near, far = float(alike.diagonal(1).mean()) if len(names) > 1 else 1.0, float(alike[0, -1])
        st.caption(say("lesson_input.order_help", near=f"{near:.2f}", far=f"{far:.2f}"))


def _patch_positions(lesson: Lesson, patch: int) -> None:
    grid = lesson.vision.axis.grid
    vectors = lesson.vision_model.position_vectors(grid)
    if vectors is None:
        st.info(say("lesson_input.no_positions"))
        return
    alike = inputs.cosines(vectors, patch)
    others = alike.clone()
    others[patch] = -2
    nearest = tuple(others.topk(min(NEAREST, len(others) - 1)).indices.tolist())
    best = {"best": place(nearest[0], grid), "best_value": f"{float(alike[nearest[0]]):.2f}"}

    def check(choice: int) -> Verdict:
        yours = say("quiz.yours", value=f"{float(alike[choice]):.2f}")
        return Verdict(choice in nearest, say("lesson_input.tell_position", **best), nearest, yours)

    question = say("lesson_input.ask_position")
    if not quiz.ask_patch(lesson, f"input_position_{patch}", question, check, asked=[patch]):
        return
    st.latex(
        r"\cos(\mathbf{e}_p,\mathbf{e}_q)=\frac{\mathbf{e}_p\cdot\mathbf{e}_q}{\|\mathbf{e}_p\|\,\|\mathbf{e}_q\|}"
    )
    st.caption(say("lesson_input.position_symbols"))
    at = say("lessons.patch_at", row="{row}", column="{column}")
    figure = figures.grid_map(alike.reshape(grid), at, patch)
    st.plotly_chart(figure, key="lesson_positions", config=QUIET)
    mean = float((alike.sum() - alike[patch]) / (len(alike) - 1))
    values = {"place": best["best"], "value": best["best_value"], "mean": f"{mean:.2f}"}
    st.caption(say("lesson_input.positions_help", **values))


def _prefix(lesson: Lesson) -> None:
    names = lesson.vision.axis.prefix
    lengths = inputs.prefix_norms(lesson.vision_model)
    said = [
        say("lesson_input.length_of", name=name, length=f"{lengths[name]:.2f}") if name in lengths else name
        for name in names
    ]
    if not said:
        st.markdown(say("lesson_input.prefix_none"))
        return
    key = "lesson_input.prefix_one" if len(said) == 1 else "lesson_input.prefix"
    registers = any(name.startswith("register") for name in names)
    text = say(key, count=len(said), names=plain(say("list.comma").join(said)))
    st.markdown(text if registers else f"{text}\n\n{say('lesson_input.no_registers')}")


def _length(lesson: Lesson) -> None:
    st.header(say("lesson_input.length"))
    model, axis, source = lesson.vision_model, lesson.vision.axis, lesson.translation.source
    rows, columns = axis.grid
    side = lesson.vision.fitted.pixels.width
    patches = rows * columns
    answer = 4 * patches
    told = {
        "double": 2 * side,
        "patch": model.patch,
        "answer": f"{answer:,}",
        "rows": rows,
        "columns": columns,
        "rows2": 2 * rows,
        "columns2": 2 * columns,
    }
    answered = quiz.ask_option(
        lesson,
        "input_double",
        say("lesson_input.ask_double", side=side, patches=patches, double=2 * side),
        {str(count): f"{count:,}" for count in (patches, 2 * patches, 4 * patches, 8 * patches)},
        lambda choice: Verdict(choice == str(answer), say("lesson_input.tell_double", **told)),
    )
    if not answered:
        return
    left, right = st.columns(2, gap="large")
    count = say("lesson_input.positions_count")
    points = inputs.image_lengths(model)
    figure = figures.growth({"image": points}, say("lesson_input.length_image"), count, [(side, len(axis))])
    left.plotly_chart(figure, key="lesson_image_length", config=QUIET)
    if len(points) == 1:
        left.caption(say("lesson_input.length_fixed"))
    lengths = inputs.sentence_lengths(lesson.translator, lesson.sentence, lesson.target)
    here = [(len(lesson.sentence), len(source))]
    figure = figures.growth({"sentence": lengths}, say("lesson_input.length_sentence"), count, here)
    right.plotly_chart(figure, key="lesson_sentence_length", config=QUIET)
    (first, few), (last, many) = lengths[0], lengths[-1]
    values = {
        "patch": model.patch,
        "prefix": len(axis.prefix),
        "rate": f"{100 * (many - few) / max(1, last - first):.0f}",
        "image_pairs": f"{len(axis) ** 2:,}",
        "sentence_pairs": f"{len(source) ** 2:,}",
    }
    st.markdown(say("lesson_input.length_help", **values))
