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
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args, get_origin

from core.errors import SidelightError
from core.finetune.data.archives import DAMAGED
from core.finetune.job import Job, set_status, write_json
from core.finetune.methods import METHODS
from core.models import catalogue
from core.models.catalogue import ModelCard
from core.models.translation import load_translator_card
from core.models.vision import load_vision_card

LARGEST = 2_000  # MB, of an uploaded result once it is unpacked


@dataclass(frozen=True)
class Result:
    """metrics, before: by name (training.finish). forgetting: {"before": .., "after": ..} by measure, or empty.
    seconds: of training, evaluations counted. peak_mb: of the process. data: SHA-256 of what it was trained on. target:
    the tag of the language that a translator learnt, or empty; a result that is sent on comes without its data."""

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


def card_of(run: Path, job: Job, place: Path) -> ModelCard:
    """The catalogue's entry for the weights in `place`."""
    card = ModelCard(
        key=run.name, task=job.task, title=f"{job.title} · {job.method} · {run.name[4:15]}",
        source=f"fine-tuned from {job.base}", licence="that of its base and its data", sha256="", base=job.base,
        place=place,
    )  # fmt: skip
    return replace(card, sha256=hashlib.sha256(card.weights.read_bytes()).hexdigest())


def write(place: Path, job: Job, card: ModelCard, result: dict[str, Any]) -> None:
    write_json(place / "result.json", asdict(Result(**result)))
    write_json(place / "job.json", asdict(job))
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
            job = _job_from(json.loads((card.folder / "job.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if result and job.task == task == card.task:
            found.append((card.folder.parent, job, result))
    return found


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


def unpack(data: bytes, root: Path) -> Path:
    """A run folder from what `pack` wrote. Its weights are safetensors, checked against the hash that came with them,
    and loaded once before the run is there.

    Raises SidelightError `result.not_one` for anything else, `result.no_base` where its base is not on this machine,
    `model.not_its_base` where the weights do not fit it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {info.filename: info for info in archive.infolist() if not info.is_dir()}
            _check(files)
            contents = {name: archive.read(info) for name, info in files.items()}
        card, job = catalogue.card_from(json.loads(contents["card.json"])), _job_from(json.loads(contents["job.json"]))
        _result_from(json.loads(contents["result.json"]))
    except (*DAMAGED, KeyError, TypeError, RecursionError) as error:
        raise SidelightError("result.not_one") from error
    base = catalogue.card(str(card.base))
    if base is None or base.task != card.task:
        raise SidelightError("result.no_base", base=str(card.base)[:80])
    if job.task != card.task or hashlib.sha256(_weights(contents)).hexdigest() != card.sha256:
        raise SidelightError("result.not_one")
    return _place(root, contents, card, job)


def _check(files: dict[str, zipfile.ZipInfo]) -> None:
    """Raises ValueError for what `pack` would not have written."""
    flat = all(len(PurePosixPath(name).parts) == 1 and not name.startswith((".", "/")) for name in files)
    size = sum(info.file_size for info in files.values())
    kinds = {PurePosixPath(name).suffix for name in files}
    if not flat or size > LARGEST * 1e6 or kinds - {".json", ".safetensors", ".spm"}:
        raise ValueError("not a result")


def _job_from(values: dict[str, Any]) -> Job:
    """Raises TypeError or ValueError for what is no job."""
    job = Job(**values)
    for field in fields(job):
        value = getattr(job, field.name)
        literal = get_origin(field.type) is Literal
        kinds = (int, float) if field.type is float else field.type
        if value not in get_args(field.type) if literal else not isinstance(value, kinds):
            raise TypeError(f"{field.name} of the job is of the wrong type")
    if job.method not in METHODS:  # it becomes a part of the folder's name
        raise ValueError("no method that is known")
    return job


def _result_from(values: dict[str, Any]) -> Result:
    """Raises TypeError for what is no result."""
    found = Result(**values)
    measures = [found.metrics, found.before, *found.forgetting.values()] if isinstance(found.forgetting, dict) else [0]
    texts = (found.data, found.target)
    if not all(isinstance(one, dict) for one in measures) or not all(isinstance(text, str) for text in texts):
        raise TypeError("a field of the result is of the wrong type")
    numbers = [found.seconds, found.steps, found.peak_mb, found.trainable, found.parameters]
    numbers += [number for one in measures for number in one.values()]
    if not all(isinstance(number, (int, float)) for number in numbers):
        raise TypeError("a number of the result is none")
    return found


def _weights(contents: dict[str, bytes]) -> bytes:
    return contents.get("adapter_model.safetensors") or contents.get("model.safetensors") or b""


def _place(root: Path, contents: dict[str, bytes], card: ModelCard, job: Job) -> Path:
    """Written beside its place and loaded there; only what loads is moved into it."""
    run = root / f"{time.strftime('%Y%m%d-%H%M%S')}-{job.method}-{card.sha256[:4]}"
    unfinished = run / ".result"
    shutil.rmtree(run, ignore_errors=True)  # the same file, sent twice in a second
    try:
        unfinished.mkdir(parents=True)
        for name, content in contents.items():
            (unfinished / name).write_bytes(content)
        load = load_vision_card if job.task == "vision" else load_translator_card
        load(replace(card, place=unfinished))
        unfinished.rename(run / "result")
    except BaseException as error:
        shutil.rmtree(run, ignore_errors=True)
        if isinstance(error, SidelightError) and error.code == "model.run_gone":
            raise SidelightError("result.not_one") from error
        raise
    write_json(run / "job.json", asdict(job))
    set_status(run, "finished", queued=time.time(), ended=time.time())
    return run
