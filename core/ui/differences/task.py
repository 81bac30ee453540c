"""Section 4, task: what each model answers with: a label, a mask, a matching patch; a sequence."""

import math

import streamlit as st
from PIL import Image
from torch import Tensor

from core.differences import tasks
from core.errors import SidelightError
from core.models import foreground
from core.models.translation import LONGEST
from core.models.vision import VisionResult
from core.ui import choices, evidence, work
from core.ui.copyable import copyable
from core.ui.differences import hub_tasks, quiz
from core.ui.differences.lesson import Lesson, model_title, piece_name
from core.ui.differences.measure import table
from core.ui.differences.pick import choose_patch, place, sample_titles
from core.ui.differences.quiz import Verdict
from core.ui.language import class_name, say, show_error
from core.ui.numbers import power_of_ten
from core.ui.photos import sample_image
from core.ui.plain import piece_text, plain
from core.views.charts import AMBER, QUIET, probability_bars
from core.views.differences import figures
from core.views.masks import masked_photo

CLASSIFIER = "vision-cifar10"  # for a model without classes
ASKED = 10  # classes that are offered in the question
MIRROR = "mirror"
TASKS = ("classes", "segment", "detect", "translate", "judge", "summary", "answer", "generate", "fill")
ROOM = (
    """<style>.st-key-other_tasks td:nth-child(2) { min-width: 5.5em; }</style>"""  # for a Chinese answer, on a phone
)


def show(lesson: Lesson) -> None:
    st.markdown(say("lesson_task.lead"))
    left, right = st.columns(2, gap="large")
    with left:
        _label(lesson)
    with right:
        _sequence(lesson)
    _mask(lesson)
    _match(lesson)
    _others()
    hub_tasks.show(lesson)


def _label(lesson: Lesson) -> None:
    st.header(say("lesson_task.label"))
    key, model, result = lesson.vision_name, lesson.vision_model, lesson.vision
    if not result.predictions:
        try:
            key, model = CLASSIFIER, work.vision_model(CLASSIFIER)
            result = work.run_image(CLASSIFIER, lesson.image, work.side(model), "crop")
        except SidelightError as error:
            show_error(error)
            return
    top = result.predictions
    names = [class_name(prediction.label) for prediction in top]
    listed = model.classes if len(model.classes) <= ASKED else sorted(prediction.label for prediction in top)
    told = {"name": plain(names[0]), "probability": f"{top[0].probability:.1%}"}
    told |= {"second": plain(names[1]), "probability2": f"{top[1].probability:.1%}"} if len(top) > 1 else {}
    if len(top) > 1 and not quiz.ask_option(
        lesson,
        "task_label",
        say("lesson_task.ask_label", count=len(model.classes)),
        {label: plain(class_name(label)) for label in listed},
        lambda choice: Verdict(choice == top[0].label, say("lesson_task.tell_label", **told)),
    ):
        return
    figure = probability_bars(names, [prediction.probability for prediction in top])
    st.plotly_chart(figure, key="lesson_label", config=QUIET)
    evidence.tell(model, result)
    st.caption(say("lesson_task.label_by", name=plain(model_title(key)), count=len(model.classes)))
    reads = tasks.head_reads(model, result)
    values = {"read": reads.read, "positions": reads.positions, "deviation": power_of_ten(reads.deviation)}
    st.caption(say("lesson_task.no_decoder" if reads.read == 1 else "lesson_task.no_decoder_mean", **values))


def _sequence(lesson: Lesson) -> None:
    st.header(say("lesson_task.sequence"))
    translation = lesson.translation
    copyable(translation.text, "lesson_translation")
    steps = translation.steps
    chances = [step.probability for step in steps]
    least, most = chances.index(min(chances)), chances.index(max(chances))
    told = {"piece": piece_name(steps[least].piece), "probability": f"{chances[least]:.1%}"}
    told |= {"sure": piece_name(steps[most].piece), "probability2": f"{chances[most]:.1%}"}

    def check(choice: int) -> Verdict:
        yours = say("lesson_task.yours", value=f"{chances[choice]:.1%}")
        return Verdict(chances[choice] == chances[least], say("lesson_task.tell_sure", **told), yours=yours)

    pieces = [step.piece for step in steps]
    if not quiz.ask_word(lesson, "task_sure", say("lesson_task.ask_sure"), pieces, check):
        return
    figure = figures.piece_bars([piece_text(piece) for piece in pieces], chances, say("lesson_task.step_probability"))
    st.plotly_chart(figure, key="lesson_steps", config=QUIET)
    whole = math.exp(sum(math.log(chance) for chance in chances))
    table = lesson.translator.module.get_output_embeddings()
    st.latex(r"P(\mathbf{y}\mid\mathbf{x})=\prod_{t=1}^{n}P(y_t\mid y_{<t},\mathbf{x})")
    st.caption(say("lesson_task.symbols"))
    values = {"steps": len(steps), "vocabulary": f"{table.weight.shape[0]:,}", "whole": f"{whole:.2g}"}
    st.caption(say("lesson_task.sequence_help", **values))


def _mask(lesson: Lesson) -> None:
    st.header(say("lesson_task.mask"))
    st.caption(say("lesson_task.mask_help"))
    result = lesson.vision
    scores = {"features": foreground.feature_score(result.features)}
    if result.traces and result.axis.prefix:
        scores = {"attention": foreground.attention_score(result.traces["encoder"]), **scores}
    masks = []
    for column, (name, score) in zip(st.columns(2, gap="large"), scores.items(), strict=False):
        mask = score > foreground.otsu(score)
        masks.append(mask)
        column.image(masked_photo(lesson.image, mask, result.axis, 600), width=380, alt=lesson.title)
        column.caption(say(f"lesson_task.mask_{name}", share=f"{float(mask.float().mean()):.0%}"))
    if len(masks) == 2:
        st.caption(say("lesson_task.mask_agree", share=f"{foreground.overlap(*masks):.0%}"))


def _match(lesson: Lesson) -> None:
    st.header(say("lesson_task.match"))
    st.caption(say("lesson_task.match_help"))
    titles = {MIRROR: say("lesson_task.mirror"), **sample_titles()}
    asked = choices.widget("other", "lesson_other", titles, MIRROR)
    chosen = st.selectbox(say("lesson_task.other"), list(titles), format_func=titles.__getitem__, **asked)
    image = tasks.mirrored(lesson.image) if chosen == MIRROR else sample_image(chosen)
    other = _explained(lesson, image)
    found = tasks.similarities(lesson.vision.features, other.features)
    left, right = st.columns(2, gap="large")
    with left:
        patch = choose_patch(lesson, "lesson_match", tasks.most_telling(found))
    with right:
        answered = _find(lesson, chosen, patch, other, found[patch])
    if answered and chosen == MIRROR:
        grid = lesson.vision.axis.grid
        row, column = divmod(patch, grid[1])
        own = row * grid[1] + grid[1] - 1 - column
        st.markdown(say("lesson_task.mirror_at", place=place(own, grid), value=f"{float(found[patch, own]):.2f}"))
        share, chance = tasks.mirror_score(found, grid), tasks.mirror_chance(grid)
        st.markdown(say("lesson_task.mirror_score", share=f"{share:.0%}", chance=f"{chance:.1%}"))
    _aligned(lesson)


def _find(lesson: Lesson, chosen: str, patch: int, other: VisionResult, row: Tensor) -> bool:
    """Where the patch is in the other picture: asked, then shown; whether it was. row: its similarity to each patch
    there."""
    grid = other.axis.grid
    best = int(row.argmax())
    told = {
        "best": place(best, grid),
        "value": f"{float(row[best]):.2f}",
        "mean": f"{float(row.mean()):.2f}",
    }

    def check(choice: int) -> Verdict:
        (r, c), (r2, c2) = divmod(choice, grid[1]), divmod(best, grid[1])
        yours = say("lesson_task.near", value=f"{float(row[choice]):.2f}")
        return Verdict(abs(r - r2) <= 1 and abs(c - c2) <= 1, say("lesson_task.tell_match", **told), (best,), yours)

    key = f"task_match_{chosen}_{patch}"
    if not quiz.ask_patch(lesson, key, say("lesson_task.ask_match"), check, picture=other):
        return False
    at = say("lessons.patch_at", row="{row}", column="{column}")
    figure = figures.grid_map(row.reshape(grid), at, best, colour=AMBER)
    st.plotly_chart(figure, key="lesson_match_map", config=QUIET)
    return True


def _explained(lesson: Lesson, image: Image.Image) -> VisionResult:
    return work.run_image(lesson.vision_name, image, lesson.vision.fitted.pixels.width, "crop")


def _aligned(lesson: Lesson) -> None:
    translation = lesson.translation
    cross = translation.traces["cross"]
    weights = cross.mean([cross.layers - 1]).clone()  # (n, m)
    for axis, position in ((translation.source, 1), (translation.target, 0)):
        for index, special in enumerate(axis.special):
            if special:
                weights.select(position, index).fill_(0)
    target, source = divmod(int(weights.argmax()), weights.shape[1])
    values = {
        "target": piece_name(translation.target.pieces[target]),
        "source": piece_name(translation.source.pieces[source]),
        "share": f"{float(weights[target, source]):.0%}",
    }
    st.markdown(say("lesson_task.language_match", **values))


def _others() -> None:
    st.header(say("lesson_task.others"))
    st.caption(say("lesson_task.others_help"))
    head = [say(f"lesson_task.{column}") for column in ("task", "answer", "here")]
    rows = [[say(f"lesson_task.{column}_{name}", limit=LONGEST) for column in "tah"] for name in TASKS]
    with st.container(key="other_tasks"):
        st.html(ROOM)
        table(head, rows, texts=3)
