"""Architecture, a part of it: after which of its layers each of the two models knows its answer (the lens)."""

import streamlit as st

from core.attention.lens import Lens, lens
from core.errors import SidelightError
from core.models.states import translation_states, vision_states
from core.ui.differences import quiz
from core.ui.differences.answers import classifier
from core.ui.differences.lesson import Lesson, note, to_explain
from core.ui.differences.quiz import Verdict
from core.ui.language import say, show_error
from core.views.charts import QUIET
from core.views.differences.charts import depth_lines

ALIKE = 0.1  # of the depth: nearer than that, neither is earlier


def show(lesson: Lesson) -> None:
    st.header(say("knowing.title"))
    st.markdown(say("knowing.lead"))
    try:
        found = {"photo": _of_photo(lesson), "sentence": _of_sentence(lesson)}
    except SidelightError as error:
        show_error(error)
        return
    share = {side: float(one.settled.float().mean()) / (len(one.rank) - 1) for side, one in found.items()}
    told = {side: f"{value:.0%}" for side, value in share.items()}
    told |= {f"{side}_layers": str(len(one.rank) - 1) for side, one in found.items()}
    apart = share["photo"] - share["sentence"]
    truth = "same" if abs(apart) < ALIKE else "sentence" if apart > 0 else "photo"
    options = {name: say(f"knowing.{name}") for name in ("photo", "sentence", "same")}
    check = lambda choice: Verdict(choice == truth, say("knowing.told", **told))  # noqa: E731
    if not quiz.ask_option(lesson, "arch_knows", say("knowing.ask"), options, check):
        return
    lines = {
        say(f"heads.side_{side}"): [(n / (len(one.rank) - 1), kl) for n, kl in enumerate(one.distance.mean(1).tolist())]
        for side, one in found.items()
    }
    figure = depth_lines(lines, say("layers.depth"), say("layers.nats"))
    st.plotly_chart(figure, key="lesson_knowing", config=QUIET)
    note(say("knowing.read"))
    to_explain("layers")


def _of_photo(lesson: Lesson) -> Lens:
    _, model, result = classifier(lesson)
    return lesson.of_picture("lens", lambda: lens(vision_states(model, result)[0], model.temperature))


def _of_sentence(lesson: Lesson) -> Lens:
    def make() -> Lens:
        source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
        return lens(translation_states(lesson.translator, source, lesson.translation))

    return lesson.of_sentence("lens", make)
