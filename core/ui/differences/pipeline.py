"""Section 0: the overview, and the pipeline walk, both models in step, each stage with its tensor and its shape."""

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image
from torch import Tensor

from core.differences import pipeline
from core.differences.pipeline import TextWalk, VisionWalk
from core.ui import work
from core.ui.differences import overview, quiz
from core.ui.differences.architecture import tree
from core.ui.differences.label import choose as choose_label
from core.ui.differences.lesson import Lesson, piece_name
from core.ui.differences.quiz import Verdict
from core.ui.language import class_name, say
from core.ui.plain import plain
from core.views.charts import QUIET
from core.views.differences import charts, figures

STAGES = ("s1", "s2", "s3", "s4", "s5")


def _vision(lesson: Lesson) -> VisionWalk:
    return lesson.of_picture("walk", lambda: pipeline.walk_vision(lesson.vision_model, lesson.vision))


def _views(lesson: Lesson) -> float:
    return lesson.of_picture("views", lambda: pipeline.view_loss(lesson.vision_model, lesson.vision))


def _text(lesson: Lesson) -> TextWalk:
    output = tree(lesson, work.BEAMS).output
    return lesson.of_sentence(
        "walk", lambda: pipeline.walk_text(lesson.translator, lesson.sentence, lesson.target, output)
    )


def show(lesson: Lesson) -> None:
    st.caption(say("lesson_pipe.words"))
    overview.show(lesson)
    st.header(say("lesson_pipe.walk"))
    st.markdown(say("lesson_pipe.lead"))
    vision, text = _vision(lesson), _text(lesson)
    if not _ask(lesson, text):
        return
    drawn = {"s1": _preprocess, "s2": _embed, "s3": _encode, "s4": _answer, "s5": _loss}
    for stage in STAGES:
        with st.container(border=True):
            st.markdown(f"**{say(f'lesson_pipe.{stage}')}**")
            drawn[stage](lesson, vision, text, *st.columns(2, gap="large"))
    _depth(vision, text)


def _ask(lesson: Lesson, text: TextWalk) -> bool:
    positions, width = len(lesson.vision.axis), lesson.vision.features.shape[-1]
    pieces, text_width = text.encoder[0].shape
    image, sentence = positions * width, pieces * text_width
    ratio = image / sentence
    guesses = {name: _round(ratio * factor) for name, factor in (("less", 0.1), ("right", 1.0), ("more", 10.0))}
    told = {
        "image": f"{image:,}",
        "positions": positions,
        "width": width,
        "text": f"{sentence:,}",
        "pieces": pieces,
        "text_width": text_width,
        "times": f"{ratio:.1f}",
    }
    return quiz.ask_option(
        lesson,
        "pipe_ratio",
        say("lesson_pipe.ask"),
        {name: say("lesson_pipe.times", times=times) for name, times in guesses.items()},
        lambda choice: Verdict(choice == "right", say("lesson_pipe.tell", **told)),
    )


def _round(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def _cell(side: str, shape: Sequence[int], picture: Image.Image | None, text: str) -> None:
    st.markdown(f"{say(f'lessons.{side}')} `{' × '.join(map(str, shape))}`")
    if picture is not None:
        st.image(picture, width="content", alt=text)
    st.caption(text)


def _preprocess(lesson: Lesson, vision: VisionWalk, text: TextWalk, left, right) -> None:
    pixels = vision.pixels
    values = {
        "width": lesson.image.width,
        "height": lesson.image.height,
        "side": pixels.shape[-1],
        "mean": f"{float(pixels.mean()):.2f}",
        "deviation": f"{float(pixels.std()):.2f}",
    }
    with left:
        _cell("vision", (1, *pixels.shape), _normalised(pixels), say("lesson_pipe.pixels", **values))
    ids = text.ids.tolist()
    with right:
        st.markdown(f"{say('lessons.language')} `1 × {len(ids)}`")
        names = map(piece_name, lesson.translation.source.pieces)
        st.markdown(" ".join(f"{name} :gray[{number}]" for name, number in zip(names, ids, strict=True)))
        counts = {"characters": len(lesson.sentence), "pieces": len(ids)}
        if len(ids) > 1:
            low, high = sorted(ids[:2])
            st.caption(say("lesson_pipe.ids", first=low, second=high, **counts))
        else:
            st.caption(say("lesson_pipe.ids_one", **counts))


def _normalised(pixels: Tensor) -> Image.Image:
    """The normalised pixels, stretched to what a screen can show."""
    low, high = pixels.min(), pixels.max()
    shown = ((pixels - low) / (high - low).clamp_min(1e-6) * 255).permute(1, 2, 0).numpy().astype(np.uint8)
    picture = Image.fromarray(shown)
    picture.thumbnail((180, 180))
    return picture


def _embed(lesson: Lesson, vision: VisionWalk, text: TextWalk, left, right) -> None:
    patches, width = vision.embedded.shape
    with left:
        said = say("lesson_pipe.embed_image", patches=patches, width=width, prefix=len(lesson.vision.axis.prefix))
        _cell("vision", (1, patches, width), figures.heat_image(vision.embedded), said)
    pieces, text_width = text.encoder[0].shape
    with right:
        said = say("lesson_pipe.embed_text", pieces=pieces, width=text_width)
        _cell("language", (1, pieces, text_width), figures.heat_image(text.encoder[0]), said)


def _encode(lesson: Lesson, vision: VisionWalk, text: TextWalk, left, right) -> None:
    with left:
        if vision.states:
            last = vision.states[-1]
            kept = f"{pipeline.kept(vision.states)[-1]:.2f}"
            said = say("lesson_pipe.encoder", layers=len(vision.states) - 1, kept=kept)
            _cell("vision", (1, *last.shape), figures.heat_image(last), said)
        else:
            st.info(say("lesson_pipe.no_layers"))
    last = text.encoder[-1]
    with right:
        said = say("lesson_pipe.encoder", layers=len(text.encoder) - 1, kept=f"{pipeline.kept(text.encoder)[-1]:.2f}")
        _cell("language", (1, *last.shape), figures.heat_image(last), said)


def _answer(lesson: Lesson, vision: VisionWalk, text: TextWalk, left, right) -> None:
    width = vision.head.shape[0]
    with left:
        if vision.logits is None:
            said = say("lesson_pipe.no_head", width=width)
            _cell("vision", (1, width), figures.heat_image(vision.head[None], height=40), said)
        else:
            top = lesson.vision.predictions[0]
            said = say(
                "lesson_pipe.head",
                width=width,
                classes=len(vision.logits),
                label=plain(class_name(top.label)),
                probability=f"{top.probability:.1%}",
            )
            _cell("vision", (1, width), figures.heat_image(vision.head[None], height=40), said)
    steps, vocabulary = text.logits.shape
    with right:
        said = say(
            "lesson_pipe.decoder",
            layers=len(text.decoder) - 1,
            pieces=len(text.ids),
            steps=steps,
            vocabulary=f"{vocabulary:,}",
        )
        _cell("language", (1, *text.decoder[-1].shape), figures.heat_image(text.decoder[-1]), said)


def _loss(lesson: Lesson, vision: VisionWalk, text: TextWalk, left, right) -> None:
    with left:
        if vision.logits is None:
            st.latex(r"L = 1-\cos\left(\mathbf{h}(x),\mathbf{h}(x')\right)")
            st.markdown(say("lesson_pipe.loss_views", loss=f"{_views(lesson):.3f}"))
            st.caption(say("lesson_pipe.loss_views_symbols"))
        else:
            st.latex(r"L = -\ln p(c\mid x)")
            classes = lesson.vision_model.classes
            label = choose_label(lesson, classes, "pipe", say("lesson_pipe.label"))
            even = f"{math.log(len(classes)):.3f}"
            if label is None:
                st.markdown(say("lesson_pipe.loss_open", even=even))
            else:
                st.markdown(say("lesson_pipe.loss_class", loss=f"{pipeline.class_loss(vision, label):.3f}", even=even))
            st.caption(say("lesson_pipe.loss_class_symbols"))
    with right:
        st.latex(r"L = -\tfrac{1}{n}\textstyle\sum_{t=1}^{n}\ln P(y_t\mid y_{<t},\mathbf{x})")
        steps, vocabulary = text.logits.shape
        values = {"loss": f"{text.loss:.3f}", "steps": str(steps), "perplexity": f"{math.exp(text.loss):.2f}"}
        st.markdown(say("lesson_pipe.loss_text", even=f"{math.log(vocabulary):.3f}", **values))
        st.caption(say("lesson_pipe.loss_text_symbols"))


def _depth(vision: VisionWalk, text: TextWalk) -> None:
    st.header(say("lesson_pipe.depth"))
    names = ("vision", "encoder", "decoder")
    found = {
        name: pipeline.kept(states)
        for name, states in zip(names, (vision.states, text.encoder, text.decoder), strict=True)
        if states
    }
    series = {
        say(f"lesson_arch.stack_{name}"): [(i / max(1, len(values) - 1), value) for i, value in enumerate(values)]
        for name, values in found.items()
    }
    figure = charts.depth_lines(series, say("lesson_pipe.depth_axis"), say("lesson_pipe.left"))
    st.plotly_chart(figure, key="lesson_depth", config=QUIET)
    ends = {name: f"{found[name][-1]:.3f}" if name in found else "–" for name in names}
    st.caption(say("lesson_pipe.depth_help", **ends))
