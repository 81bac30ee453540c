"""A sweep on the Fine-tune page: how far it is, what each method and rate came to, its runs as a table, any of them
beside each other."""

import shlex

import streamlit as st

from core.finetune import sweep, worker
from core.finetune.job import MOVING, Job
from core.finetune.log import read_log
from core.finetune.sweep import Group, Row, Spread, Sweep
from core.tasks import Metric
from core.ui import visitor
from core.ui.download import csv_button
from core.ui.finetune import compare_runs, live
from core.ui.finetune.chosen import duration, metrics_of, plot
from core.ui.finetune.run_table import change, formats, line
from core.ui.finetune.setup import method_name
from core.ui.language import say
from core.ui.plain import plain
from core.views import rates
from core.wording import ASSETS


def show(found: Sweep) -> None:
    """It looks again by itself while a run waits or learns: words often, figures less so."""
    moving = any(row.state in MOVING for row in sweep.rows(found))
    st.fragment(_words, run_every=live.EVERY if moving else None)(found, moving)
    st.fragment(_figures, run_every=live.EVERY_FIGURES if moving else None)(found)


def _words(found: Sweep, moving: bool) -> None:
    rows = sweep.rows(found)
    goes_on = any(row.state in MOVING for row in rows)
    if moving and not goes_on:
        st.rerun(scope="app")
    finished = [row for row in rows if row.state == "finished"]
    said = say("sweep.progress", done=len(finished), count=len(rows))
    if goes_on and (left := sweep.seconds_left(found)):
        said += " · " + say("sweep.left", time=duration(left))
    st.progress(len(finished) / max(1, len(rows)), said)
    for row in rows:
        if row.state in ("running", "failed"):
            st.caption(plain(_told(row)))
    if visitor.handles(found.runs[0]):
        _buttons(found, rows, goes_on)


def _told(row: Row) -> str:
    events = read_log(row.run) if row.state == "running" else []
    share = f" · {events[-1].step / events[-1].steps:.0%}" if events else ""
    state = live.state_name(worker.state_of(row.run))
    return f"{method_name(row.job.method, row.job.task)} · {_which(row.job)} · {state}{share}"


def _which(job: Job) -> str:
    return say("sweep.which", rate=f"{job.rate:g}", seed=job.seed)


def _buttons(found: Sweep, rows: list[Row], goes_on: bool) -> None:
    place = st.container(horizontal=True)
    if goes_on and place.button(
        say("sweep.cancel"), icon=":material/close:", key="sweep_cancel", help=say("sweep.cancel_help")
    ):
        sweep.cancel(found)
        st.rerun(scope="app")
    ended = any(row.state not in (*MOVING, "finished") for row in rows)
    if ended and place.button(say("sweep.resume"), icon=":material/play_arrow:", key="sweep_resume"):
        live.ensure_worker()
        sweep.resume(found)
        st.rerun(scope="app")


def _figures(found: Sweep) -> None:
    rows = sweep.rows(found)
    finished = [row for row in rows if row.result]
    if not finished:
        return
    metrics = metrics_of(found.runs[0], found.first)
    groups = sweep.groups(finished)
    st.header(say("sweep.groups"))
    _curve(found, groups, metrics[0])
    _summary(found, groups, metrics)
    st.header(say("sweep.runs"))
    _runs(found, finished)
    csv_button(say("sweep.csv"), found.name, lambda: sweep.as_csv(sweep.rows(found)))
    home, place = ASSETS.parent, sweep.tracking(found)
    shown = place.relative_to(home) if place.is_relative_to(home) else place
    st.caption(say("sweep.tensorboard"))
    st.code(f"tensorboard --logdir {shlex.quote(str(shown))}", language="bash", wrap_lines=True)


def _curve(found: Sweep, groups: list[Group], metric: Metric) -> None:
    task = found.first.task
    series: dict[str, list[rates.Point]] = {}
    for group in groups:
        low, high = _interval(group.quality[metric.key], metric)
        point = rates.Point(group.rate, metric.points(group.quality[metric.key].mean), low, high)
        series.setdefault(method_name(group.method, task), []).append(point)
    words = say("finetune.rate"), say(f"finetune.{metric.key}")
    plot(st.container(), rates.sweep(series, *words, percent=metric.is_share), f"sweep_{found.name}")


def _interval(found: Spread, metric: Metric) -> tuple[float | None, float | None]:
    """Its ends on the scale that is written, from 0 to 100, which no value leaves; None for one seed."""
    if found.half is None:
        return None, None
    return max(0.0, metric.points(found.mean - found.half)), min(100.0, metric.points(found.mean + found.half))


def _summary(found: Sweep, groups: list[Group], metrics: tuple[Metric, ...]) -> None:
    """A line a method and rate."""
    task, lines, main = found.first.task, [], metrics[0]
    bound = formats(task)[say(f"finetune.{main.key}")]
    low_name, high_name = say("sweep.low"), say("sweep.high")
    for group in groups:
        quality = group.quality[main.key]
        low, high = _interval(quality, main)
        lines.append(
            {
                say("finetune.method"): method_name(group.method, task),
                say("finetune.rate"): group.rate,
                say("sweep.seed_count"): len(group.seeds),
                say(f"finetune.{main.key}"): main.points(quality.mean),
                low_name: low,
                high_name: high,
                **{say(f"finetune.{m.key}"): m.points(group.quality[m.key].mean) for m in metrics[1:]},
                say("sweep.seconds"): group.seconds,
                say("sweep.memory"): round(group.peak_mb),
                say("after.learnt"): group.trainable,
                **{change(name): value for name, value in group.forgetting.items()},
            }
        )
    st.dataframe(lines, hide_index=True, column_config={**formats(task), low_name: bound, high_name: bound})
    st.caption(say("sweep.interval"))


def _runs(found: Sweep, finished: list[Row]) -> None:
    """A line a run; those that are chosen stand beside each other below, and one alone can be opened."""
    task, lines, known = found.first.task, [], []
    for row in finished:
        if row.result:
            forgotten = {change(name): value for name, value in sweep.forgetting(row.result).items()}
            lines.append(line(row.job, row.result) | forgotten)
            known.append((row.run, row.job, row.result))
    chosen = st.dataframe(
        lines,
        hide_index=True,
        column_config=formats(task),
        key=f"sweep_runs_{found.name}",
        on_select="rerun",
        selection_mode="multi-row",
    )
    picked = [known[number] for number in chosen.selection.rows if number < len(known)]  # type: ignore[attr-defined]
    if not picked:
        st.caption(say("sweep.choose"))
    elif len(picked) == 1:
        run = picked[0][0]
        st.page_link(
            "pages/finetune.py", label=say("sweep.open"), icon=":material/open_in_new:", query_params={"run": run.name}
        )
    else:
        names = {run.name: f"{method_name(job.method, task)} · {_which(job)}" for run, job, _ in picked}
        compare_runs.compare(picked, f"sweep_{found.name}", names)
