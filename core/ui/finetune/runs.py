"""The runs on this machine: a new one, or which of those that were started; the queue among them."""

import time
from pathlib import Path

import streamlit as st

from core.errors import SidelightError
from core.finetune import worker
from core.finetune.job import MOVING, read_job
from core.models.catalogue import runs_folder
from core.ui import choices, visitor
from core.ui.finetune.live import state_name
from core.ui.finetune.setup import method_name
from core.ui.language import say, show_error
from core.ui.plain import plain

NEW = ""
EVERY = 3.0  # seconds between two looks at the queue while something is in it


def choose() -> Path | None:
    """Draw the choice; None for a new run. The first visit opens what is being trained for this person, if anything."""
    found = {run.name: run for run in worker.runs() if visitor.sees(run)}
    asked = choices.said("run")
    if any(run.name == asked and visitor.is_others(run) for run in worker.runs()):
        show_error(SidelightError("model.others", name=asked))
    chosen = _chosen(found) if found else choices.read("run", {}, NEW)
    moving = bool(_moving())
    st.fragment(_queue, run_every=EVERY if moving else None)(chosen, moving)
    return found.get(chosen)


def _chosen(found: dict[str, Path]) -> str:
    if not st.session_state.setdefault("runs_seen", False):
        st.session_state.runs_seen = True
        if choices.said("run") is None:
            choices.write("run", _own_moving(found), NEW)
    return st.selectbox(
        say("finetune.run"),
        [NEW, *found],
        format_func=lambda name: _title(found[name]) if name else say("finetune.new"),
        help=say("finetune.run_help", folder=str(runs_folder())),
        **choices.widget("run", "run_chosen", [NEW, *found], NEW),
    )


def _own_moving(found: dict[str, Path]) -> str:
    """What this person asked for and is being trained or waits."""
    me = visitor.owner()
    own = (name for name, run in found.items() if read_job(run).owner == me and worker.status(run).state in MOVING)
    return next(own, NEW)


def open_run(folder: Path) -> None:
    """Show this run from the next rerun on, which comes now."""
    choices.write("run", folder.name)
    st.rerun()


def _title(run: Path) -> str:
    """The same for as long as the run is there: the box knows what is chosen by its words."""
    job, begun = read_job(run), time.strptime(run.name[:15], "%Y%m%d-%H%M%S")
    return f"{job.title} · {method_name(job.method, job.task)} · {time.strftime('%Y-%m-%d %H:%M:%S', begun)}"


def _moving() -> list[tuple[str, Path]]:
    """A mark and a run: what is being trained on this machine, then what waits."""
    trained = [run for run in worker.runs() if worker.state_of(run).state == "running"]
    return [*(("◐", run) for run in trained), *(("○", run) for run in worker.waiting())]


def _queue(shown: str, moving: bool) -> None:
    """The others that move; what is shown says its own state below, at its own time."""
    found = _moving()
    if moving and not found:
        st.rerun(scope="app")  # nobody need look any more
    for mark, run in found:
        if run.name != shown:
            name = plain(_title(run)) if visitor.sees(run) else say("finetune.others")
            st.caption(f"{mark} {name} · {state_name(worker.state_of(run))}")
