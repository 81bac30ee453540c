"""A result that somebody sent, read as data: small records with bounds for every value, and tensors.

Nothing else of it is used. Configuration, tokenizer and peft's settings are written anew from the base that is on this
machine; names and shapes of the tensors must be those that fine-tuning that base gives. What is parsed before that is
bounded in size, so that a forged file costs a sentence and no memory.
"""

import hashlib
import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from core.errors import SidelightError
from core.finetune.data.archives import DAMAGED
from core.finetune.data.dataset import clean
from core.finetune.methods import METHODS
from core.finetune.sides import side
from core.models import catalogue, hub
from core.models.catalogue import TaskName
from core.tasks import TASKS

FILES = 30  # in the archive, at most
RECORD = 200_000  # bytes of a JSON file
WEIGHTS = {"adapter_model.safetensors", "model.safetensors"}
KINDS = {".json", ".safetensors", ".spm"}
ROOM, SPARE = 3, 20_000_000  # times the base's file (float16) plus bytes, which no result exceeds


def _title(text: str) -> str:
    if not (found := clean(text)):
        raise ValueError("nothing that is visible")
    return found


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


Line = Annotated[str, Field(max_length=400), AfterValidator(clean)]
Title = Annotated[str, Field(max_length=200), AfterValidator(_title)]
Label = Annotated[str, Field(max_length=60), AfterValidator(_title)]
Name = Annotated[str, StringConstraints(pattern=r"^\w{1,40}$")]
Number = Annotated[float, Field(ge=-1e12, le=1e12), AfterValidator(_finite)]
Measures = Annotated[dict[Name, Number], Field(max_length=40)]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class SentCard(Record):
    key: Line
    task: TaskName
    title: Title
    source: Line
    licence: Line
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    base: Title


class SentJob(Record):
    """The fields of `job.Job`. owner, sweep: of another machine, not kept."""

    task: TaskName
    method: Name
    base: Title
    title: Line
    epochs: int = Field(ge=1, le=10_000)
    rate: float = Field(gt=0, le=100)
    batch: int = Field(ge=1, le=100_000)
    schedule: Literal["cosine", "linear", "constant_with_warmup"]
    smoothing: float = Field(ge=0, lt=1)
    varied: bool
    even: bool = False
    grouped: bool = False
    seed: int = Field(ge=0, le=2**63 - 1)
    precision: Literal["no", "bf16", "fp16"]
    patience: int = Field(ge=0, le=10_000)
    rank: int = Field(ge=1, le=256)
    side: int = Field(ge=14, le=2048)
    probe: Annotated[str, Field(max_length=4000), AfterValidator(clean)]
    owner: Line
    sweep: Line = ""


class SentResult(Record):
    """The fields of `results.Result`."""

    metrics: Measures
    before: Measures
    forgetting: Annotated[dict[Literal["before", "after"], Measures], Field(max_length=2)]
    seconds: float = Field(ge=0, le=1e10)
    steps: int = Field(ge=0, le=10**10)
    peak_mb: float = Field(ge=0, le=1e10)
    trainable: int = Field(ge=0, le=10**13)
    parameters: int = Field(ge=0, le=10**13)
    data: Line
    target: Line
    kept: int = Field(default=0, ge=0, le=10**10)
    calibration: Measures = Field(default={})


class SentClasses(Record):
    classes: Annotated[list[Label], Field(min_length=2, max_length=100)]
    temperature: float = Field(ge=1e-9, le=1e12)  # older results are not bounded


@dataclass(frozen=True)
class Sent:
    """weights: of the file `file`, as they came. tensors: the same, read. classes: of a task that names some."""

    card: SentCard
    job: SentJob
    result: SentResult
    classes: SentClasses | None
    file: str
    weights: bytes
    tensors: dict[str, Tensor]


def read(data: bytes) -> Sent:
    """Raises SidelightError `result.not_one`, `result.no_base`; nothing is written."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive)
    except (*DAMAGED, KeyError, TypeError, RecursionError, SafetensorError, ValidationError, MemoryError) as error:
        raise SidelightError("result.not_one") from error


def _read(archive: zipfile.ZipFile) -> Sent:
    files = _listed(archive)
    card = SentCard.model_validate_json(_small(archive, files["card.json"]))
    job = SentJob.model_validate_json(_small(archive, files["job.json"]))
    result = SentResult.model_validate_json(_small(archive, files["result.json"]))
    classes = None
    if side(card.task).names_classes:
        classes = SentClasses.model_validate_json(_small(archive, files["classes.json"]))
        if len(set(classes.classes)) < len(classes.classes):
            raise ValueError("two classes of one name")
    largest = ROOM * _weights_of(card.base, card.task) + SPARE
    if job.task != card.task or job.base != card.base or job.method not in METHODS:
        raise ValueError("the records do not agree")
    (file,) = WEIGHTS & files.keys()
    weights = _bounded(archive, files[file], largest)
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise ValueError("other weights")
    tensors = load_tensors(weights)
    if not all(value.is_floating_point() and bool(value.isfinite().all()) for value in tensors.values()):
        raise ValueError("a weight is no number")
    return Sent(card, job, result, classes, file, weights, tensors)


def _listed(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Raises ValueError for what `results.pack` would not have written."""
    entries = [info for info in archive.infolist() if not info.is_dir()]
    files = {info.filename: info for info in entries}
    flat = all(len(PurePosixPath(name).parts) == 1 and not name.startswith((".", "/")) for name in files)
    kinds = {PurePosixPath(name).suffix for name in files}
    plain = all(info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in entries)
    if not flat or not plain or len(entries) > FILES or len(files) < len(entries) or kinds - KINDS:
        raise ValueError("not a result")
    return files


def _small(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    return _bounded(archive, entry, RECORD)


def _bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Its content, never more than `most` bytes of it, whatever size it claims. Raises ValueError."""
    if entry.file_size > most:
        raise ValueError("larger than any result")
    with archive.open(entry) as stream:
        content = stream.read(most + 1)
        if len(content) > most:
            raise ValueError("larger than it says")
        stream.read(1)  # at the end the check sum is compared
    return content


def _weights_of(base: str, task: TaskName) -> int:
    """Bytes of the model that all began with, bundled, a folder of this machine, or fetched from the hub, and of what
    was made of it on the way. Raises SidelightError `result.no_base` where one of them is not here."""
    first = catalogue.card(base)
    if first and first.task not in (task, *TASKS[task].bases):
        raise SidelightError("result.no_base", base=base[:80])
    name, files = base, dict[str, list[Path]]()
    while name and name not in files:
        card = catalogue.card(name)
        files[name] = [card.weights] if card else list(_folder(name, task).glob("*.safetensors"))
        name = (card.base or "") if card else ""
    found = [file for some in files.values() for file in some]
    if not found or not all(file.exists() for file in found):
        raise SidelightError("result.no_base", base=base[:80])
    return sum(file.stat().st_size for file in found)


def _folder(name: str, task: TaskName) -> Path:
    try:
        return catalogue.folder(name) or hub.cached(TASKS[task].repository(name))
    except (SidelightError, LocalEntryNotFoundError, HFValidationError) as error:
        raise SidelightError("result.no_base", base=name[:80]) from error


def shapes_of(tensors: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}
