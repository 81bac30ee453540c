"""How to train: the method with what it costs, the settings with plain words, the estimate, and the button."""

import hashlib
import secrets
from dataclasses import replace
from pathlib import Path

import streamlit as st
from PIL import Image

from core.errors import SidelightError
from core.finetune import data as sets
from core.finetune import estimate, methods, worker
from core.finetune.job import BATCH, Job, new_run, owner_salt
from core.finetune.methods import METHODS, Task
from core.models.catalogue import runs_folder
from core.models.loading import precisions
from core.models.tokenizing import unknown_letters
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.ui.finetune.data import Chosen
from core.ui.language import say, show_error

RATES = tuple(round(digit * 10**power, 10) for power in (-5, -4, -3, -2, -1) for digit in (1, 2, 3, 5))
BATCHES = (8, 16, 32, 64)
SIDES = (98, 112, 168, 224)  # px
UNKNOWN = 0.005  # share of pieces that the vocabulary lacks, above which it is said
SCHEDULES = ("cosine", "linear", "constant_with_warmup")


def check(model: VisionModel | Translator | None) -> None:
    """Raises SidelightError `model.cannot_learn`."""
    if isinstance(model, VisionModel) and not model.can_learn:
        raise SidelightError("model.cannot_learn", name=model.name)


def choose(task: Task, base: str, model: VisionModel | Translator, chosen: Chosen, seed: int) -> Job:
    """Draw the controls."""
    if isinstance(chosen.data, sets.PairData):
        _warn_of_unknown(model, chosen.data)
    method = _method(task, base, model, chosen)
    left, middle, right = st.columns(3)
    epochs = left.slider(say("finetune.epochs"), 1, 40, METHODS[method].epochs[task], key=f"epochs_{task}_{method}")
    rate = middle.select_slider(
        say("finetune.rate"), RATES, METHODS[method].rate[task], format_func="{:g}".format,
        key=f"rate_{task}_{method}", help=say("finetune.rate_help"),
    )  # fmt: skip
    batch = right.select_slider(
        say("finetune.batch"), BATCHES, BATCH[task], key=f"batch_{task}",
        help=say("finetune.batch_help"),
    )  # fmt: skip
    job = Job(task, method, base, chosen.title[:60], epochs, rate, batch, seed=seed, owner=owner())
    with st.expander(say("finetune.more"), icon=":material/tune:"):
        return _more(job, model)


def _warn_of_unknown(model: Translator, data: sets.PairData) -> None:
    share, examples = unknown_letters(model.tokenizer, [pair.target for pair in data.train])
    if share > UNKNOWN:
        st.warning(say("finetune.unknown_pieces", share=_percent(share), examples=" ".join(examples[:8])))


def _method(task: Task, base: str, model: VisionModel | Translator, chosen: Chosen) -> str:
    classes = len(chosen.data.train.classes) if isinstance(chosen.data, sets.PictureData) else 0
    counts = _counts(base, task, classes, model)
    total = sum(p.numel() for p in model.module.parameters())
    method = st.segmented_control(
        say("finetune.method"), list(counts), format_func=lambda key: method_name(key, task),
        default="lora" if "lora" in counts else "full", key=f"method_{task}", required=True,
    )  # fmt: skip
    if left_out := [method_name(key, task) for key in METHODS if key not in counts]:
        st.caption(say("finetune.not_for_model", names=", ".join(left_out)))
    who, link = methods.paper(method, task)
    source = f" [{who}]({link})" if who else ""
    st.caption(say(f"finetune.{method}_{task}") + source)
    st.markdown(
        say(
            "finetune.trainable",
            count=f"{counts[method]:,}",
            total=f"{total:,}",
            share=_percent(counts[method] / total),
        )
    )
    return method


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.2%}"


def method_name(method: str, task: Task) -> str:
    return say(f"finetune.method_{method}_{task}" if method in ("head", "prompt") else f"finetune.method_{method}")


@st.cache_data(show_spinner=False)
def _counts(base: str, task: Task, classes: int, _model: VisionModel | Translator) -> dict[str, int]:
    return estimate.trainable_counts(_model.module, task, classes, Job.rank)


def _more(job: Job, model: VisionModel | Translator) -> Job:
    vision, columns = job.task == "vision", st.columns(3)
    schedule = columns[0].selectbox(
        say("finetune.schedule"), SCHEDULES, format_func=lambda key: say(f"finetune.schedule_{key}"), key="schedule"
    )
    smoothing = columns[1].slider(
        say("finetune.smoothing"), 0.0, 0.3, 0.1, 0.05, key="smoothing", help=say("finetune.smoothing_help")
    )
    patience = columns[2].slider(say("finetune.patience"), 0, 5, 0, key="patience", help=say("finetune.patience_help"))
    varied = columns[0].toggle(say("finetune.varied"), True, key="varied", help=say(f"finetune.varied_{job.task}"))
    precision = columns[1].selectbox(
        say("finetune.precision"), precisions(), format_func=lambda key: say(f"finetune.precision_{key}"),
        key="precision", help=say("finetune.precision_help"),
    )  # fmt: skip
    rank = job.rank
    if job.method in ("lora", "adalora"):
        rank = columns[2].select_slider(say("finetune.rank"), (2, 4, 8, 16, 32), rank, key="rank")
    side = job.side
    if vision:
        sides = [size for size in SIDES if size in model.sizes] or [model.default_size]
        side = columns[2].select_slider(
            say("finetune.side"), sides, 112 if 112 in sides else sides[0], key="side", help=say("finetune.side_help")
        )
    return replace(
        job, schedule=schedule, smoothing=smoothing, patience=patience, varied=varied, precision=precision, rank=rank,
        side=side,
    )  # fmt: skip


def owner() -> str:
    """Who asks: the browser, as far as it can be told, as a hash that leads back to nobody: the cookie is a secret. A
    queue that is fair needs no more."""
    identity = st.context.cookies.get("_streamlit_xsrf") or st.session_state.setdefault("owner", secrets.token_hex(16))
    return hashlib.blake2b(str(identity).encode(), key=owner_salt(runs_folder()), digest_size=16).hexdigest()


def estimated(job: Job, model: VisionModel | Translator, chosen: Chosen) -> float:
    """Seconds that the job will take, from a step measured here."""
    with st.spinner(say("finetune.measuring"), show_time=True):
        cost = _cost(
            job.base, job.task, job.method, job.side, job.precision, job.rank, chosen.data.digest, model, job, chosen
        )
    return estimate.seconds(cost, job, chosen.data)


@st.cache_data(show_spinner=False, max_entries=64)
def _cost(
    base: str, task: str, method: str, side: int, precision: str, rank: int, digest: str,
    _model: VisionModel | Translator, _job: Job, _chosen: Chosen,
) -> estimate.Cost:  # fmt: skip
    return estimate.measure(_model, _job, _chosen.data)


def start(job: Job, chosen: Chosen, probe: Image.Image | str) -> Path | None:
    """Put the job and its data into a folder of its own and into the queue."""
    try:
        if isinstance(probe, str):
            job = replace(job, probe=probe)
        folder = new_run(runs_folder(), job)
        sets.save(chosen.data, folder / "data")
        if not isinstance(probe, str):
            (folder / "film").mkdir()
            probe.save(folder / "film" / "probe-photo.png")
        worker.queue(folder)
    except SidelightError as error:
        show_error(error)
        return None
    except OSError as error:
        show_error(SidelightError("training.disk", reason=error.strerror or str(error)))
        return None
    return folder
