"""What stood on the page so far, questions, answers and the class's, to be printed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from PIL import Image

from core.ui.differences import gather, guide
from core.ui.differences.lesson import Lesson, model_title
from core.ui.differences.pick import place
from core.ui.language import language, say
from core.views.differences import worksheet


@dataclass(frozen=True)
class Asked:
    """A question as it was drawn last. options: in Markdown; none where a patch is asked for. chosen: one of them, or a
    patch. on_photo: whether it is asked of the lesson's own photo; asked: about which of its patches."""

    section: str
    run: str
    language: str
    question: str
    options: Sequence[str]
    chosen: str | int | None
    answer: str
    on_photo: bool
    asked: Sequence[int]


def note(
    lesson: Lesson,
    key: str,
    question: str,
    options: Sequence[str],
    on_photo: bool = False,
    asked: Sequence[int] = (),
) -> None:
    """A question stands on the page."""
    section = st.session_state.get(guide.NAME, "")
    _asked()[key] = Asked(section, lesson.run, language(), question, options, None, "", on_photo, asked)


def answered(key: str, chosen: str | int | None, answer: str) -> None:
    before = _asked()[key]
    _asked()[key] = Asked(**{**vars(before), "chosen": chosen, "answer": answer})


def offer(lesson: Lesson, names: Sequence[str]) -> None:
    """A file that a browser prints. names: of the sections, in order."""
    made = _document(lesson, names)
    st.download_button(
        say("sheet.take"),
        lambda: made().encode(),
        "sidelight.html",
        "text/html",
        key="worksheet",
        icon=":material/print:",
        help=say("sheet.help"),
        on_click="ignore",
        type="tertiary",
    )


def _asked() -> dict[str, Asked]:
    return st.session_state.setdefault("worksheet_asked", {})


def _document(lesson: Lesson, names: Sequence[str]) -> Callable[[], str]:
    """What is asked of this session is asked now: the file is made where there is none."""
    models = map(model_title, lesson.models)
    facts = " · ".join((lesson.title, lesson.sentence, lesson.translation.text, *models))
    sections = {say(f"differences.{name}"): say(f"goal.{name}") for name in names}
    words = {name: say(f"sheet.{name}") for name in ("print", "chosen", "run", "class", "own")}
    asked = [(key, one) for key, one in _asked().items() if (one.run, one.language) == (lesson.run, language())]
    entries = [_entry(lesson, key, one) for key, one in asked]
    return partial(worksheet.document, language(), say("differences.title"), facts, sections, entries, words)


def _entry(lesson: Lesson, key: str, one: Asked) -> worksheet.Entry:
    room, grid = gather.current(), lesson.vision.axis.grid
    counts = room.counts(f"{key}_{lesson.run}") if room else Counter[int]()
    chosen, picture = str(one.chosen or ""), None
    if isinstance(one.chosen, int):
        chosen = place(one.chosen, grid)
    if one.on_photo:
        shown = counts or Counter([one.chosen] if isinstance(one.chosen, int) else [])
        picture = partial(_heat, lesson, one.asked, shown)
    section = say(f"differences.{one.section}")
    return worksheet.Entry(section, one.question, one.options, chosen, one.answer, counts, picture)


def _heat(lesson: Lesson, asked: Sequence[int], counts: Counter[int]) -> Image.Image:
    return gather.heat(lesson.vision.fitted.pixels, lesson.vision.axis.grid, asked, counts)
