"""A finished run for use without this project: the whole model as timm or transformers writes it, ten lines that run it
(`load.py`), and what it is, in the form that the hub shows (`README.md`).

The small ZIP of `results.pack` holds what changed alone, and comes back to the pages.
"""

import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import SidelightError
from core.finetune import results
from core.finetune.onnx_parts import check_packages, write_parts
from core.finetune.outside.card import card_text
from core.finetune.sides import side
from core.models import catalogue
from core.tasks import TASKS
from core.wording import ASSETS

GLANCE = 0.5  # seconds between two looks at a process
ENDED = {"code": "result.onnx_ended", "values": {}}
SCRIPTS = Path(__file__).parent


def write(run: Path, folder: Path) -> None:
    """The model of a finished run, what changed merged into its base, in float16. Raises SidelightError `model.*`."""
    card, result = catalogue.card(run.name), results.read(run)
    if card is None or result is None:
        raise SidelightError("model.run_gone", name=run.name)
    job = results.job_of(run)
    library = side(job.task).save_whole(TASKS[job.task].load_card(card), job, result.target, folder)
    (folder / "load.py").write_bytes((SCRIPTS / f"load_{job.task}_{library}.py").read_bytes())
    (folder / "README.md").write_text(card_text(run, job, result, library), "utf-8")


def write_onnx(run: Path, folder: Path) -> float:
    """The model of a finished run as ONNX, in float32, with a script that runs it; how far it is from PyTorch, as
    `write_parts` tells. Raises SidelightError `model.*`, `result.*onnx*`."""
    check_packages()
    card, result = catalogue.card(run.name), results.read(run)
    if card is None or result is None:
        raise SidelightError("model.run_gone", name=run.name)
    job = results.job_of(run)
    parts = side(job.task).onnx_parts(TASKS[job.task].load_card(card), job, result.target, folder)
    difference = write_parts(parts, folder)
    (folder / "load.py").write_bytes((SCRIPTS / f"onnx_{job.task}.py").read_bytes())
    return difference


def pack(run: Path) -> bytes:
    """As a ZIP. Raises SidelightError `model.*`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, run.name)
        folder.mkdir()
        write(run, folder)
        return _zipped(folder)


def pack_onnx(run: Path, on_step: Callable[[float, float], None]) -> tuple[bytes, float]:
    """As ONNX: the ZIP, and how far it is from PyTorch. A process of its own writes it, as the exporter holds what all
    threads share; what `on_step`, asked twice a second, raises ends it. Raises SidelightError as `write_onnx` does."""
    check_packages()
    with tempfile.TemporaryDirectory() as name:
        folder, said = Path(name, run.name), Path(name, "said.json")
        command = [sys.executable, "-m", "core.finetune.outside", run, folder, "--onnx", "--said", said]
        process = subprocess.Popen(list(map(str, command)), cwd=ASSETS.parent)
        try:
            while process.poll() is None:
                on_step(len(list(folder.glob("*.onnx"))), 0)
                time.sleep(GLANCE)
        finally:
            process.kill()
            process.wait()
        found: dict[str, Any] = json.loads(said.read_text("utf-8")) if said.exists() else ENDED
        if "code" in found:
            raise SidelightError(found["code"], **found["values"])
        return _zipped(folder), found["difference"]


def _zipped(folder: Path) -> bytes:
    archive = folder.with_name("whole.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:  # weights do not get smaller
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                file.write(one, one.relative_to(folder.parent).as_posix())
    return archive.read_bytes()
