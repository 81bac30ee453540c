"""Input, a part of it: Chinese as input, its characters, words and pieces against the patches of a picture."""

import streamlit as st

from core.differences import chinese
from core.errors import SidelightError
from core.models import catalogue
from core.ui import choices, work
from core.ui.differences.lesson import Lesson, model_title, note, piece_name
from core.ui.differences.measure import table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say, show_error

SAMPLE = "一个 男人 正在 厨房 里 炒 菜 。"
TARGET = "cmn_Hans"
LONGEST = 120  # characters


def show(lesson: Lesson) -> None:
    st.header(say("chinese.title"))
    note(say("chinese.lead"))
    typed = st.text_input(
        say("chinese.sentence"),
        max_chars=LONGEST,
        help=say("chinese.help"),
        **choices.typed("zh", "zh", SAMPLE, LONGEST),
    )
    bundled = catalogue.default("translation").key
    name = lesson.translation_name if TARGET in lesson.translator.targets else bundled
    try:
        found = chinese.cut(work.translator(name), typed or SAMPLE, TARGET)
    except SidelightError as error:
        show_error(error)
        return
    counts = {"characters": len(found.characters), "words": len(found.words), "pieces": len(found.pieces)}
    order = counts["pieces"] - counts["characters"]
    truth = "fewer" if order < 0 else "same" if order == 0 else "more"
    told = say("chinese.told", **counts)
    options = {one: say(f"chinese.{one}") for one in ("fewer", "same", "more")}
    key = f"input_chinese_{'_'.join(found.words)}"
    if not ask_option(lesson, key, say("chinese.ask"), options, lambda one: Verdict(one == truth, told)):
        return
    rows = [
        [f"**{say(f'chinese.by_{one}')}**", str(counts[one]), " · ".join(map(piece_name, getattr(found, one)))]
        for one in counts
    ]
    grid = lesson.vision.axis.grid
    rows.append([f"**{say('chinese.by_patches')}**", str(grid[0] * grid[1]), say("chinese.patches")])
    table([say("chinese.unit"), say("chinese.count"), say("chinese.cut")], rows, texts=3)
    if found.lost:
        note(say("chinese.spelt" if found.spelt else "chinese.lost", lost=piece_name(" ".join(found.lost))))
    values = {"known": f"{found.known:,}", "vocabulary": f"{found.vocabulary:,}", "name": model_title(name)}
    note(say("chinese.note", **values))
    st.caption(say("chinese.honest", name=model_title(bundled)))
