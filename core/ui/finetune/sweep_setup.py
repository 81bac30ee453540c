"""Several runs as one: which methods, rates and seeds, how long that takes, and the button."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import SidelightError
from core.finetune import sweep
from core.finetune.job import Job
from core.tasks import Model
from core.ui import background
from core.ui.finetune import setup
from core.ui.finetune.chosen import Chosen, Probe, duration
from core.ui.finetune.side import Side
from core.ui.language import say, show_error

TIMES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # what a method's own rate is multiplied by


def offer(side: Side[Any, Any], job: Job, model: Model, chosen: Chosen, probe: Probe) -> str | None:
    """Draw the choice where it is asked for; the name of the sweep that was started, or None."""
    if not st.toggle(say("sweep.toggle"), key="sweep_on", help=say("sweep.help", most=sweep.MOST)):
        return None
    with st.container(border=True):
        methods = st.multiselect(
            say("sweep.methods"),
            list(setup.counts(job.base, side, model, chosen)),
            [job.method],
            format_func=lambda key: setup.method_name(key, job.task),
            key=f"sweep_methods_{job.task}_{job.method}",
        )
        times = st.multiselect(
            say("sweep.times"), TIMES, [0.3, 1.0, 3.0], format_func="× {:g}".format, key="sweep_times"
        )
        seeds = st.slider(say("sweep.seeds"), 1, sweep.SEEDS, 3, key="sweep_seeds", help=say("sweep.seeds_help"))
        rates = sweep.rates_of(job, methods, times)
        for method, its in rates.items():
            st.caption(f"{setup.method_name(method, job.task)}: {', '.join(f'{rate:g}' for rate in sorted(its))}")
        try:
            jobs = sweep.grid(job, rates, range(job.seed, job.seed + seeds))
        except SidelightError as error:
            show_error(error)
            return None
        place = st.container()
        if st.button(say("sweep.start", count=len(jobs)), icon=":material/playlist_play:", width="stretch"):
            return setup.start_sweep(jobs, chosen, probe)
        with place:  # below the button in time, as nobody need wait for it to press
            st.markdown(say("sweep.estimate", count=len(jobs), time=duration(_estimated(jobs, model, chosen))))
        return None


def _estimated(jobs: Sequence[Job], model: Model, chosen: Chosen) -> float:
    """Seconds: runs of one method and length take as long, whatever their rate and seed."""
    of_a_kind = {(job.method, job.epochs): job for job in jobs}
    each = {kind: setup.estimated(job, model, chosen, background.awaited) for kind, job in of_a_kind.items()}
    return sum(found.usual for job in jobs if (found := each[job.method, job.epochs]))
