"""What a finished run leaves: a folder that loads as a model, and the ZIP that carries it to another machine and back.

`result/` holds the weights (safetensors), `card.json` (its entry in the catalogue), `job.json` (the settings) and
`result.json` (what was measured).
"""

import hashlib
import io
import json
import shutil
import time
import zipfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from core.errors import SidelightError
from core.finetune import rebuilt, sent
from core.finetune.job import Job, Status, set_status, write_json
from core.models import catalogue
from core.models.catalogue import ModelCard
from core.tasks import TASKS

UNREADABLE = ".unreadable"  # among the runs' folders


@dataclass(frozen=True)
class Result:
    """metrics, before: by name (training.finish). forgetting: {"before": .., "after": ..} by measure, or empty.
    seconds: of training, evaluations counted. peak_mb: of the process. data: SHA-256 of what it was trained on. target:
    the tag of the language that a translator learnt, or empty; a result that is sent on comes without its data. kept:
    the step that the weights are of, the last one or, with early stopping, that of the lowest validation loss.
    calibration: of its probabilities (`Learning.calibration`)."""

    metrics: dict[str, float]
    before: dict[str, float]
    forgetting: dict[str, dict[str, float]]
    seconds: float
    steps: int
    peak_mb: float
    trainable: int
    parameters: int
    data: str
    target: str = ""
    kept: int = 0
    calibration: dict[str, float] = field(default_factory=dict)


def card_of(run: Path, job: Job, place: Path) -> ModelCard:
    """The catalogue's entry for the weights in `place`."""
    which = f"{job.title} (lr={job.rate:g}, seed={job.seed})" if job.sweep else job.title
    card = ModelCard(
        key=run.name,
        task=job.task,
        title=f"{which} · {job.method} · {run.name[4:15]}",
        source=f"fine-tuned from {job.base}",
        licence="that of its base and its data",
        sha256="",
        base=job.base,
        place=place,
    )
    return replace(card, sha256=hashlib.sha256(card.weights.read_bytes()).hexdigest())


def write(place: Path, job: Job, card: ModelCard, result: Result) -> None:
    write_json(place / "result.json", asdict(result))
    write_json(place / "job.json", asdict(replace(job, owner="", sweep="")))  # it is sent to others
    write_json(place / "card.json", {name: value for name, value in asdict(card).items() if name != "place"})


def read(run: Path) -> Result | None:
    """None for a run that is not finished, or whose result cannot be read."""
    try:
        return _result_from(json.loads((run / "result" / "result.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def finished(task: str) -> list[tuple[Path, Job, Result]]:
    """The finished runs of a task that can be read, newest first."""
    found = []
    for card in catalogue.trained():
        result = read(card.folder.parent)
        try:
            job = job_of(card.folder.parent)
        except (OSError, ValueError, TypeError):
            continue
        if result and job.task == task == card.task:
            found.append((card.folder.parent, job, result))
    return found


def set_aside(root: Path) -> list[Path]:
    """Move the runs whose files cannot be read out of every list, to `.unreadable`; what nobody can see breaks nothing.
    Returns where they are now."""
    moved = []
    for run in sorted(path.parent for path in root.glob("*/state.json")):
        if not _is_readable(run):
            place = root / UNREADABLE / run.name
            place.parent.mkdir(exist_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            moved.append(run.rename(place))
    return moved


def _is_readable(run: Path) -> bool:
    """Its job, its state, and what it left where it is finished."""
    try:
        texts = [(run / name).read_text("utf-8") for name in ("job.json", "state.json")]
        job, state = (json.loads(text) for text in texts)
        json.dumps([job, state], ensure_ascii=False, allow_nan=False).encode()  # half a character cannot be shown
        Job(**job), Status(**state)  # no key too many
        TypeAdapter(Job).validate_json(texts[0], strict=True)
        if TypeAdapter(Status).validate_json(texts[1], strict=True).state == "finished":
            catalogue.card_from(json.loads((run / "result" / "card.json").read_text("utf-8")))
            job_of(run)
            return read(run) is not None
    except (OSError, ValueError, TypeError, RecursionError):
        return False
    return True


def job_of(run: Path) -> Job:
    """What a finished run learnt. Raises OSError, ValueError, TypeError for what cannot be read."""
    return _job_from(json.loads((run / "result" / "job.json").read_text("utf-8")))


def delete(run: Path) -> None:
    """Take a run that nobody works on out of the list and the catalogue, then away."""
    (run / "state.json").unlink(missing_ok=True)
    (run / "result" / "card.json").unlink(missing_ok=True)
    shutil.rmtree(run, ignore_errors=True)


def pack(run: Path) -> bytes:
    """The result as a ZIP."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # weights do not get smaller
        for file in sorted((run / "result").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(run / "result").as_posix())
    return stream.getvalue()


def unpack(data: bytes, root: Path, owner: str = "") -> Path:
    """A run folder from what `pack` wrote: records within their bounds, and tensors that fit the base (`sent.py`); all
    else is written anew (`rebuilt.py`). It is loaded once before the run is there. owner: whose it is here.

    Raises SidelightError `result.not_one` for anything else, `result.no_base` where its base is not on this machine,
    `model.not_its_base` where the weights do not fit it.
    """
    found = sent.read(data)
    job = Job(**found.job.model_dump() | {"owner": owner, "sweep": ""})
    run = root / f"{time.strftime('%Y%m%d-%H%M%S')}-{job.method}-{found.card.sha256[:4]}"
    unfinished = run / ".result"
    shutil.rmtree(run, ignore_errors=True)  # the same file, sent twice in a second
    try:
        unfinished.mkdir(parents=True)
        rebuilt.write_model(found, unfinished)
        card = ModelCard(**found.card.model_dump() | {"place": unfinished})
        write(unfinished, job, card, Result(**found.result.model_dump()))
        TASKS[job.task].load_card(card)
        unfinished.rename(run / "result")
    except BaseException as error:
        shutil.rmtree(run, ignore_errors=True)
        if isinstance(error, SidelightError) and error.code == "model.run_gone":
            raise SidelightError("result.not_one") from error
        raise
    write_json(run / "job.json", asdict(job))
    set_status(run, "finished", queued=time.time(), ended=time.time())
    return run


def _job_from(values: dict[str, Any]) -> Job:
    """Raises ValueError for what is no job."""
    return Job(**sent.SentJob.model_validate(values).model_dump())


def _result_from(values: dict[str, Any]) -> Result:
    """Raises ValueError for what is no result."""
    return Result(**sent.SentResult.model_validate(values).model_dump())
