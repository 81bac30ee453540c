"""Fine-tune from the command line: python -m core.finetune --task vision --method lora --data FOLDER_OR_ZIP

Writes the same run folder as the Fine-tune page, which shows it, and goes on with one that was stopped (`--run`).
`accelerate launch --multi_gpu --num_processes 2 -m core.finetune --run FOLDER ...` runs it on two GPUs, or with
SIDELIGHT_DEVICE=cpu on two processes of the CPU (`--cpu` starts one where MPI is missing).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from accelerate import PartialState

from core.errors import SidelightError
from core.finetune import data, methods, worker
from core.finetune.job import default_job, new_run, set_status, write_json
from core.finetune.learning import side
from core.models import catalogue
from core.models.loading import device
from core.tasks import TASKS

JOB_OPTIONS = (
    "base",
    "epochs",
    "rate",
    "batch",
    "schedule",
    "smoothing",
    "seed",
    "precision",
    "patience",
    "rank",
    "side",
    "probe",
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    state = PartialState(cpu=device().type == "cpu")
    try:
        with state.main_process_first():
            folder = _folder(options) if state.is_main_process else options.run
        if folder is None:
            raise SystemExit("several processes need --run FOLDER")
        for event in worker.train_here(folder, lock=state.is_main_process):
            if state.is_main_process and (event.metrics or event.step % options.print_every == 0):
                print(json.dumps(asdict(event)), flush=True)
        if state.is_main_process:
            print(f"{folder}: {worker.status(folder).state} (processes: {state.num_processes})")
    except SidelightError as error:
        sys.exit(str(error))


def _folder(options: argparse.Namespace) -> Path:
    """The run's folder: the one named if there is a job in it, else a new one with its data checked and copied in."""
    if options.run and (options.run / "job.json").exists():
        return options.run
    found, title = side(options.task).read(options.data, options.language, options.seed)
    given = {name: value for name in JOB_OPTIONS if (value := getattr(options, name)) is not None}
    job = default_job(options.task, options.method, title=title[:60], varied=not options.plain, **given)
    if options.run:
        options.run.mkdir(parents=True, exist_ok=True)
        write_json(options.run / "job.json", asdict(job))
    folder = options.run or new_run(catalogue.runs_folder(), job)
    data.save(found, folder / "data")
    set_status(folder, "running", queued=time.time())
    return folder


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.finetune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--task", choices=tuple(TASKS), required=True)
    add("--method", choices=tuple(methods.METHODS), default="lora")
    add("--data", type=Path, help="class folders (folder, .zip, .tar.gz) or sentence pairs (.csv, .tsv)")
    add("--language", default="de", help="of the sentence pairs' target: de, fr, cs, zh; '' for a model without tags")
    add("--base", help="model to start from; by default the bundled one")
    add("--run", type=Path, help="folder of the run; one that was stopped goes on")
    add("--epochs", type=int, help="by default the method's own")
    add("--rate", type=float, help="peak learning rate; by default the method's own")
    add("--batch", type=int, help="pictures or sentence pairs")
    add("--schedule", choices=("cosine", "linear", "constant_with_warmup"), default="cosine")
    add("--smoothing", type=float, default=0.1)
    add("--plain", action="store_true", help="no augmentation")
    add("--seed", type=int, default=0)
    add("--precision", choices=("no", "bf16", "fp16"), help="by default the best that this machine has")
    add("--patience", type=int, default=0, help="evaluations without a lower loss before it ends; 0: never")
    add("--rank", type=int, default=8, help="of LoRA and AdaLoRA")
    add("--side", type=int, default=112, help="px of the pictures")
    add("--probe", default="", help="sentence whose attention is filmed")
    add("--print-every", type=int, default=5)
    options = parser.parse_args(arguments)
    if options.data is None and not (options.run and (options.run / "job.json").exists()):
        parser.error("--data is needed for a new run")
    return options


if __name__ == "__main__":
    main()
