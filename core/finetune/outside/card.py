"""The card of a fine-tuned model, as the hub shows it: what it is, how it was made, how good it is, and its limits. In
English, the language of cards there."""

from pathlib import Path

from core.errors import SidelightError
from core.finetune.data import dataset
from core.finetune.job import Job
from core.finetune.log import read_log
from core.finetune.methods import METHODS, PROMPT_PAPERS
from core.finetune.results import Result
from core.models import catalogue
from core.models.evidence import wilson
from core.tasks import TASKS, Metric

KINDS = {  # what the hub calls them
    "vision": "image-classification",
    "translation": "translation",
    "classify": "text-classification",
    "captioning": "image-to-text",
}
SETTINGS = (
    "epochs",
    "batch",
    "rate",
    "schedule",
    "smoothing",
    "varied",
    "grouped",
    "seed",
    "precision",
    "patience",
    "rank",
    "side",
)


def card_text(run: Path, job: Job, result: Result, library: str) -> str:
    base = catalogue.card(job.base)
    parts = [
        _head(job, library),
        f"# {job.title}",
        _what(job, result, base),
        _quality(run, job, result),
        _course(run, job),
    ]
    return "\n\n".join([*parts, _limits(result, base)]) + "\n"


def _head(job: Job, library: str) -> str:
    """What the hub reads: a base is named where it is on the hub."""
    lines = ["license: other", f"library_name: {library}", f"pipeline_tag: {KINDS[job.task]}"]
    if catalogue.card(job.base) is None and not _own(job):
        lines.append(f"base_model: {job.base}")
    return "\n".join(["---", *lines, "tags: [sidelight]", "---"])


def _own(job: Job) -> str:
    """Of a base that lies in a folder where it was trained: what to say, since its name means nothing elsewhere."""
    name = job.base.removeprefix("local:")
    return f"`{name}`, a folder of models on the machine where this was trained" if name != job.base else ""


def _what(job: Job, result: Result, base: catalogue.ModelCard | None) -> str:
    paper = PROMPT_PAPERS[job.task] if job.method == "prompt" else (METHODS[job.method].paper, METHODS[job.method].link)
    method = f"{job.method} ([{paper[0]}]({paper[1]}))" if paper[0] else job.method
    target = f", into {result.target}" if result.target else ""
    settings = ", ".join(f"{name} {getattr(job, name)}" for name in SETTINGS)
    share = result.trainable / result.parameters
    return "\n".join(
        [
            f"- Task: {KINDS[job.task]}{target}.",
            f"- Base: {f'{base.title} ({base.source})' if base else _own(job) or job.base}.",
            f"- Method: {method}; {result.trainable:,} of {result.parameters:,} parameters learnt ({share:.2%}).",
            f"- Settings: {settings}.",
            f"- Data: SHA-256 `{result.data}`. It is not part of this folder.",
            f"- Made with Sidelight in {result.seconds:,.0f} s; at most {result.peak_mb:,.0f} MB.",
            "",
            "The weights are in float16. `load.py` runs them without Sidelight.",
        ]
    )


def _quality(run: Path, job: Job, result: Result) -> str:
    """On what was held out, as the result was measured."""
    count = _held_out(run)
    rows = [
        f"| {metric.key} | {metric.shown(result.metrics[metric.key])} | {_interval(metric, result, count)} | "
        f"{metric.shown(result.before[metric.key]) if metric.key in result.before else '–'} |"
        for metric in TASKS[job.task].metrics
        if metric.key in result.metrics
    ]
    held_out = f"{count} held-out items" if count else "held-out items, whose number did not come with the result"
    lines = [f"## How good, on {held_out}", "", "| | after | 95% interval | before |", "|---|---|---|---|", *rows]
    for name, when in result.forgetting.items():
        said = ", ".join(f"{measure} {value:.1f}" for measure, value in when.items())
        lines += ["", f"Of what its base was made for, {name}: {said}."]
    if "error" in result.calibration:
        found = result.calibration
        lines += [
            "",
            f"Probabilities are divided by a temperature of {found['temperature']:.2f}; expected calibration error "
            f"{found['error']:.1%} on {found['pictures']:.0f} other items ({found['error_without']:.1%} without it).",
        ]
    return "\n".join(lines)


def _interval(metric: Metric, result: Result, count: int) -> str:
    """Wilson's, of a share of right answers; the other measures have none that is so simple."""
    if metric.key != "accuracy" or not count:
        return "–"
    low, high = wilson(round(result.metrics["accuracy"] * count), count)
    return f"{metric.shown(low)} to {metric.shown(high)}"


def _held_out(run: Path) -> int:
    """0 for a result that was brought from elsewhere, without its data."""
    try:
        return sum(held_out for _, held_out in dataset.load(run / "data").report.counts.values())
    except (OSError, SidelightError):
        return 0


def _course(run: Path, job: Job) -> str:
    """What was measured while it learnt."""
    log = read_log(run)
    events = [event for event in log if event.metrics]
    if not events:
        return "How it learnt did not come with the result."
    names = list(events[-1].metrics)
    rows = [
        " | ".join([f"| {event.step:,}", f"{event.loss:.3f}", *(f"{event.metrics.get(n, 0):.3f}" for n in names)])
        + " |"
        for event in events
    ]
    last = log[-1]
    early = [f"It was finished after step {last.step:,} of {last.steps:,}.", ""] if last.step < last.steps else []
    head = [f"| step | loss of the step | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    return "\n".join(["## How it learnt", "", *early, *head, *rows])


def _limits(result: Result, base: catalogue.ModelCard | None) -> str:
    return "\n".join(
        [
            "## Limits",
            "",
            "It was judged on items like those that it learnt from; of anything else nothing was measured. A",
            "classifier names one of its classes for every input, whatever it is.",
            "",
            f"Licence: that of its base ({base.licence if base else 'see its page'}) and of its data.",
        ]
    )
