"""What a finished run gets wrong, the heaviest error first: each can be looked at with the attention of both models,
and where the label was wrong it is mended and the run begun again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from core.finetune import answers
from core.finetune.answers import Answer
from core.finetune.job import Job
from core.ui import choices, visitor
from core.ui.clickable import clickable
from core.ui.finetune import live, runs, setup
from core.ui.finetune.chosen import Chosen, Probe
from core.ui.finetune.sides import SIDES
from core.ui.language import say
from core.views.finetune import confusion

FEW = 6  # errors that are shown at first, and more at a press
ALL = ""  # every error, of whichever classes


def choose(folder: Path, job: Job) -> tuple[Any, int] | None:
    """Draw the errors. Returns the data with the number of the held-out item that is looked at, None where none is.
    Raises SidelightError `data.saved_damaged`."""
    st.header(say("errors.title"))
    found = answers.read(folder)
    if found is None:
        st.caption(say("errors.unknown"))
        return None
    wrong = answers.errors(found)
    if not wrong:
        st.caption(say("errors.none", count=f"{len(found):,}"))
        return None
    st.markdown(say(f"errors.share_{job.task}", wrong=f"{len(wrong):,}", count=f"{len(found):,}"))
    data = live.data_of(str(folder))
    names = SIDES[job.task].names(data)
    taken = _taken(folder, found, wrong, names) if names else None
    _list(folder, job, data, answers.errors(found, taken))
    offered = {choices.from_one(one.item): one for one in wrong}
    chosen = choices.read("error", offered, None)
    _mend(folder, job, data, chosen)
    return (data, chosen.item) if chosen else None


def _taken(
    folder: Path, found: Sequence[Answer], wrong: Sequence[Answer], names: dict[str, str]
) -> tuple[str, str] | None:
    """Which class was taken for which: all, or a cell of the confusion, by a click or from the list."""
    classes = list(names)
    counts = Counter((one.reference, one.output) for one in wrong)
    offered = {f"{classes.index(true)}-{classes.index(said)}": (true, said) for (true, said), _ in counts.most_common()}

    def title(text: str) -> str:
        if text == ALL:
            return say("errors.all", count=f"{len(wrong):,}")
        true, said = offered[text]
        return say("errors.taken", true=names[true], said=names[said], count=f"{counts[true, said]:,}")

    def take(marks: list[Any]) -> None:
        row, column = marks[0]
        text = f"{row}-{column}"
        choices.write("taken", text if text in offered else ALL, ALL)

    figure = confusion(
        answers.confusion(found, classes), list(names.values()), say("finetune.predicted"), say("finetune.true")
    )
    left, right = st.columns([2, 3])
    with left:
        clickable(figure, f"errors_confusion_{folder.name}", take)
    kind = right.selectbox(
        say("errors.which"),
        [ALL, *offered],
        format_func=title,
        **choices.widget("taken", f"errors_taken_{folder.name}", [ALL, *offered], ALL),
    )
    right.caption(say("errors.which_help"))
    return offered.get(kind)


def _list(folder: Path, job: Job, data: Any, wrong: Sequence[Answer]) -> None:
    side = SIDES[job.task]
    key = f"errors_shown_{folder.name}"
    shown = st.session_state.get(key, FEW)
    with st.container(horizontal=True, key=f"errors_{job.task}"):
        for one in wrong[:shown]:
            with st.container(width=side.error_width, border=True):
                side.error(data, one)
                st.button(
                    say("errors.look"),
                    key=f"error_{folder.name}_{one.item}",
                    icon=":material/visibility:",
                    on_click=choices.write,
                    args=("error", choices.from_one(one.item)),
                )
    if shown < len(wrong) and st.button(say("errors.more", count=f"{len(wrong) - shown:,}"), key=f"{key}_more"):
        st.session_state[key] = shown + 2 * FEW
        st.rerun()


def _mend(folder: Path, job: Job, data: Any, chosen: Answer | None) -> None:
    """What the chosen item truly is, where its label is wrong; all that was mended begins a run of its own."""
    if not visitor.handles(folder):
        return
    side = SIDES[job.task]
    mended: dict[int, str] = st.session_state.setdefault(f"mended_{folder.name}", {})
    if chosen:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            right = side.mend(data, chosen, mended.get(chosen.item, chosen.reference))
            if right == chosen.reference:
                mended.pop(chosen.item, None)
            else:
                mended[chosen.item] = right
    if mended and st.button(
        say("errors.again", count=len(mended)), type="primary", icon=":material/replay:", help=say("errors.again_help")
    ):
        photo = folder / "film" / "probe-photo.png"
        probe = Probe(job.probe, Image.open(photo).convert("RGB") if photo.exists() else None)
        asked = replace(job, owner=visitor.owner(), sweep="")  # a run of its own, whatever the old one was part of
        if started := setup.start(asked, Chosen(data.mended(mended), job.title), probe):
            runs.open_run(started)
