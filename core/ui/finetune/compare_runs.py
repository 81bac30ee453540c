"""Finished runs beside each other: any number with quality, cost and curves, and all of them as a short list."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from core.errors import SidelightError
from core.finetune import results
from core.finetune.job import Job
from core.finetune.log import read_log
from core.finetune.methods import Count
from core.finetune.results import Result
from core.models import catalogue
from core.models.catalogue import TaskName
from core.tasks import TASKS
from core.ui import visitor
from core.ui.finetune.run_table import formats, line
from core.ui.finetune.setup import method_name
from core.ui.inputs import model_titles
from core.ui.language import classes_named, say, show_error
from core.ui.plain import plain
from core.views.charts import QUIET
from core.views.finetune import curve

ROOM = 19  # px, of a name in a legend


def show(folder: Path, job: Job, result: Result) -> None:
    """A choice among the other finished runs of the task; nothing is drawn where there is none."""
    every = {run.name: (run, its, found) for run, its, found in results.finished(job.task) if visitor.sees(run)}
    others = [name for name in every if name != folder.name]
    st.header(say("after.others"))
    if not others:
        st.caption(say("after.alone"))
        return
    titles = model_titles(job.task)
    if not set(st.session_state.get("other_runs", ())) <= set(others):
        st.session_state.pop("other_runs", None)
    chosen = st.multiselect(
        say("after.other"), others, format_func=titles.__getitem__, key="other_runs", placeholder=say("after.choose")
    )
    if chosen:
        compare([(folder, job, result), *(every[name] for name in chosen)], "others")


def compare(runs: Sequence[tuple[Path, Job, Result]], key: str, names: Mapping[str, str] = {}) -> None:
    """Finished runs of one task beside each other: a table, whether their data is the same, and their curves. names:
    what a run is called, by its folder's name, if not as a model is."""
    task, titles = runs[0][1].task, names or model_titles(runs[0][1].task)
    lines = [
        {
            say("finetune.run"): titles.get(run.name, run.name),
            **line(job, result),
            say("after.data_name"): _data(job, result),
        }
        for run, job, result in runs
    ]
    st.dataframe(lines, hide_index=True, column_config=formats(task))
    same = len({result.data for *_, result in runs}) == 1
    st.caption(say("after.same_data" if same else "after.other_data"))
    _curves(task, {titles.get(run.name, run.name): run for run, *_ in runs}, key)


def _data(job: Job, result: Result) -> str:
    return f"{classes_named(job.title)} · {result.data[:8]}"


def listed() -> None:
    """All fine-tuned models that are here, short: what each is, from what, how good."""
    here = catalogue.trained()
    cards = [card for card in here if visitor.sees_model(card.key)]
    if not cards:
        st.caption(say("models.trained_others" if here else "models.trained_none"))
    readable = {run: (job, result) for task in TASKS for run, job, result in results.finished(task)}
    for card in cards:
        with st.container(border=True):
            st.text(model_titles(card.task)[card.key])
            if card.folder.parent in readable:
                _short(*readable[card.folder.parent])
            else:
                show_error(SidelightError("model.run_gone", name=card.title))


def _short(job: Job, result: Result) -> None:
    base = catalogue.card(job.base)
    share = f"{Count(result.trainable, result.parameters).share:.2%}"
    method = method_name(job.method, job.task)
    st.text(say("models.trained_what", method=method, base=base.title if base else job.base, share=share))
    metrics = [metric for metric in TASKS[job.task].metrics if metric.key in result.metrics]
    said = [
        say(
            "models.trained_quality",
            name=say(f"finetune.{metric.key}"),
            after=metric.shown(result.metrics[metric.key]),
            before=metric.shown(result.before[metric.key]) if metric.key in result.before else "–",
        )
        for metric in metrics
    ]
    st.caption(" · ".join([*said, say("after.data_hash", hash=result.data[:8])]))


def _curves(task: TaskName, runs: dict[str, Path], key: str) -> None:
    logs = {name: read_log(run) for name, run in runs.items()}
    missing = [name for name, events in logs.items() if not events]
    for name in missing:
        st.caption(say("after.no_log", name=plain(name)))
    losses = {name: [(event.step, event.loss) for event in events] for name, events in logs.items() if events}
    main = TASKS[task].main
    measured = {
        name: [(e.step, e.metrics[main.key]) for e in events if main.key in e.metrics]
        for name, events in logs.items()
        if events
    }
    step = say("finetune.step")
    if losses:
        left, right = st.columns(2)
        figures = {
            "loss": (left, curve(losses, step, say("after.loss_training"))),
            "metric": (right, curve(measured, step, say(f"finetune.{main.key}"), percent=main.is_share)),
        }
        for name, (place, figure) in figures.items():
            figure.update_layout(height=figure.layout.height + ROOM * max(0, len(losses) - 3))
            place.plotly_chart(figure, key=f"{key}_{name}", config=QUIET)
