"""Section 6, fields of use: what goes in and comes out, and which architecture serves it; tracking, on a film that is
made of the photo."""

import hashlib
import math

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from core.differences import tracking
from core.differences.tracking import Track
from core.errors import SidelightError
from core.models.images import SUFFIXES
from core.ui import background, patches
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say, show_error
from core.views.charts import AMBER, QUIET, TEAL
from core.views.differences.charts import curves

VISION = ("classify", "detect", "segment", "track")
LANGUAGE = ("translate", "judge", "answer", "summarise", "generate", "talk", "code")
COLUMNS = ("in_out", "serves", "here", "before")
WAYS = ("nearby", "features", "pixels", "still")
NEAR, FAR = 1, 3  # patches: what is called close, and far off
SIDE, GAP, ACROSS = 320, 12, 3  # px of a frame on the sheet and between two; frames in a row
SHOWN = 660  # px of the sheet on the page
ROOM = """<style>.st-key-fields td:nth-child(n + 2) { min-width: 8.5em; }</style>"""  # on a phone it scrolls


def show(lesson: Lesson) -> None:
    st.markdown(say("fields.lead"))
    with st.container(key="fields"):
        st.html(ROOM)
        for side, names in (("vision", VISION), ("language", LANGUAGE)):
            st.markdown(f"### {say(f'lessons.{side}')}")
            table(
                [say("fields.field"), *(say(f"fields.{column}") for column in COLUMNS)], list(map(_row, names)), texts=5
            )
    st.page_link(
        "pages/differences.py",
        label=say("fields.models"),
        icon=":material/arrow_forward:",
        query_params={"section": "task", "hub_task": "detect"},
    )
    _tracking(lesson)


def _row(name: str) -> list[str]:
    return [f"**{say(f'fields.{name}')}**", *(say(f"fields.{name}_{column}") for column in COLUMNS)]


def _tracking(lesson: Lesson) -> None:
    st.header(say("fields.tracking"))
    note(say("fields.tracking_why", turn=f"{tracking.TURN:.0f}", nearer=f"{tracking.NEARER - 1:.0%}"))
    side = lesson.vision.fitted.pixels.width
    patch = lesson.vision_model.patch

    def track() -> Track:
        return lesson.of_picture("track", lambda: tracking.track(lesson.vision_model, lesson.image, side))

    def check(choice: str) -> Verdict:
        last, still = (track().median(way)[-1] for way in ("nearby", "still"))
        off = last / patch
        actual = "near" if off <= NEAR else "some" if off <= FAR else "far"
        values = {"error": f"{last:.0f}", "patches": f"{off:.1f}", "still": f"{still:.0f}"}
        return Verdict(choice == actual, say("fields.q_track_answer", **values))

    options = {name: say(f"fields.q_{name}", near=NEAR * patch, far=FAR * patch) for name in ("near", "some", "far")}
    question = say("fields.q_track", frames=tracking.FRAMES, side=side)
    if not ask_option(lesson, "fields_track", question, options, check):
        return
    found = track()
    chosen = _choose(found)
    _film(found, chosen)
    series = {say(f"fields.by_{way}"): list(enumerate(found.median(way), 1)) for way in WAYS}
    figure = curves(series, say("fields.frame"), say("fields.error"))
    st.plotly_chart(figure, key="track_errors", config=QUIET)
    own = [_px(errors[chosen]) for errors in found.errors["nearby"]]
    rows = [[say("fields.this_patch"), *own]]
    rows += [[say(f"fields.by_{way}"), *map(_px, found.median(way))] for way in WAYS]
    table([say("fields.error"), *(str(number + 1) for number in range(len(found.frames)))], rows)
    values = {"reach": tracking.REACH, "patch": found.patch, "floor": f"{found.patch * math.sqrt(2) / 2:.0f}"}
    values |= {way: f"{np.mean(found.median(way)):.0f}" for way in ("features", "pixels")}
    note(say("fields.tracking_note", **values))
    _own(lesson, side)


def _own(lesson: Lesson, side: int) -> None:
    """A person's own film: what is found in it, without a truth."""
    st.markdown(f"**{say('fields.own')}**")
    files = st.file_uploader(
        say("fields.own_files", frames=tracking.FRAMES), list(SUFFIXES), accept_multiple_files=True
    )
    if not files:
        return
    data = [file.getvalue() for file in files]
    digest = hashlib.blake2b(b"".join(data), digest_size=16).hexdigest()
    try:
        found = background.awaited(
            ("own_film", digest, side, lesson.vision_name),
            say("measure.running"),
            lambda _: tracking.follow(lesson.vision_model, tracking.own_frames(data, side)),
            (lesson.vision_name,),
        )
    except SidelightError as error:
        show_error(error)
        return
    chosen, take = patches.linked("own_track", found.grid)
    patches.row_and_column(chosen, found.grid, "lesson_own_track", take)
    _film(found, chosen)
    note(say("fields.own_note"))


def _px(error: float) -> str:
    return "–" if math.isnan(error) else f"{error:.0f}"


def _choose(found: Track) -> int:
    """The patch of the first frame that is followed, by its row and column; in the link as `track`."""
    chosen, take = patches.linked("track", found.grid, found.typical())
    patches.row_and_column(chosen, found.grid, "lesson_track", take)
    return chosen


def _film(found: Track, chosen: int) -> None:
    """All frames on one sheet, with the place that was found in teal and the true one in amber."""
    shown = [
        _marked(frame, int(best), truth, found)
        for frame, best, truth in zip(
            found.frames, found.found["nearby"][:, chosen], found.truth[:, chosen], strict=True
        )
    ]
    rows = math.ceil(len(shown) / ACROSS)
    sheet = Image.new("RGBA", (ACROSS * (SIDE + GAP) - GAP, rows * (SIDE + GAP) - GAP))
    for number, frame in enumerate(shown):
        row, column = divmod(number, ACROSS)
        sheet.paste(frame, (column * (SIDE + GAP), row * (SIDE + GAP)))
    st.image(sheet, width=SHOWN, alt=say("fields.tracking"))
    st.caption(say("fields.film"))


def _marked(frame: Image.Image, best: int, truth: np.ndarray, found: Track) -> Image.Image:
    scale = SIDE / frame.width
    frame = frame.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(frame)
    row, column = divmod(best, found.grid[1])
    edge = found.patch * scale
    box = (column * edge, row * edge, (column + 1) * edge, (row + 1) * edge)
    for colour, width in (("white", 8), (TEAL, 4)):
        draw.rectangle(box, outline=colour, width=width)
    if not math.isnan(truth[0]):
        x, y = truth * scale
        for radius, colour, width in ((21, "white", 8), (19, AMBER, 4)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
    return frame
