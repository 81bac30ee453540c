"""A run while it learns: progress, curves, what it answers, where it looks, and the buttons that stop it."""

import json
import time
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from core.errors import SidelightError
from core.finetune import film, worker
from core.finetune.data import dataset
from core.finetune.job import Job, Status, read_job
from core.finetune.learning import interim_pictures
from core.finetune.log import Event, read_lines, read_log
from core.ui.film import show as draw_film
from core.ui.finetune.setup import method_name
from core.ui.language import class_name, language, say
from core.views.charts import QUIET
from core.views.film import film_photo, film_sentence
from core.views.finetune import confusion, curve

EVERY, EVERY_FIGURES = 3.0, 15.0  # seconds between two looks at a run that moves; drawing costs what it learns on
HEARD = 1.5  # seconds that a button waits for the run to come to rest; a step may take longer
LATE = slice(-3, -1)  # layers whose attention is filmed: the last but one and the one before
MAIN = {"vision": "accuracy", "translation": "chrf"}
PERCENT = ("accuracy", "macro_f1")


@st.cache_resource(show_spinner=False)
def _worker_of_this_server() -> dict[str, object]:
    return {}


def ensure_worker() -> None:
    """Start the machine's worker, or another where it died, so that it is warm before anybody presses the button."""
    kept = _worker_of_this_server()
    if "process" not in kept or kept["process"].poll() is not None:
        kept["process"] = worker.start_worker()


def show(folder: Path) -> None:
    """The run, refreshed by itself while it is waiting or moving: words and numbers often, figures less so."""
    moving = worker.state_of(folder).state in ("queued", "running")
    st.fragment(_words, run_every=EVERY if moving else None)(folder, moving)
    st.fragment(_figures, run_every=EVERY_FIGURES if moving else None)(folder, moving)


def _words(folder: Path, moving: bool) -> None:
    job, now = read_job(folder), worker.state_of(folder)
    if moving and now.state not in ("queued", "running"):
        st.rerun(scope="app")  # it has come to rest: the page shows what comes after
    if now.state == "queued":
        ensure_worker()
    events = read_log(folder)
    _state(folder, job, now, events)
    _buttons(folder, now)
    if events:
        _numbers(job, events)


def _figures(folder: Path, moving: bool) -> None:
    job, events = read_job(folder), read_log(folder)
    if events:
        _curves(folder, job, events)
    _answers(folder, job)
    _film(folder, job, still=moving)


def _state(folder: Path, job: Job, now: Status, events: list[Event]) -> None:
    st.markdown(f"**{method_name(job.method, job.task)}** · {say(f'finetune.state_{now.state}')}")
    if now.state == "queued":
        order = worker.waiting()
        place = order.index(folder) + 1 if folder in order else 1
        st.progress(0.0, say("finetune.place", place=place, count=len(order)))
    elif now.state == "running":
        share = events[-1].step / events[-1].steps if events else 0.0
        st.progress(share, _progress_text(now, events))
    elif now.state == "failed" and now.error:
        st.error(SidelightError(now.error[0], **now.error[1]).sentence(language()))
        trace = folder / "error.txt"
        if trace.exists():
            st.download_button(say("finetune.error_file"), trace.read_text("utf-8"), "error.txt", on_click="ignore")


def _progress_text(now: Status, events: list[Event]) -> str:
    if now.stage != "training" or not events:
        return say(f"finetune.stage_{now.stage or 'loading'}", seconds=f"{time.time() - now.started:.0f}")
    last = events[-1]
    left = last.seconds / last.step * (last.steps - last.step)
    return say("finetune.progress", step=last.step, steps=last.steps, left=duration(left), gone=duration(last.seconds))


def duration(seconds: float) -> str:
    if seconds < 90:
        return say("finetune.seconds", count=f"{max(1, round(seconds))}")
    return say("finetune.minutes", count=f"{seconds / 60:.0f}")


def _buttons(folder: Path, now: Status) -> None:
    places = st.columns(4)
    offered = {
        "running": ("pause", "finish", "cancel"), "queued": ("pause", "cancel"), "paused": ("resume", "cancel"),
        "cancelled": ("resume",), "failed": ("resume",), "finished": (),
    }[now.state]  # fmt: skip
    icons = {"pause": "pause", "finish": "flag", "cancel": "close", "resume": "play_arrow"}
    for place, what in zip(places, offered, strict=False):
        if place.button(
            say(f"finetune.{what}"), key=f"{what}_{folder.name}", icon=f":material/{icons[what]}:", width="stretch",
            help=say(f"finetune.{what}_help"),
        ):  # fmt: skip
            if what == "resume":
                ensure_worker()
                worker.queue(folder)
            else:
                worker.request(folder, what)
                _heard(folder)
            st.rerun(scope="app")


def _heard(folder: Path) -> None:
    """Wait a moment for what was asked, so that the page shows it now and not when it looks again."""
    end = time.monotonic() + HEARD
    while worker.state_of(folder).state in ("queued", "running") and time.monotonic() < end:
        time.sleep(0.1)


def _numbers(job: Job, events: list[Event]) -> None:
    last = events[-1]
    recent = events[-10:]
    spent = recent[-1].seconds - (recent[0].seconds if len(recent) > 1 else 0.0)
    speed = sum(event.terms for event in recent[1:] or recent) / max(spent, 1e-9)
    measured = [event for event in events if event.metrics]
    value = _shown(MAIN[job.task], measured[-1].metrics[MAIN[job.task]]) if measured else "–"
    for place, (name, text) in zip(
        st.columns(5),
        (
            (say(f"finetune.{MAIN[job.task]}"), value),
            (say("finetune.loss"), f"{last.loss:.3f}"),
            (say("finetune.rate"), f"{last.rate:.2g}"),
            (say(f"finetune.speed_{job.task}"), say("finetune.per_second", count=f"{speed:,.0f}")),
            (say("finetune.memory"), f"{last.memory:,.0f} MB"),
        ),
        strict=True,
    ):
        place.metric(name, text)


def _shown(metric: str, value: float) -> str:
    return f"{value:.1%}" if metric in PERCENT else f"{value:.1f}"


def _before(folder: Path) -> dict[str, float]:
    path = folder / "before.json"
    return json.loads(path.read_text("utf-8"))["metrics"] if path.exists() else {}


def _curves(folder: Path, job: Job, events: list[Event]) -> None:
    left, right = st.columns(2)
    losses = {
        say("finetune.loss_training"): [(event.step, event.loss) for event in events],
        say("finetune.loss_validation"): [(e.step, e.metrics["loss"]) for e in events if "loss" in e.metrics],
    }
    _plot(left, curve(losses, say("finetune.step"), say("finetune.loss")), f"loss_{folder.name}")
    names = ("accuracy", "macro_f1") if job.task == "vision" else ("chrf", "bleu")
    measured = [event for event in events if event.metrics]
    series = {say(f"finetune.{name}"): [(e.step, e.metrics[name]) for e in measured] for name in names}
    before = _before(folder).get(names[0])
    known = {say(f"finetune.before_{job.task}"): before} if before is not None else {}
    figure = curve(series, say("finetune.step"), "", percent=job.task == "vision", reference=known)
    _plot(right, figure, f"metric_{folder.name}")


def _plot(place: st.delta_generator.DeltaGenerator, figure: go.Figure, key: str) -> None:
    place.plotly_chart(figure, key=key, config=QUIET)


def _answers(folder: Path, job: Job) -> None:
    """What the last evaluation answered: fixed samples, and for pictures the confusion of the classes."""
    history = read_lines(folder / "probes.jsonl")
    if not history:
        return
    st.subheader(say("finetune.answers"))
    if job.task == "translation":
        heads = [say(f"finetune.{name}") for name in ("source", "then", "now", "reference")]
        both = zip(history[0]["samples"], history[-1]["samples"], strict=True)
        cells = ((now["input"], then["output"], now["output"], now["reference"]) for then, now in both)
        rows = [dict(zip(heads, row, strict=True)) for row in cells]
        st.dataframe(rows, hide_index=True)
        st.caption(say("finetune.answers_steps", first=history[0]["step"], last=history[-1]["step"]))
        return
    left, right = st.columns([3, 2])
    with left:
        _pictures(folder, job, history[-1]["samples"])
    names = [class_name(name) for name in _data(str(folder)).train.classes]
    figure = confusion(history[-1]["confusion"], names, say("finetune.predicted"), say("finetune.true"))
    _plot(right, figure, f"confusion_{folder.name}")


@st.cache_resource(max_entries=4, show_spinner=False)
def _data(folder: str) -> dataset.PictureData | dataset.PairData:
    return dataset.load(Path(folder) / "data")


def _pictures(folder: Path, job: Job, samples: list[dict]) -> None:
    pictures = interim_pictures(_data(str(folder)), job.seed)
    for place, sample in zip(st.columns(len(samples)), samples, strict=True):
        image = Image.fromarray(pictures.images[sample["input"]].permute(1, 2, 0).numpy())
        right = sample["output"] == sample["reference"]
        place.image(image.resize((96, 96)), width="stretch")
        place.caption(f"{'✓' if right else '✗'} {class_name(sample['output'])} {sample['probability']:.0%}")


def _film(folder: Path, job: Job, still: bool) -> None:
    """Where the probe's attention goes: while the model learns, the last frame; afterwards all, to be scrubbed."""
    axis, frames = film.axis(folder), film.frames(folder)
    if axis is None or not frames:
        return
    st.subheader(say("finetune.film"))
    st.caption(say(f"finetune.film_{job.task}", layers=frames[-1][1].shape[0]))
    frames = [
        (step, attention[LATE if len(attention) > 3 else slice(-1, None)].mean((0, 1))) for step, attention in frames
    ]
    words = {
        "name": say("finetune.film"),
        "at": say("finetune.film_at", step="{step}", number="{number}", count="{count}"),
    }
    words |= {name: say(f"finetune.film_{name}") for name in ("play", "pause", "slider", "keys", "scale")}
    shown = frames[-1:] if still else frames
    if axis["type"] == "image":
        photo = Image.open(folder / "film" / "probe.png")
        found = film_photo(photo, shown, tuple(axis["grid"]), words)
    else:
        found = film_sentence(shown, axis["source"], axis["target"], words)
    with st.columns([2, 3])[0] if axis["type"] == "image" else st.container():
        draw_film(found, f"film_{folder.name}")
    if job.method == "head" and job.task == "vision":
        st.caption(say("finetune.film_head"))
