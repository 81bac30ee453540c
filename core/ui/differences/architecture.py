"""Section 3, architecture: the loaded models part by part, both directions against causal, and writing step by step."""

from functools import partial

import streamlit as st
import torch

from core import wording
from core.attention.tape import AttentionCall
from core.differences import structure
from core.differences.structure import Part, Ripple
from core.models.beams import BeamTree, beam_tree
from core.ui import beams, choices, work
from core.ui.clickable import clickable
from core.ui.columns import beside
from core.ui.differences import foreign, quiz, squares, writing
from core.ui.differences.lesson import Lesson
from core.ui.differences.quiz import Verdict
from core.ui.frame import ink
from core.ui.language import language, say
from core.ui.plain import piece_text
from core.views.charts import QUIET
from core.views.differences import diagrams, figures
from core.views.light import COLOURS

SIGNS = {"both": "⇄", "causal": "◣", "cross": "✕"}


def tree(lesson: Lesson, count: int) -> BeamTree:
    """The beam search of the lesson's sentence."""

    def find() -> BeamTree:
        model, target = lesson.translator, lesson.target
        source, _ = model.source_pieces(lesson.sentence, target)
        return beam_tree(model, lambda rule: model.search(source, count, work.LIMIT, None, target, rule), count)

    return lesson.of_sentence(("tree", count), find)


def _future(lesson: Lesson) -> float | None:
    trace = lesson.traces.get("vision")
    return lesson.of_picture("future", lambda: structure.future_share(trace)) if trace else None


def _ripple(lesson: Lesson) -> Ripple:
    written = tree(lesson, work.BEAMS).output

    def measure() -> Ripple:
        output = torch.tensor([written], device=lesson.translator.module.device)
        return structure.ripple(lesson.translator, lesson.sentence, lesson.target, output)

    return lesson.of_sentence("ripple", measure)


def show(lesson: Lesson) -> None:
    st.markdown(say("lesson_arch.lead"))
    _diagram(lesson)
    link = {"explain": "arithmetic", "walk": "block"}
    st.page_link("pages/explain.py", label=say("lesson_arch.walk"), icon=":material/arrow_forward:", query_params=link)
    _causal(lesson)
    writing.show(lesson)
    beams.show("lesson", partial(tree, lesson))
    foreign.show(lesson)
    st.header(say("lesson_arch.words"))
    st.markdown(say("lesson_arch.words_text"))
    squares.show(lesson)


def _diagram(lesson: Lesson) -> None:
    st.header(say("lesson_arch.diagram"))
    vision = structure.vision_parts(lesson.vision_model, lesson.vision)
    text = structure.translator_parts(lesson.translator, lesson.translation)
    if not _ask_most(lesson, vision, text):
        return
    st.caption(say("lesson_arch.diagram_help"))
    parts = {part.key: part for part in (*vision, *text)}
    names = {key: _name(part) for key, part in parts.items()}
    titles = [say(f"lesson_arch.stack_{stack}") for stack in diagrams.STACKS]
    first = next(part.key for part in vision if part.role == "layer" or part is vision[-1])
    chosen = choices.widget("part", "lesson_part", parts, first)
    words = SIGNS | {"shared": say("lesson_arch.tied"), "ink": ink(), "language": language()}
    figure = diagrams.architecture(list(parts.values()), names, titles, st.session_state.lesson_part, words)

    def take(marks: list[str]) -> None:
        choices.write("part", marks[0], first)

    clickable(figure, "lesson_diagram", take)
    left, right = st.columns(2, gap="large")
    with left:
        stacks = dict(zip(diagrams.STACKS, titles, strict=True))
        st.selectbox(
            say("lesson_arch.part"),
            list(parts),
            **chosen,
            format_func=lambda key: f"{stacks[parts[key].stack]} · {names[key]}",
        )
        part = parts[st.session_state.lesson_part]
        st.markdown(f"`{part.name}` · {say('lesson_arch.part_parameters', count=f'{part.parameters:,}')}")
        for kind, call in part.calls.items():
            st.markdown(f"{SIGNS[_sign(kind)]} {_call(kind, call)}")
    with right:
        _tensors(part)
    _totals(vision, text)


def _name(part: Part) -> str:
    """What a box says: a layer its number, a known module what it is, any other its own name."""
    if part.number:
        return say("lesson_arch.layer", number=part.number)
    known = f"lesson_arch.name_{'positions' if 'pos' in part.name else part.name}"
    return say(known) if known in wording.entries() else part.name


def _tensors(part: Part) -> None:
    rows = [
        {
            say("lesson_arch.tensor"): name,
            say("lesson_arch.shape"): " × ".join(map(str, shape)),
            say("lesson_arch.count"): f"{_product(shape):,}" if counted == "here" else say(f"lesson_arch.{counted}"),
        }
        for name, shape, counted in part.tensors
    ]
    st.dataframe(rows, hide_index=True, height=min(320, 38 + 35 * len(rows)))


def _sign(kind: str) -> str:
    return {"encoder": "both", "decoder": "causal"}.get(kind, kind)


def _call(kind: str, call: AttentionCall) -> str:
    rows, columns = call.query.shape[2], call.key.shape[2]
    values = {
        "heads": call.query.shape[1],
        "query": " × ".join(map(str, call.query.shape[1:])),
        "key": " × ".join(map(str, call.key.shape[1:])),
    }
    if kind == "encoder":
        return say("lesson_arch.call_encoder", rows=rows, columns=columns, **values)
    if kind == "decoder":
        shut = int((call.weights(item=0, head=0)[0, 0] == 0).triu(1).sum())
        return say("lesson_arch.call_decoder", hidden=f"{shut:,}", all=f"{rows * columns:,}", **values)
    return say("lesson_arch.call_cross", **values)


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _totals(vision: list[Part], text: list[Part]) -> None:
    values = {"vision": f"{sum(p.parameters for p in vision):,}", "text": f"{sum(p.parameters for p in text):,}"}
    tied = any(counted == "before" for part in text if part.role == "head" for *_, counted in part.tensors)
    if tied:
        table = max(part.parameters for part in text if part.role == "embed")
        st.caption(say("lesson_arch.totals", shared=f"{table:,}", **values))
    else:
        st.caption(say("lesson_arch.totals_untied", **values))


def _ask_most(lesson: Lesson, vision: list[Part], text: list[Part]) -> bool:
    sizes = {
        "table": sum(
            part.parameters for part in text if part.role in ("embed", "head") and "position" not in part.name
        ),
        "encoder": sum(part.parameters for part in text if part.role == "layer" and part.stack == "encoder"),
        "decoder": sum(part.parameters for part in text if part.role == "layer" and part.stack == "decoder"),
    }
    patch = next((part.parameters for part in vision if part.role == "embed"), 0)
    told = {name: f"{count:,}" for name, count in sizes.items()} | {"patch": f"{patch:,}"}
    most = max(sizes, key=sizes.__getitem__)
    options = {name: say(f"lesson_arch.most_{name}") for name in sizes}
    return quiz.ask_option(
        lesson,
        "arch_most",
        say("lesson_arch.ask_most"),
        options,
        lambda choice: Verdict(choice == most, say("lesson_arch.tell_most", **told)),
    )


def _causal(lesson: Lesson) -> None:
    st.header(say("lesson_arch.causal"))
    translation = lesson.translation
    encoder, decoder = (translation.traces[kind] for kind in ("encoder", "decoder"))
    shares = {"encoder": structure.future_share(encoder), "decoder": structure.future_share(decoder)}
    told = {name: f"{share:.1%}" for name, share in shares.items()}
    vision = _future(lesson)
    key = "lesson_arch.tell_future_text"
    if vision is not None:
        key, told["vision"] = "lesson_arch.tell_future", f"{vision:.1%}"
    ratio = shares["decoder"] / max(shares["encoder"], 1e-9)
    truth = "none" if shares["decoder"] < 1e-6 else "less" if ratio < 0.8 else "same"
    options = {name: say(f"lesson_arch.future_{name}") for name in ("none", "less", "same")}
    question = say("lesson_arch.ask_future", encoder=told["encoder"])
    if not quiz.ask_option(
        lesson, "arch_future", question, options, lambda choice: Verdict(choice == truth, say(key, **told))
    ):
        return
    st.latex(r"\mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt{d_k}}+M\right)V")
    st.latex(r"M_{ij}=\begin{cases}0&j\le i\\-\infty&j>i\end{cases}")
    st.caption(say("lesson_arch.mask_symbols"))
    st.caption(say("lesson_arch.causal_help"))
    titles = say("lesson_arch.query"), say("lesson_arch.key")
    for column, trace, name in zip(beside("causal"), (encoder, decoder), ("encoder", "decoder"), strict=True):
        mean = trace.mean().cpu()
        if trace.is_causal:
            mean = mean.masked_fill(mean.new_ones(mean.shape).triu(1).bool(), float("nan"))
        labels = [piece_text(piece) for piece in trace.key_axis.labels]
        column.markdown(f"**{say(f'lesson_arch.stack_{name}')}**")
        figure = figures.matrix(mean, labels, labels, 0, float(mean.nan_to_num().max()), 400, titles, COLOURS)
        column.plotly_chart(figure, key=f"lesson_causal_{name}", config=QUIET)
    _show_ripple(lesson)


def _show_ripple(lesson: Lesson) -> None:
    st.markdown(f"**{say('lesson_arch.ripple')}**")
    found = _ripple(lesson)
    axes = lesson.translation.source, lesson.translation.decoder_input
    sides = zip(st.columns(2, gap="large"), (found.encoder, found.decoder), axes, found.changed, strict=True)
    for number, (column, moved, axis, changed) in enumerate(sides):
        labels = [piece_text(piece) for piece in axis.labels]
        figure = figures.change_bars(labels, moved.tolist(), changed, say("lesson_arch.moved"))
        column.markdown(say(f"lesson_arch.stack_{diagrams.STACKS[number + 1]}"))
        column.plotly_chart(figure, key=f"lesson_ripple_{number}", config=QUIET)
    before = found.decoder[: found.changed[1]]
    values = {
        "count": int((found.encoder > 0).sum()),
        "first": f"{float(found.encoder[0]):.1%}",
        "before": f"{float(before.max()) if len(before) else 0.0:.1%}",
    }
    st.caption(say("lesson_arch.ripple_help", **values))
