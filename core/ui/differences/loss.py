"""Section 5, loss: what both kinds of models learn from, computed on one's own photo and sentence; and how finished
translations are scored."""

import math
from collections.abc import Sequence

import streamlit as st
import torch
from PIL import Image

from core.differences import loss
from core.errors import SidelightError
from core.models.images import fit_image
from core.models.vision import VisionModel
from core.ui import background, choices, work
from core.ui.differences import measured, scores
from core.ui.differences.label import choose as choose_label
from core.ui.differences.lesson import Lesson, model_title, note, piece_name
from core.ui.differences.measure import table
from core.ui.differences.quiz import Verdict, ask_word
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text, plain
from core.views.charts import QUIET, probability_bars
from core.views.differences.charts import against_target, pairs_of_bars, piece_losses
from core.views.differences.figures import grid_map

PARTS = ("classes", "sequence", "patches", "measured", "scores")
CLASSIFIER = "vision-cifar10"  # where the chosen model has no classes
SHOWN = 10  # classes


def show(lesson: Lesson) -> None:
    st.markdown(say("loss.lead"))
    chosen = st.segmented_control(
        say("loss.parts"),
        PARTS,
        format_func=lambda name: say(f"loss.{name}"),
        default=None,
        required=True,
        label_visibility="collapsed",
        **choices.widget("loss", "loss_part", PARTS, PARTS[0]),
    )
    parts = {
        "classes": _classes,
        "sequence": _sequence,
        "patches": _patches,
        "measured": _measured,
        "scores": scores.show,
    }
    try:
        parts[chosen or PARTS[0]](lesson)
    except SidelightError as error:  # a reference that cannot be read
        show_error(error)


# Cross-entropy on a class


def _classes(lesson: Lesson) -> None:
    name, logits, classes = _logits(lesson)
    st.latex(r"\mathcal{L} = -\sum_{c=1}^{C} t_c \ln p_c")
    st.latex(r"t_c = (1-\varepsilon)\,[c = y] + \varepsilon / C")
    st.caption(say("loss.class_symbols"))
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.image(lesson.vision.fitted.pixels, width=200, alt=lesson.title)
        label = choose_label(lesson, classes, f"loss_label_{name}", say("loss.label"))
    if label is None:
        with right:
            _unlabelled(logits, classes)
        return
    with left:
        smoothing = _smoothing()
        found = loss.class_loss(logits, label, smoothing)
        one, two = st.columns(2)
        one.metric("−ln p(y)", f"{found.plain:.3f}")
        two.metric(say("loss.smoothed"), f"{found.loss:.3f}")
    order = found.probabilities.argsort(descending=True).tolist()[:SHOWN]
    order += [] if label in order else [label]
    with right:
        figure = against_target(
            [class_name(classes[c]) for c in order],
            [float(found.probabilities[c]) for c in order],
            [float(found.targets[c]) for c in order],
            (say("loss.probability"), say("loss.target")),
        )
        st.plotly_chart(figure, key="class_loss", config=QUIET)
    pull = float(found.gradient[label])
    surer = pull > 0  # than the smoothed target asks
    furthest = min if surer else max
    push = furthest((c for c in range(len(logits)) if c != label), key=lambda c: float(found.gradient[c]))
    named = [plain(class_name(classes[c])) for c in (label, push)]
    values = {
        "label": named[0],
        "p": f"{float(found.probabilities[label]):.2%}",
        "pull": f"{pull:+.3f}",
        "other": named[1],
        "push": f"{float(found.gradient[push]):+.3f}",
        "count": len(logits),
        "chance": f"{math.log(len(logits)):.2f}",
    }
    note(say("loss.class_note_surer" if surer else "loss.class_note", **values))


def _logits(lesson: Lesson) -> tuple[str, torch.Tensor, tuple[str, ...]]:
    """The key of the model whose classes are used, the photo's logits and what the classes are called."""
    name, model = lesson.vision_name, lesson.vision_model
    if not model.classes:
        name, model = CLASSIFIER, work.vision_model(CLASSIFIER)
        st.caption(say("loss.borrowed", name=model_title(name), chosen=model_title(lesson.vision_name)))
    logits = background.awaited(
        ("class_logits", name, lesson.picture_run),
        say("measure.running"),
        lambda _: loss.class_logits(model, _fitted(lesson, model)),
        (name, lesson.vision_name),
    )
    return name, logits, model.classes


def _measured(lesson: Lesson) -> None:
    measured.show(lesson, lambda one: _logits(one)[1:])


def _unlabelled(logits: torch.Tensor, classes: Sequence[str]) -> None:
    """What each class would cost if it were right: without a label there is no loss yet."""
    losses = -logits.log_softmax(-1)
    order = losses.argsort().tolist()
    shown = order[:SHOWN]
    figure = probability_bars([class_name(classes[c]) for c in shown], [math.exp(-float(losses[c])) for c in shown])
    st.plotly_chart(figure, key="class_chances", config=QUIET)
    (best, least), (worst, most) = ((plain(class_name(classes[c])), float(losses[c])) for c in (order[0], order[-1]))
    values = {"best": best, "least": f"{least:.2f}", "worst": worst, "most": f"{most:.2f}", "count": len(classes)}
    note(say("loss.unlabelled", p=f"{math.exp(-least):.0%}", **values))


def _smoothing() -> float:
    chosen = choices.widget("smoothing", "loss_smoothing", [step / 20 for step in range(7)], 0.1)
    return st.slider(say("loss.smoothing"), 0.0, 0.3, step=0.05, **chosen)


def _fitted(lesson: Lesson, model: VisionModel) -> Image.Image:
    """The picture in a size that the model takes."""
    side = lesson.vision.fitted.pixels.width
    if model is lesson.vision_model or side in model.sizes:
        return lesson.vision.fitted.pixels
    return fit_image(lesson.image, "crop", model.default_size, model.patch).pixels


# Cross-entropy on a sequence


def _sequence(lesson: Lesson) -> None:
    reference = scores.reference(lesson)
    smoothing = _smoothing()
    output = loss.reference_ids(lesson.translator, reference, lesson.target)
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
    found = loss.sequence_loss(lesson.translator, source, output, smoothing)
    st.latex(r"\mathcal{L} = -\frac{1}{n}\sum_{t=1}^{n} \sum_{v} q_t(v) \ln p(v \mid y_{<t}, x)")
    st.latex(r"\mathrm{PPL} = \exp\Big(\!-\frac{1}{n}\sum_{t=1}^{n} \ln p(y_t \mid y_{<t}, x)\Big)")
    st.caption(say("loss.sequence_symbols"))
    pieces = [one.wanted for one in found.pieces]
    dearest = max(range(len(pieces)), key=lambda i: found.pieces[i].loss)

    def check(choice: int) -> Verdict:
        one = found.pieces[dearest]
        values = {"piece": piece_name(one.wanted), "loss": f"{one.loss:.2f}", "p": f"{one.probability:.1%}"}
        told = say("loss.q_dearest_answer", choice=piece_name(one.choice), **values)
        yours = say("loss.q_dearest_yours", value=f"{found.pieces[choice].loss:.2f}")
        return Verdict(found.pieces[choice].loss == one.loss, told, yours=yours)

    key = f"loss_dearest_{scores.short(reference)}"
    if not ask_word(lesson, key, say("loss.q_dearest"), pieces, check):
        return
    own = lesson.of_sentence(
        ("own_loss", smoothing),
        lambda: loss.sequence_loss(lesson.translator, source, _own(lesson), smoothing),
    )
    for place, name, value in zip(
        st.columns(4),
        ("mean", "smoothed", "perplexity", "own_perplexity"),
        (found.loss, found.smoothed, found.perplexity, own.perplexity),
        strict=True,
    ):
        place.metric(say(f"loss.{name}"), f"{value:,.3f}")
    said = [
        say(
            "loss.hover",
            read=piece_text(one.read),
            wanted=piece_text(one.wanted),
            p=f"{one.probability:.1%}",
            choice=piece_text(one.choice),
            best=f"{one.choice_probability:.1%}",
        )
        for one in found.pieces
    ]
    figure = piece_losses(
        [piece_text(piece) for piece in pieces],
        [one.loss for one in found.pieces],
        [one.smoothed for one in found.pieces],
        said,
        ("−ln p", say("loss.smoothed")),
        say("loss.nats"),
    )
    st.plotly_chart(figure, key="sequence_loss", config=QUIET)
    note(say("loss.sequence_note"))
    with st.expander(say("loss.by_piece")):
        table(
            [say("loss.reads"), say("loss.must_write"), "p", "−ln p", say("loss.smoothed"), say("loss.would_write")],
            [
                [
                    piece_name(one.read),
                    piece_name(one.wanted),
                    f"{one.probability:.1%}",
                    f"{one.loss:.3f}",
                    f"{one.smoothed:.3f}",
                    f"{piece_name(one.choice)} {one.choice_probability:.0%}",
                ]
                for one in found.pieces
            ],
            texts=2,
        )


def _own(lesson: Lesson) -> torch.Tensor:
    return torch.tensor([lesson.translation.ids], device=lesson.translator.module.device)


# Mean squared error on hidden patches


def _patches(lesson: Lesson) -> None:
    st.latex(r"\mathrm{MSE} = \frac{1}{|M|\,3p^2}\sum_{i \in M} \lVert \hat{x}_i - x_i \rVert^2")
    st.caption(say("loss.patches_symbols"))
    note(say("loss.patches_why"))
    chosen = choices.widget("hidden", "loss_hidden", range(15, 76, 5), 40)
    share = st.slider(say("loss.hidden"), 15, 75, step=5, format="%d%%", **chosen) / 100
    found = lesson.of_picture(
        ("regression", share),
        lambda: loss.masked_regression(lesson.vision_model, lesson.vision.fitted, share),
    )
    pictures = (found.masked, "seen"), (found.filled, "filled"), (lesson.vision.fitted.pixels, "original")
    for place, (picture, name) in zip(st.columns(3), pictures, strict=True):
        place.image(picture, say(f"loss.{name}"), width="stretch", alt=say(f"loss.{name}"))
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        names = [say(f"loss.by_{name}") for name in ("readout", "neighbours", "mean_patch")]
        values = [found.mse, found.neighbour_mse, found.mean_mse]
        figure = pairs_of_bars(names, {"MSE": values}, "MSE")
        st.plotly_chart(figure, key="regression", config=QUIET)
    with right:
        st.markdown(say("loss.error_map"))
        at = say("lessons.patch_at", row="{row}", column="{column}")
        st.plotly_chart(grid_map(found.errors, at, diverging=False), key="regression_map", config=QUIET)
    rank = "best" if found.mse <= found.neighbour_mse else "between" if found.mse <= found.mean_mse else "worst"
    note(
        say(
            f"loss.patches_{rank}",
            mse=f"{found.mse:.4f}",
            near=f"{found.neighbour_mse:.4f}",
            mean=f"{found.mean_mse:.4f}",
        )
    )
    st.caption(say("loss.patches_how", examples=found.examples, ridge=f"{found.ridge:g}", maskings=loss.LESSONS))


# BLEU and chrF
