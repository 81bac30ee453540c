"""How to train: the method with what it costs, the settings with plain words, the estimate, and the button."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import streamlit as st

from core.errors import SidelightError
from core.finetune import data as sets
from core.finetune import estimate, methods, sweep, worker
from core.finetune.job import Job, new_run
from core.finetune.methods import METHODS, Count
from core.finetune.sides import side as learning_of
from core.models.catalogue import TaskName, runs_folder
from core.models.loading import precisions
from core.tasks import TASKS, Model
from core.ui import background, visitor
from core.ui.finetune.chosen import PREVIEW, Chosen, Probe, duration
from core.ui.finetune.side import Side
from core.ui.language import say, sentences, show_error

RATES = tuple(round(digit * 10**power, 10) for power in (-5, -4, -3, -2, -1) for digit in (1, 2, 3, 5))
BATCHES = (8, 16, 32, 64)
Schedule = Literal["cosine", "linear", "constant_with_warmup"]
FEW = 20  # updates of the weights; with fewer, little is learnt
CROWDED = 1.5  # tasks for each core
Precision = Literal["no", "bf16", "fp16"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
Ask = Callable[..., estimate.Cost | None]


def choose(side: Side[Any, Any], base: str, model: Model, chosen: Chosen, seed: int) -> Job:
    """Draw the controls."""
    side.warn(model, chosen.data)
    task = side.task
    method = _method(side, base, model, chosen)
    left, middle, right = st.columns(3)
    epochs = left.slider(say("finetune.epochs"), 1, 40, METHODS[method].epochs[task], key=f"epochs_{task}_{method}")
    key = rate_key(task, method)  # the finder writes it, too; set anew in any case, as in `choices.typed`
    st.session_state[key] = st.session_state.get(key, METHODS[method].rate[task])
    rate = middle.select_slider(
        say("finetune.rate"),
        RATES,
        format_func="{:g}".format,
        key=key,
        help=say("finetune.rate_help"),
    )
    batch = right.select_slider(
        say("finetune.batch"),
        BATCHES,
        TASKS[task].batch,
        key=f"batch_{task}",
        help=say("finetune.batch_help"),
    )
    job = Job(task, method, base, chosen.title[:60], epochs, rate, batch, seed=seed, owner=visitor.owner())
    job = replace(job, grouped=chosen.grouped)
    with st.expander(say("finetune.more"), icon=":material/tune:"):
        return _more(side, job, model, chosen)


def _method(side: Side[Any, Any], base: str, model: Model, chosen: Chosen) -> str:
    task = side.task
    found = counts(base, side, model, chosen)
    method = st.segmented_control(
        say("finetune.method"),
        list(found),
        format_func=lambda key: method_name(key, task),
        default="lora" if "lora" in found else "full",
        key=f"method_{task}",
        required=True,
        wrap=True,
    )
    if left_out := [method_name(key, task) for key in METHODS if key not in found]:
        st.caption(say("finetune.not_for_model", names=", ".join(left_out)))
    who, link = methods.paper(method, task)
    source = f" [{who}]({link})" if who else ""
    st.caption(say(f"finetune.{method}_{task}") + source)
    st.markdown(
        say(
            "finetune.trainable",
            count=f"{found[method].trainable:,}",
            total=f"{found[method].total:,}",
            share=f"{found[method].share:.2%}",
        )
    )
    return method


def rate_key(task: TaskName, method: str) -> str:
    """Of the box for the rate, in the session."""
    return f"rate_{task}_{method}"


def method_name(method: str, task: TaskName) -> str:
    return say(f"finetune.method_{method}_{task}" if method in ("head", "prompt") else f"finetune.method_{method}")


def counts(base: str, side: Side[Any, Any], model: Model, chosen: Chosen) -> dict[str, Count]:
    """What each method trains, without those that do not fit the model."""
    classes = side.classes(chosen.data)

    def count(_: background.OnStep) -> dict[str, Count]:
        return estimate.counts(model.module, side.task, classes, Job.rank)

    return background.awaited(("counts", base, side.task, classes), say("finetune.measuring"), count, (base,))


def _more(side: Side[Any, Any], job: Job, model: Model, chosen: Chosen) -> Job:
    columns = st.columns(2)
    schedule = columns[0].selectbox(
        say("finetune.schedule"), SCHEDULES, format_func=lambda key: say(f"finetune.schedule_{key}"), key="schedule"
    )
    smoothing = columns[1].slider(
        say("finetune.smoothing"), 0.0, 0.3, 0.1, 0.05, key="smoothing", help=say("finetune.smoothing_help")
    )
    patience = columns[0].slider(say("finetune.patience"), 0, 5, 0, key="patience", help=say("finetune.patience_help"))
    varied = columns[0].toggle(say("finetune.varied"), True, key="varied", help=say(f"finetune.varied_{job.task}"))
    precision = columns[1].selectbox(
        say("finetune.precision"),
        cast(tuple[Precision, ...], precisions()),
        format_func=lambda key: say(f"finetune.precision_{key}"),
        key="precision",
        help=say("finetune.precision_help"),
    )
    rank = job.rank
    if job.method in ("lora", "adalora"):
        rank = columns[1].select_slider(say("finetune.rank"), (2, 4, 8, 16, 32), rank, key="rank")
    job = side.settings(job, model, columns[0])
    job = replace(
        job, schedule=schedule, smoothing=smoothing, patience=patience, varied=varied, precision=precision, rank=rank
    )
    if varied:
        _varied(side, job, chosen)
    return job


def _varied(side: Side[Any, Any], job: Job, chosen: Chosen) -> None:
    """Some of the data as training may show them; each press draws anew."""
    with st.container(key="varied_items"):
        draw = st.session_state.setdefault("varied_draw", 0)
        side.varied(learning_of(job.task).varied(job, chosen.data, PREVIEW, draw))
        if st.button(say("finetune.draw_again"), icon=":material/casino:", key="varied_again"):
            st.session_state.varied_draw = draw + 1
            st.rerun()


def estimated(job: Job, model: Model, chosen: Chosen, ask: Ask = background.result) -> estimate.Seconds | None:
    """What the job will take, from steps measured here. ask: of `background`; by `result`, None while they are
    measured, as nobody need wait for that to press Start."""
    asked = job.base, job.task, job.method, job.side, job.precision, job.rank, chosen.data.digest

    def measure(_: background.OnStep) -> estimate.Cost:
        return estimate.measure(model, job, chosen.data)

    cost = ask(("step", *asked), say("finetune.measuring"), measure, (job.base,))
    return estimate.seconds(cost, job, chosen.data) if cost else None


def tell(told: estimate.Seconds | None, job: Job, chosen: Chosen) -> None:
    """How long, once that is known, and how many steps, and what stands against either."""
    updates = estimate.updates(job, len(chosen.data.train))
    lines = [say("finetune.updates", count=updates)]
    if told:
        usual, least, most = (duration(one) for one in (told.usual, told.least, told.most))
        lines.insert(0, say("finetune.estimate", time=usual, least=least, most=most, steps=told.steps))
    st.markdown(sentences(*lines))
    if updates < FEW:
        st.caption(say("finetune.few_updates"))
    if (crowd := estimate.crowd()) > CROWDED:
        st.caption(say("finetune.crowded", times=f"{crowd:.1f}"))


def start(job: Job, chosen: Chosen, probe: Probe, told: estimate.Seconds | None = None) -> str | None:
    """Put the job and its data into a folder of its own and into the queue; the run's name, or None, which is said.
    told: what it was said to take."""

    def begin() -> str:
        worker.check_room(job.owner)
        folder = new_run(runs_folder(), replace(job, probe=probe.sentence))
        _fill(folder, chosen, probe)
        if told:
            estimate.note(folder, told)
        worker.queue(folder)
        return folder.name

    return _begun(begin)


def start_sweep(jobs: Sequence[Job], chosen: Chosen, probe: Probe) -> str | None:
    """The same of the jobs of a sweep; the sweep's name."""
    jobs = [replace(job, probe=probe.sentence) for job in jobs]
    return _begun(lambda: sweep.start(jobs, lambda folder: _fill(folder, chosen, probe)).name)


def _fill(folder: Path, chosen: Chosen, probe: Probe) -> None:
    sets.save(chosen.data, folder / "data")
    if probe.photo:
        (folder / "film").mkdir()
        probe.photo.save(folder / "film" / "probe-photo.png")


def _begun(begin: Callable[[], str]) -> str | None:
    try:
        return begin()
    except SidelightError as error:
        show_error(error)
    except OSError as error:
        show_error(SidelightError("training.disk", reason=error.strerror or str(error)))
    return None
