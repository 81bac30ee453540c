"""The runs on this machine: a new one, or which of those that were started; the queue among them."""

import time
from pathlib import Path

import streamlit as st

from core.finetune import jobs
from core.finetune.job import read_job
from core.models.catalogue import runs_folder
from core.ui import keep
from core.ui.language import say
from core.ui.training_setup import method_name

NEW = ""
MARKS = {"queued": "○", "running": "◐", "paused": "‖", "cancelled": "✕", "failed": "⚠", "finished": "●"}


def choose() -> Path | None:
    """Draw the choice; None for a new run. The first visit opens what is being trained for this person, if anything."""
    found = {run.name: run for run in jobs.runs()}
    wanted = keep.restore_parameter("run")
    if "run_chosen" not in st.session_state:
        st.session_state.run_chosen = wanted if wanted in found else NEW
    opened = st.session_state.pop("run_to_open", None)
    if opened in found:
        st.session_state.run_chosen = opened
    if st.session_state.run_chosen not in (NEW, *found):
        st.session_state.run_chosen = NEW
    if not found:
        keep.set_parameter("run", NEW)
        return None
    chosen = st.selectbox(
        say("finetune.run"), [NEW, *found], key="run_chosen",
        format_func=lambda name: _title(found[name]) if name else say("finetune.new"),
        help=say("finetune.run_help", folder=str(runs_folder())),
    )  # fmt: skip
    keep.set_parameter("run", chosen)
    return found.get(chosen)


def open_run(folder: Path) -> None:
    """Show this run from the next rerun on, which comes now."""
    st.session_state.run_to_open = folder.name
    st.rerun()


def _title(run: Path) -> str:
    job, now = read_job(run), jobs.state_of(run)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(now.queued))
    method, state = method_name(job.method, job.task), say(f"finetune.state_{now.state}")
    return f"{MARKS[now.state]} {job.title} · {method} · {when} · {state}"
