"""A run while it learns: progress, curves, what it answers, where it looks, and the buttons that stop it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any, cast

import streamlit as st

from core.errors import SidelightError
from core.finetune import film, worker
from core.finetune.data import dataset
from core.finetune.job import MOVING, Job, Request, State, Status, asked, read_job
from core.finetune.log import Event, read_lines, read_log
from core.finetune.sides import side
from core.store import store
from core.ui import visitor
from core.ui.film import show as draw_film
from core.ui.finetune.chosen import duration, metrics_of, plot
from core.ui.finetune.setup import method_name
from core.ui.finetune.sides import SIDES
from core.ui.language import language, say
from core.ui.plain import plain
from core.views.finetune import curve

EVERY, EVERY_FIGURES = 3.0, 15.0  # seconds between two looks at a run that moves; drawing costs what it learns on
HEARD = 1.5  # seconds that a button waits for the run to come to rest; a step may take longer
APART, APART_LEAST = 1.5, 0.1  # times, and nats: so far above the training loss, that on new items is told
LATE = slice(-3, -1)  # layers whose attention is filmed: the last but one and the one before


@st.cache_resource(show_spinner=False)
def _worker_of_this_server() -> list[subprocess.Popen]:
    """The last one is the one that runs."""
    return []


def ensure_worker() -> None:
    """Start the machine's worker, or another where it died, so that it is warm before anybody presses the button."""
    kept = _worker_of_this_server()
    if not kept or kept[-1].poll() is not None:
        kept[:] = [worker.start_worker()]


def show(folder: Path) -> None:
    """The run, refreshed by itself while it is waiting or moving: words and numbers often, figures less so."""
    moving = worker.state_of(folder).state in MOVING
    st.fragment(_words, run_every=EVERY if moving else None)(folder, moving)
    st.fragment(_figures, run_every=EVERY_FIGURES if moving else None)(folder, moving)


def title(folder: Path) -> None:
    """What was run, and how it stands."""
    st.markdown(
        f"**{method_name((job := read_job(folder)).method, job.task)}** · {state_name(worker.state_of(folder))}"
    )


def state_name(now: Status) -> str:
    """How a run stands, in a word: it learns between its first step and its last."""
    at = now.stage if now.state == "running" and now.stage else now.state
    return say(f"finetune.state_{at}")


def answers(folder: Path) -> None:
    """What the last evaluation answered, beside the first."""
    job, history = read_job(folder), read_lines(folder / "probes.jsonl")
    if history:
        st.header(say("finetune.answers"))
        SIDES[job.task].answers(folder, job, data_of(str(folder)), history)


def course(folder: Path, moving: bool = False) -> None:
    """How it came to that: the curves, and the film of its attention."""
    job, events = read_job(folder), read_log(folder)
    if events:
        st.header(say("finetune.course"))
        _curves(folder, job, events)
    _film(folder, job, still=moving)


def _words(folder: Path, moving: bool) -> None:
    _go_if_gone(folder)
    job, now = read_job(folder), worker.state_of(folder)
    if moving and now.state not in MOVING:
        st.rerun(scope="app")  # it has come to rest: the page shows what comes after
    if now.state == "queued":
        ensure_worker()
    events = read_log(folder)
    _state(folder, now, events)
    _buttons(folder, now)
    if events:
        _numbers(folder, job, events, moving)


def _go_if_gone(folder: Path) -> None:
    """Somebody may delete a run while its page looks at it: the page then says so."""
    if not (folder / "state.json").exists():
        st.rerun(scope="app")


def _figures(folder: Path, moving: bool) -> None:
    _go_if_gone(folder)
    answers(folder)
    course(folder, moving)


def _state(folder: Path, now: Status, events: list[Event]) -> None:
    title(folder)
    if now.state == "queued":
        order = worker.waiting()
        place = order.index(folder) + 1 if folder in order else 1
        st.progress(0.0, say("finetune.place", place=place, count=len(order)))
    elif now.state == "running":
        share = events[-1].step / events[-1].steps if events else 0.0
        st.progress(share, _progress_text(folder, now, events))
    elif now.state == "failed" and now.error:
        st.error(plain(SidelightError(now.error[0], **now.error[1]).sentence(language())))
        trace = folder / "error.txt"
        if trace.exists() and (visitor.is_operator() or not visitor.is_public()):  # it names files of the server
            st.download_button(say("finetune.error_file"), trace.read_text("utf-8"), "error.txt", on_click="ignore")


def _progress_text(folder: Path, now: Status, events: list[Event]) -> str:
    if now.stage != "training" or not events:
        begun = (folder / "state.json").stat().st_mtime  # it is written as a stage begins
        return say(f"finetune.stage_{now.stage or 'loading'}", time=duration(max(0.0, time.time() - begun)))
    last = events[-1]
    if last.step == last.steps:  # what follows is told by its own stage
        return say("finetune.progress_last", steps=last.steps, gone=duration(last.seconds))
    since = max(0.0, time.time() - max(now.started, (folder / "log.jsonl").stat().st_mtime))  # a step may take long
    left = max(0.0, last.seconds / last.step * (last.steps - last.step) - since)
    gone = duration(last.seconds + since)
    return say("finetune.progress", step=last.step, steps=last.steps, left=duration(left), gone=gone)


OFFERED: dict[State, tuple[str, ...]] = {
    "running": ("pause", "finish", "cancel"),
    "queued": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
    "cancelled": ("resume",),
    "failed": ("resume",),
    "finished": (),
}
ICONS = {"pause": "pause", "finish": "flag", "cancel": "close", "resume": "play_arrow"}


def _buttons(folder: Path, now: Status) -> None:
    offered = OFFERED[now.state] if visitor.handles(folder) else ()
    pending = asked(folder) if now.state == "running" and now.stage != "measuring" else None
    for place, what in zip(st.columns(4), offered, strict=False):
        if place.button(
            say(f"finetune.{what}"),
            key=f"{what}_{folder.name}",
            icon=f":material/{ICONS[what]}:",
            width="stretch",
            help=say(f"finetune.{what}_help"),
            disabled=pending is not None and what in ("pause", "finish"),
        ):
            if what == "resume":
                ensure_worker()
                worker.queue(folder)
            else:
                worker.request(folder, cast(Request, what))
                _heard(folder)
            st.rerun(scope="app")
    if pending:
        st.caption(say(f"finetune.asked_{pending}"))


def _heard(folder: Path) -> None:
    """Wait a moment for what was asked, so that the page shows it now and not when it looks again."""
    end = time.monotonic() + HEARD
    while worker.state_of(folder).state in MOVING and time.monotonic() < end:
        time.sleep(0.1)


def _numbers(folder: Path, job: Job, events: list[Event], moving: bool) -> None:
    last, main = events[-1], metrics_of(folder, job)[0]
    measured = [event for event in events if event.metrics]
    value = main.shown(measured[-1].metrics[main.key]) if measured else "–"
    shown = (
        (say(f"finetune.{main.key}"), value),
        (say("finetune.loss"), f"{last.loss:.3f}"),
        (say("finetune.rate"), f"{last.rate:.2g}"),
        (say(f"finetune.speed_{job.task}"), _speed(events, moving)),
        (say("finetune.memory"), f"{last.memory:,.0f} MB"),
    )
    with st.container(horizontal=True, gap="medium"):
        for name, text in shown:
            st.metric(name, text, width="content")
    known = known_before(folder)
    if measured and known.get("interim"):
        judged, count = known["interim"], known["held_out"]
        say_which = "interim_some" if judged < count else "interim_all"
        st.caption(say(f"finetune.{say_which}_{job.task}", count=f"{judged:,}", all=f"{count:,}"))


def _speed(events: list[Event], moving: bool) -> str:
    """Of the last steps while it moves, of the whole run afterwards."""
    recent = events[-10:] if moving and len(events) > 1 else events
    steps = recent[1:] if recent is not events else recent
    spent = recent[-1].seconds - (recent[0].seconds if recent is not events else 0.0)
    terms = sum(event.terms for event in steps)
    if not terms or spent <= 0:
        return "–"
    speed = terms / spent
    return say("finetune.per_second", count=f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}")


def known_before(folder: Path) -> dict[str, Any]:
    """What was noted before the first step."""
    path = folder / "before.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _curves(folder: Path, job: Job, events: list[Event]) -> None:
    left, right = st.columns(2)
    losses = {
        say(f"finetune.{name}"): [(e.step, e.metrics[key]) for e in events if key in e.metrics]
        for name, key in (("loss_training", "training_loss"), ("loss_validation", "loss"))
    }
    running = {say("finetune.loss_running"): [(event.step, event.loss) for event in events]}
    figure = curve(losses, say("finetune.step"), say("finetune.loss"), faint=running)
    plot(left, figure, f"loss_{folder.name}")
    left.caption(say("finetune.loss_note") + _gap(events))
    metrics = metrics_of(folder, job)
    measured = [event for event in events if event.metrics]
    series = {
        say(f"finetune.{m.key}"): [(e.step, e.metrics[m.key]) for e in measured]
        for m in metrics
        if all(m.key in event.metrics for event in measured)
    }
    before = known_before(folder).get("metrics", {}).get(metrics[0].key)
    known = {say(f"finetune.before_{job.task}"): before} if before is not None else {}
    figure = curve(series, say("finetune.step"), "", percent=metrics[0].is_share, reference=known)
    plot(right, figure, f"metric_{folder.name}")


def _gap(events: list[Event]) -> str:
    """What it means that both losses have come apart, or nothing while they have not, or that of validation still
    falls."""
    measured = [event.metrics for event in events if "training_loss" in event.metrics]
    if not measured:
        return ""
    last, lowest = measured[-1], min(one["loss"] for one in measured)
    if last["loss"] == lowest or last["loss"] < max(APART * last["training_loss"], last["training_loss"] + APART_LEAST):
        return ""
    known, new = (f"{last[name]:.2f}" for name in ("training_loss", "loss"))
    return " " + say("finetune.loss_gap", training=known, validation=new)


def data_of(folder: str) -> dataset.Data:
    """What a run learns from, kept. Raises SidelightError `data.saved_damaged`."""
    return store().get(("data", folder), lambda: dataset.load(Path(folder) / "data"), (Path(folder).name,))


def _film(folder: Path, job: Job, still: bool) -> None:
    """Where the probe's attention goes: while the model learns, the last frame; afterwards all, to be scrubbed."""
    axis, taken = film.axis(folder), film.frames(folder)
    if axis is None or not taken:
        return
    st.header(say("finetune.film"))
    st.caption(say(f"finetune.film_{job.task}", layers=taken[-1][1].shape[0]))
    frames = [(step, seen[LATE if len(seen) > 3 else slice(-1, None)].mean((0, 1))) for step, seen in taken]
    words = {
        "name": say("finetune.film"),
        "at": say("finetune.film_at", step="{step}", number="{number}", count="{count}"),
    }
    words |= {name: say(f"finetune.film_{name}") for name in ("play", "pause", "slider", "keys", "scale")}
    asked = SIDES[job.task]
    with st.columns([asked.width, 5 - asked.width])[0] if asked.width < 5 else st.container():
        draw_film(asked.film(folder, axis, frames[-1:] if still else frames, words), f"film_{folder.name}")
    if not side(job.task).moves_attention(job.method):
        st.caption(say("finetune.film_head"))
