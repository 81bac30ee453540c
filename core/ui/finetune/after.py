"""What a finished run shows: its result first, with the ways on; then what it answers, the same input before and after,
how it came to that, and another run beside it."""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import SidelightError
from core.finetune import estimate, onnx_parts, outside, results
from core.finetune.job import Job, read_job, status
from core.finetune.log import read_log
from core.finetune.methods import Count
from core.finetune.results import Result
from core.finetune.sides import side
from core.models import catalogue
from core.models.evidence import wilson
from core.settings import setting
from core.tasks import TASKS, Metric
from core.ui import background, choices, visitor, work
from core.ui.finetune import compare_runs, errors, live
from core.ui.finetune.chosen import duration, metrics_of
from core.ui.finetune.sides import SIDES
from core.ui.language import classes_named, language, say, sentences, show_error
from core.ui.plain import plain
from core.wording import ASSETS

FEW = 100  # held-out items


def show(folder: Path) -> None:
    """A run whose state is "finished"."""
    live.title(folder)
    if said := st.session_state.pop("result_said", None):
        st.success(said)
    result = results.read(folder)
    if result is None or catalogue.card(folder.name) is None:
        show_error(SidelightError("model.run_gone", name=folder.name))
        _delete(folder)
        return
    job = read_job(folder)
    _carry(folder, job)
    _numbers(folder, job, result)
    _take_away(folder, job, result)
    live.answers(folder)
    _changed(folder, job, _errors(folder, job))
    live.course(folder)
    _tensorboard(folder)
    _to_the_hub(folder, job)
    compare_runs.show(folder, job, result)


def _carry(folder: Path, job: Job) -> None:
    """Whoever opens a result goes on with its model on the other pages, by their menu too, until another is chosen."""
    if st.session_state.get("carried") != folder.name:
        st.session_state.carried = folder.name
        choices.write(TASKS[job.task].choice, folder.name)


def _errors(folder: Path, job: Job) -> tuple[Any, int] | None:
    try:
        return errors.choose(folder, job)
    except SidelightError as error:
        show_error(error)
        return None


def _changed(folder: Path, job: Job, held_out: tuple[Any, int] | None) -> None:
    """held_out: the error that is looked at."""
    st.header(say("after.change"))
    if held_out:
        st.button(say("errors.back"), icon=":material/arrow_back:", on_click=choices.write, args=("error", "", ""))
    try:
        SIDES[job.task].change(folder, job, held_out)
    except SidelightError as error:
        show_error(error)


def _numbers(folder: Path, job: Job, result: Result) -> None:
    st.header(say("after.result"))
    with st.container(horizontal=True, gap="medium"):
        for metric in metrics_of(folder, job):
            if metric.key in result.metrics:
                value = metric.shown(result.metrics[metric.key])
                st.metric(say(f"finetune.{metric.key}"), value, width="content", **_change(metric, result))
        share = say("after.share", share=f"{Count(result.trainable, result.parameters).share:.2%}")
        for name, value, note in (
            (say("after.learnt"), f"{result.trainable:,}", share),
            (say("after.time"), duration(result.seconds), _steps(folder, result)),
            (say("finetune.memory"), f"{result.peak_mb:,.0f} MB", say("after.process")),
        ):
            st.metric(name, value, note, delta_color="off", delta_arrow="off", width="content")
    st.caption(sentences(_interval(folder, result), _as_told(folder, result)))
    if 0 < result.kept < result.steps:
        st.caption(say("after.kept", step=f"{result.kept:,}", steps=f"{result.steps:,}"))
    st.markdown(sentences(say(f"after.before_{job.task}"), _forgetting(job, result)))
    if said := _calibration(result):
        st.markdown(said)
    st.caption(say("after.data", title=plain(classes_named(job.title)), hash=result.data))


def _steps(folder: Path, result: Result) -> str:
    """How many, and of how many where somebody, or the loss, ended it before."""
    planned = next((event.steps for event in reversed(read_log(folder))), result.steps)
    if result.steps < planned:
        return say("after.steps_early", steps=f"{result.steps:,}", planned=f"{planned:,}")
    return say("after.steps", steps=f"{result.steps:,}")


def _interval(folder: Path, result: Result) -> str:
    """How much chance there is in what few held-out items say."""
    count = live.known_before(folder).get("held_out", 0)
    if not count or "accuracy" not in result.metrics:
        return say("after.few", count=count) if 0 < count < FEW else ""
    low, high = (f"{share:.1%}" for share in wilson(round(result.metrics["accuracy"] * count), count))
    said = say("after.interval", count=f"{count:,}", low=low, high=high)
    return sentences(said, say("after.few", count=count)) if count < FEW else said


def _as_told(folder: Path, result: Result) -> str:
    """What it took beside what was told before it began; nothing of a run that was begun twice."""
    told, now = estimate.noted(folder), status(folder)
    took = now.ended - now.started
    if told is None or took < result.seconds:
        return ""
    return say("after.told", took=duration(took), least=duration(told.least), most=duration(told.most))


def _change(metric: Metric, result: Result) -> dict[str, Any]:
    """ "+3.3, before 90.0%": in points, whichever scale the measure has, and its arrow: Streamlit reads which way it
    goes from a hyphen and not from a minus."""
    before = result.before.get(metric.key)
    if before is None:
        return {}
    points = round(metric.points(result.metrics[metric.key] - before), 1) + 0.0
    arrow, color = ("down", "red") if points < 0 else ("up", "green") if points else ("off", "gray")
    said = say("after.points", points=f"{points:+.1f}", before=metric.shown(before))
    return {"delta": said, "delta_arrow": arrow, "delta_color": color}


def _calibration(result: Result) -> str:
    """What the temperature of its probabilities is worth."""
    found = result.calibration
    if "error" not in found:
        return ""
    return say(
        "after.calibration" if found["temperature"] != 1 else "after.calibration_none",
        temperature=f"{found['temperature']:.2f}",
        error=f"{found['error']:.1%}",
        without=f"{found['error_without']:.1%}",
        count=f"{found['pictures']:.0f}",
    )


def _forgetting(job: Job, result: Result) -> str:
    """What became of the task that the base was made for."""
    found = result.forgetting
    if not found:
        return say("after.not_measured" if side(job.task).moves_attention(job.method) else "after.untouched")
    values = {f"{name}_{when}": f"{value:.1f}" for when, names in found.items() for name, value in names.items()}
    return say(f"after.forgetting_{job.task}", **values)


def _take_away(folder: Path, job: Job, result: Result) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        task = TASKS[job.task]
        for page in task.pages:
            chosen = {task.choice: folder.name, **dict(task.beside)}
            if task.written and result.target:
                chosen[task.written] = result.target
            label = say("after.open", page=say(f"page.{page}"))
            st.page_link(f"pages/{page}.py", label=label, icon=":material/open_in_new:", query_params=chosen)
        if not visitor.handles(folder):
            return
        refused = _not_whole(folder, job)
        offered = [("download", "", "download", results.pack, say("after.download_help"))]
        if not refused:
            offered.append(("whole", "-whole", "deployed_code", outside.pack, say(f"after.whole_{job.task}")))
        for name, ending, icon, pack, note in offered:
            st.download_button(
                say(f"after.{name}"),
                partial(pack, folder),
                file_name=f"{folder.name}{ending}.zip",
                mime="application/zip",
                icon=f":material/{icon}:",
                on_click="ignore",
                help=note,
            )
        _delete(folder)
    if refused:
        st.caption(refused)
    else:
        _onnx(folder)
    st.caption(say("after.carried"))


def _not_whole(folder: Path, job: Job) -> str:
    """Why the whole model cannot be written, told before anybody presses; empty where it can."""
    try:
        side(job.task).check_whole(work.model(job.task, folder.name))
    except SidelightError as error:
        return plain(error.sentence(language()))
    return ""


def _tensorboard(folder: Path) -> None:
    events = folder / "tracking"
    if events.exists():
        home = ASSETS.parent
        place = events.relative_to(home) if events.is_relative_to(home) else events
        st.caption(say("after.tensorboard"))
        st.code(f"tensorboard --logdir {shlex.quote(str(place))}", language="bash", wrap_lines=True)


def _onnx(folder: Path) -> None:
    """Made beside the page when it is asked for."""
    try:
        onnx_parts.check_packages()
        made = background.result(
            ("onnx", folder.name), say("after.onnx"), partial(outside.pack_onnx, folder), (folder.name,), wait=True
        )
    except SidelightError as error:
        st.caption(error.sentence(language()))
        return
    if made is not None:
        packed, difference = made
        st.download_button(
            say("after.onnx_ready"),
            packed,
            file_name=f"{folder.name}-onnx.zip",
            mime="application/zip",
            icon=":material/conversion_path:",
            on_click="ignore",
            help=say("after.onnx_help"),
        )
        st.caption(say("after.onnx_checked", difference=f"{difference:.0e}"))


def _to_the_hub(folder: Path, job: Job) -> None:
    """Whole models alone can be sent there."""
    if visitor.handles(folder) and setting("HUB") and not _not_whole(folder, job):
        st.caption(say("after.push"))
        command = f"python -m core.finetune.outside {folder.name} {folder.name}-whole --push {job.task}-{job.method}"
        st.code(command, language="bash", wrap_lines=True)


def _delete(folder: Path) -> None:
    if not setting("DELETE") or not visitor.handles(folder):
        return
    with st.popover(say("after.delete"), icon=":material/delete:"):
        st.markdown(say("after.delete_sure"))
        children = [card.title for card in catalogue.trained() if card.base == folder.name]
        if children:
            st.text(say("after.delete_children", names=", ".join(children)))
        if st.button(say("after.delete_now"), type="primary", key=f"delete_{folder.name}"):
            results.delete(folder)
            work.forget(folder.name)
            st.rerun()


def upload() -> Path | None:
    """Take back a ZIP that was downloaded here or elsewhere: the run that it became, in the rerun that brought it.

    What is wrong with it is said below the field.
    """
    if not setting("BRING_BACK"):
        return None
    with st.expander(say("after.upload_title"), icon=":material/upload:"):
        st.file_uploader(say("after.upload"), "zip", key="result_zip", on_change=_unpack, help=say("after.upload_help"))
        if error := st.session_state.get("result_error"):
            show_error(error)
    return st.session_state.pop("result_run", None)


def _unpack() -> None:
    file, st.session_state.result_error = st.session_state.result_zip, None
    if file is None:
        return
    try:
        run = results.unpack(file.getvalue(), catalogue.runs_folder(), visitor.owner())
    except SidelightError as error:
        st.session_state.result_error = error
        return
    except OSError as error:
        st.session_state.result_error = SidelightError("training.disk", reason=error.strerror or str(error))
        return
    st.session_state.result_run = run
    st.session_state.result_said = say("after.uploaded", title=plain(read_job(run).title))
