"""The learning-rate finder: it runs beside the page, draws its curve, and one press takes what it suggests."""

import math

import streamlit as st

from core.finetune import rates
from core.finetune.job import Job
from core.finetune.rates import RangeTest
from core.ui import background
from core.ui.finetune.chosen import Chosen, plot
from core.ui.finetune.setup import RATES, method_name, rate_key
from core.ui.language import say
from core.views.rates import range_test

MATTERS = ("task", "method", "base", "batch", "smoothing", "varied", "seed", "precision", "rank", "side")  # of a job


def offer(job: Job, chosen: Chosen) -> None:
    """Draw the way to a suggestion for this job."""
    key = ("rates", *(getattr(job, name) for name in MATTERS), chosen.data.digest)

    def find(on_step: background.OnStep) -> RangeTest:
        return rates.find(job, chosen.data, on_step)

    with st.expander(say("rates.title"), icon=":material/troubleshoot:"):
        st.caption(say("rates.lead", steps=rates.STEPS, method=method_name(job.method, job.task)))
        found = background.result(key, say("rates.start"), find, (job.base,), wait=True)
        if found is not None:
            _shown(job, found)


def _shown(job: Job, found: RangeTest) -> None:
    words = {name: say(f"rates.{name}") for name in ("rate", "loss", "average", "lowest", "suggestion")}
    suggestion = found.suggestion
    figure = range_test(found.rates, found.losses, found.smoothed, found.lowest, suggestion, words)
    plot(st.container(), figure, f"range_{job.task}")
    if suggestion is None:
        st.markdown(say("rates.none"))
        return
    st.markdown(say("rates.suggested", rate=f"{suggestion:.2g}", steps=rates.STEPS))
    nearest = min(RATES, key=lambda rate: abs(math.log(rate / suggestion)))
    st.button(
        say("rates.use", rate=f"{nearest:g}"),
        key=f"use_rate_{job.task}",
        icon=":material/check:",
        on_click=_use,
        args=(rate_key(job.task, job.method), nearest),
        width="stretch",
    )


def _use(key: str, rate: float) -> None:
    st.session_state[key] = rate
