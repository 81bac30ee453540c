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
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import SidelightError
from core.finetune.job import Job, read_job, set_status, write_json
from core.models import catalogue
from core.models.catalogue import ModelCard

LARGEST = 2_000  # MB, of an uploaded result once it is unpacked
NAMES = ("card.json", "job.json", "result.json")


@dataclass(frozen=True)
class Result:
    """metrics, before: by name (training.finish). forgetting: {"before": .., "after": ..} by measure, or empty.
    seconds: of training, evaluations counted. peak_mb: of the process. data: SHA-256 of what it was trained on."""

    metrics: dict[str, float]
    before: dict[str, float]
    forgetting: dict[str, dict[str, float]]
    seconds: float
    steps: int
    peak_mb: float
    trainable: int
    parameters: int
    data: str


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
    """None for a run that is not finished."""
    path = run / "result" / "result.json"
    return Result(**json.loads(path.read_text("utf-8"))) if path.exists() else None


def pack(run: Path) -> bytes:
    """The result as a ZIP."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # weights do not get smaller
        for file in sorted((run / "result").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(run / "result").as_posix())
    return stream.getvalue()


def unpack(data: bytes, root: Path) -> Path:
    """A run folder from what `pack` wrote. Its weights are safetensors, checked against the hash that came with them.

    Raises SidelightError `result.not_one` for anything else, `result.no_base` where its base is not on this machine.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {info.filename: info for info in archive.infolist() if not info.is_dir()}
            _check(files)
            contents = {name: archive.read(info) for name, info in files.items()}
        card = ModelCard(**json.loads(contents["card.json"]))
        job, _ = Job(**json.loads(contents["job.json"])), Result(**json.loads(contents["result.json"]))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, NotImplementedError, RuntimeError) as error:
        raise SidelightError("result.not_one") from error
    if catalogue.card(str(card.base)) is None:
        raise SidelightError("result.no_base", base=str(card.base)[:80])
    return _place(root, contents, card, job)


def _check(files: dict[str, zipfile.ZipInfo]) -> None:
    """Raises ValueError for what `pack` would not have written."""
    flat = all(len(PurePosixPath(name).parts) == 1 and not name.startswith((".", "/")) for name in files)
    size = sum(info.file_size for info in files.values())
    kinds = {PurePosixPath(name).suffix for name in files}
    if not flat or size > LARGEST * 1e6 or kinds - {".json", ".safetensors", ".spm"}:
        raise ValueError("not a result")


def _place(root: Path, contents: dict[str, bytes], card: ModelCard, job: Job) -> Path:
    weights = contents.get("adapter_model.safetensors") or contents.get("model.safetensors") or b""
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise SidelightError("result.not_one")
    run = root / f"{time.strftime('%Y%m%d-%H%M%S')}-{job.method}-{card.sha256[:4]}"
    if run.exists():
        shutil.rmtree(run)
    (run / "result").mkdir(parents=True)
    for name, content in contents.items():
        (run / "result" / name).write_bytes(content)
    write_json(run / "result" / "card.json", json.loads(contents["card.json"]) | {"key": run.name})
    write_json(run / "job.json", asdict(job))
    read_job(run)
    set_status(run, "finished", queued=time.time(), ended=time.time())
    return run
