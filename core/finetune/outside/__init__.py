"""A finished run for use without this project: the whole model as timm or transformers writes it, ten lines that run it
(`load.py`), and what it is, in the form that the hub shows (`README.md`).

The small ZIP of `results.pack` holds what changed alone, and comes back to the pages.
"""

import tempfile
import zipfile
from pathlib import Path

from core.errors import SidelightError
from core.finetune import results
from core.finetune.outside.card import card_text
from core.finetune.sides import side
from core.models import catalogue
from core.tasks import TASKS

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


def pack(run: Path) -> bytes:
    """As a ZIP. Raises SidelightError `model.*`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, run.name)
        folder.mkdir()
        write(run, folder)
        archive = Path(name, "whole.zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:  # weights do not get smaller
            for one in sorted(folder.rglob("*")):
                if one.is_file():
                    file.write(one, one.relative_to(folder.parent).as_posix())
        return archive.read_bytes()
