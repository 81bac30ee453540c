"""What memory a job will take: its first steps run in a process of their own at a press, and what they held is told."""

import psutil
import streamlit as st

from core.finetune import memory
from core.finetune.job import Job
from core.ui import background
from core.ui.finetune.chosen import Chosen
from core.ui.finetune.rates import MATTERS
from core.ui.language import say


def offer(job: Job, chosen: Chosen) -> None:
    """Draw the way to the figure for this job."""
    key = ("memory", *(getattr(job, name) for name in MATTERS), chosen.data.digest)

    def measure(on_step: background.OnStep) -> float:
        return memory.measure(job, chosen.data, on_step)

    with st.expander(say("memory.title"), icon=":material/memory:"):
        st.caption(say("memory.lead", steps=memory.STEPS))
        found = background.result(key, say("memory.start"), measure, (job.base,), wait=True)
        if found is not None:
            free = psutil.virtual_memory().available / 1e6
            st.markdown(say("memory.found", peak=f"{found:,.0f}", free=f"{free:,.0f}", batch=job.batch))
            if found > free:
                st.warning(say("memory.too_much"))
