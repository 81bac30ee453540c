"""What a finished run came to as a line of a table: numbers, so that a column sorts, and how each is written."""

from typing import Any

import streamlit as st

from core.finetune.job import Job
from core.finetune.results import Result
from core.models.catalogue import TaskName
from core.tasks import TASKS
from core.ui.finetune.setup import method_name
from core.ui.language import say


def line(job: Job, result: Result) -> dict[str, Any]:
    """By the columns' names."""
    metrics = [metric for metric in TASKS[job.task].metrics if metric.key in result.metrics]
    return {
        say("finetune.method"): method_name(job.method, job.task),
        say("finetune.rate"): job.rate,
        say("finetune.seed"): job.seed,
        **{say(f"finetune.{metric.key}"): metric.points(result.metrics[metric.key]) for metric in metrics},
        say("after.learnt"): result.trainable,
        say("sweep.seconds"): result.seconds,
        say("sweep.memory"): round(result.peak_mb),
    }


def change(name: str) -> str:
    """The column of how a measure of what the base was made for changed."""
    return say(f"sweep.change_{name}")


def formats(task: TaskName) -> dict[str, Any]:
    """Streamlit's settings of the columns."""
    metrics = {say(f"finetune.{m.key}"): "%.1f%%" if m.is_share else "%.1f" for m in TASKS[task].metrics}
    whole = dict.fromkeys((say("after.learnt"), say("sweep.memory")), "localized")
    changes = dict.fromkeys((change(name) for name in ("object_attention", "bleu", "chrf")), "%+.2f")
    written = {**metrics, **whole, **changes, say("sweep.seconds"): "%.0f", say("finetune.rate"): "%.2g"}
    return {name: st.column_config.NumberColumn(format=how) for name, how in written.items()}
