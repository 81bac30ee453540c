"""What `python -m core.finetune` can be told, each value within its bounds; what is not told is the job's default."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.errors import SidelightError
from core.finetune import methods
from core.finetune.job import Job, default_job
from core.tasks import TASKS

OF_JOB = {  # option -> field of the job
    "task": "task",
    "method": "method",
    "base": "base",
    "epochs": "epochs",
    "rate": "rate",
    "batch": "batch",
    "schedule": "schedule",
    "smoothing": "smoothing",
    "plain": "varied",
    "even": "even",
    "ungrouped": "grouped",
    "seed": "seed",
    "precision": "precision",
    "patience": "patience",
    "rank": "rank",
    "side": "side",
    "probe": "probe",
}
SWITCHED = {"plain": "augmentation", "ungrouped": "near duplicates on one side"}  # option -> what it ends


def parse(description: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was not told is None. Ends with a sentence where a value is out of its bounds."""
    parser = argparse.ArgumentParser(
        prog="python -m core.finetune", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--task", choices=tuple(TASKS), required=True)
    add("--method", choices=tuple(methods.METHODS), help="lora where none is named")
    add(
        "--data",
        type=Path,
        help="class folders or pictures with captions (folder, .zip, .tar.gz), sentence pairs or texts (.csv, ...)",
    )
    add(
        "--language",
        help="of the pairs' target (de, fr, cs, zh; by default de) or of the captions (en, de, fr, zh; by default en); "
        "'' for a model without tags",
    )
    add("--base", help="model to start from; by default the bundled one")
    add("--run", type=Path, help="folder of the run; one that was stopped goes on")
    add("--epochs", type=_whole(1), help="by default the method's own")
    add("--rate", type=_number(0, 100, above=True), help="peak learning rate; by default the method's own")
    add("--batch", type=_whole(1), help="pictures, sentence pairs or texts")
    add("--schedule", choices=("cosine", "linear", "constant_with_warmup"), help=f"{Job.schedule}")
    add("--smoothing", type=_number(0, 0.999), help=f"of the labels, 0 up to 1; {Job.smoothing}")
    add("--plain", action="store_false", default=None, help="no augmentation")
    add("--even", action="store_true", default=None, help="each class counts alike, however few items it has")
    add("--ungrouped", action="store_false", default=None, help="near duplicates stay on both sides of the split")
    add("--seed", type=_whole(0), help=f"{Job.seed}")
    add("--precision", choices=("no", "bf16", "fp16"), help="by default the best that this machine has")
    add("--patience", type=_whole(0), help="evaluations without a lower loss before it ends; 0 (default): never")
    add("--rank", type=_whole(1, 256), help=f"of LoRA and AdaLoRA; {Job.rank}")
    add("--side", type=_whole(14, 2048), help=f"px of the pictures; {Job.side}")
    add("--probe", help="sentence whose attention is filmed")
    add("--onnx", action="store_true", help="when it is finished, write it as ONNX, too, into the run's folder")
    add("--print-every", type=_whole(1), default=5)
    add("--methods", nargs="+", choices=tuple(methods.METHODS), help="a sweep: each of these, as one queued thing")
    add("--rates", nargs="+", type=_number(0, 100, above=True), help="a sweep: each method at each of these rates")
    add("--times", nargs="+", type=_number(0, 100, above=True), help="a sweep: at each method's own rate times these")
    add("--seeds", nargs="+", type=_whole(0), help="a sweep: each of them with each of these seeds")
    add("--sweep", help="name of a sweep that was stopped and goes on")
    add("--find-rate", action="store_true", help="no run: try rates on this data for a minute and suggest one")
    add("--measure-memory", action="store_true", help="no run: say what memory its first steps take")
    options = parser.parse_args(arguments)
    if (
        options.data is None
        and not options.sweep
        and (tries_only(options) or is_sweep(options) or not is_run(options.run))
    ):
        parser.error("--data is needed for a new run, a sweep, --find-rate and --measure-memory")
    if is_sweep(options) and (options.run or (options.rates and options.times)):
        parser.error("a sweep has no --run, and either --rates or --times")
    return options


def tries_only(options: argparse.Namespace) -> bool:
    """Whether something is to be known before a run, and none is begun."""
    return bool(options.find_rate or options.measure_memory)


def is_sweep(options: argparse.Namespace) -> bool:
    return any((options.methods, options.rates, options.times, options.seeds, options.sweep))


def is_run(folder: Path | None) -> bool:
    return bool(folder and (folder / "job.json").exists())


def told(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of the job that were named."""
    values = {field: getattr(options, option) for option, field in OF_JOB.items()}
    return {field: value for field, value in values.items() if value is not None}


def new_job(options: argparse.Namespace, title: str, grouped: bool = False) -> Job:
    usual: dict[str, Any] = {"method": "lora", "title": title[:60], "grouped": grouped}
    return default_job(**usual | told(options))


def check_same(options: argparse.Namespace, job: Job) -> None:
    """Raises SidelightError `training.other_options` for a run that was begun in another way."""
    begun = {option: getattr(job, field) for option, field in OF_JOB.items() if field in told(options)}
    other = {option: value for option, value in begun.items() if value != getattr(options, option)}
    if other:
        said = ", ".join(SWITCHED.get(option, f"--{option} {value}") for option, value in other.items())
        raise SidelightError("training.other_options", run=options.run.name, options=said)


def _whole(least: int, most: int = 2**62) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().lstrip("+-").isdecimal() or not least <= int(text) <= most:
            limit = f" to {most}" if most < 2**62 else " up"
            raise argparse.ArgumentTypeError(f"“{text}” is no whole number from {least}{limit}")
        return int(text)

    return read


def _number(least: float, most: float, above: bool = False) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not least <= found <= most or (above and found == least):  # false for what is no number, too
            limits = f"above {least:g} and up to {most:g}" if above else f"from {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"“{text}” is no number {limits}")
        return found

    return read
