"""The runs on this machine: a new one, or which of those that were started; the queue among them."""

import time
from pathlib import Path

import streamlit as st

from core.errors import SidelightError
from core.finetune import sweep, worker
from core.finetune.job import MOVING, read_job
from core.finetune.sweep import Sweep
from core.models.catalogue import runs_folder
from core.ui import choices, visitor
from core.ui.finetune.live import state_name
from core.ui.finetune.setup import method_name
from core.ui.language import classes_named, say, show_error
from core.ui.plain import plain

NEW = ""
EVERY = 3.0  # seconds between two looks at the queue while something is in it


def choose() -> Path | Sweep | None:
    """Draw the choice; None for a new run. The first visit opens what is being trained for this person, if anything."""
    found: dict[str, Path | Sweep] = {run.name: run for run in worker.runs() if visitor.sees(run)}
    found |= {name: one for name, one in sweep.sweeps().items() if visitor.sees(one.runs[0])}
    asked = choices.said("run")
    if asked and asked not in found:
        others = any(run.name == asked and visitor.is_others(run) for run in worker.runs())
        show_error(SidelightError("model.others" if others else "model.run_gone", name=asked))
    chosen = _chosen(found) if found else choices.read("run", {}, NEW)
    moving = bool(_moving())
    shown = found.get(chosen)
    of_sweep = shown.name if isinstance(shown, Sweep) else read_job(shown).sweep if shown else ""
    st.fragment(_queue, run_every=EVERY if moving else None)({chosen, of_sweep}, moving)
    return shown


def _chosen(found: dict[str, Path | Sweep]) -> str:
    if not st.session_state.setdefault("runs_seen", False):
        st.session_state.runs_seen = True
        if choices.said("run") is None:
            choices.write("run", _own_moving(found), NEW)
    offered = [NEW, *_listed(found, choices.said("run") or NEW)]
    return st.selectbox(
        say("finetune.run"),
        offered,
        format_func=lambda name: _title(found[name]) if name else say("finetune.new"),
        help=say("finetune.run_help", folder=str(runs_folder())),
        **choices.widget("run", "run_chosen", offered, NEW),
    )


def _listed(found: dict[str, Path | Sweep], asked: str) -> list[str]:
    """What is offered, newest first: a sweep in place of its runs, and below it its runs where it is open."""
    listed: dict[str, None] = {}
    for name, one in found.items():
        if isinstance(one, Path):
            its = read_job(one).sweep
            listed |= dict.fromkeys([its] if its else [name])
            if its and asked in {its, *(run.name for run in _sweep(found, its).runs)}:
                listed |= dict.fromkeys(run.name for run in _sweep(found, its).runs)
    return list(listed)


def _sweep(found: dict[str, Path | Sweep], name: str) -> Sweep:
    one = found[name]
    assert isinstance(one, Sweep), name
    return one


def _own_moving(found: dict[str, Path | Sweep]) -> str:
    """What this person asked for and is being trained or waits."""
    me = visitor.owner()
    for name, run in found.items():
        if isinstance(run, Path) and (job := read_job(run)).owner == me and worker.status(run).state in MOVING:
            return job.sweep or name
    return NEW


def open_run(name: str) -> None:
    """Show this run or sweep from the next rerun on, which comes now."""
    choices.write("run", name)
    st.rerun()


def _title(one: Path | Sweep) -> str:
    """The same for as long as it is there: the box knows what is chosen by its words."""
    job, begun = (one.first if isinstance(one, Sweep) else read_job(one)), time.strptime(one.name[:15], "%Y%m%d-%H%M%S")
    what = say("sweep.name") if isinstance(one, Sweep) else method_name(job.method, job.task)
    if job.sweep and isinstance(one, Path):
        what = f"{what} · {say('sweep.which', rate=f'{job.rate:g}', seed=job.seed)}"
    return f"{classes_named(job.title)} · {what} · {time.strftime('%Y-%m-%d %H:%M:%S', begun)}"


def _moving() -> list[tuple[str, Path]]:
    """A mark and a run: what is being trained on this machine, then what waits."""
    trained = [run for run in worker.runs() if worker.state_of(run).state == "running"]
    return [*(("◐", run) for run in trained), *(("○", run) for run in worker.waiting())]


def _queue(shown: set[str], moving: bool) -> None:
    """The others that move, of a sweep the first; what is shown says its own state below, at its own time."""
    found = _moving()
    if moving and not found:
        st.rerun(scope="app")  # nobody need look any more
    told = set(shown)
    for mark, run in found:
        name = read_job(run).sweep or run.name
        if run.name not in shown and name not in told:
            told.add(name)
            title = plain(_title(run)) if visitor.sees(run) else say("finetune.others")
            st.caption(f"{mark} {title} · {state_name(worker.state_of(run))}")
