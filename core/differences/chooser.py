"""Which model fits a task, given the data, the machine and the licence."""

from dataclasses import replace

from core import tasks
from core.differences.candidates import KNOWN, Candidate
from core.finetune import results
from core.models import catalogue

TASKS = (
    "classify",
    "foreground",
    "detect",
    "segment",
    "translate",
    "summarise",
    "answer",
    "judge",
    "generate",
    "describe",
)
LEARNT_HERE = ("foreground", *(task.does for task in tasks.TASKS.values()))  # by what the Fine-tune page teaches
DATA = ("none", "few", "hundreds", "many")  # items of a class, or sentence pairs: 0; to 30; to 1,000; more
COMPUTE = {"cpu": 100e6, "gpu": 500e6, "several": float("inf")}  # most parameters that are comfortable there
LICENCES = ("any", "commercial")
METHODS = {"none": "none", "few": "head", "hundreds": "lora", "many": "full"}


def candidates() -> tuple[Candidate, ...]:
    """Those that are known, the bundled ones with their titles, and what was fine-tuned here, if it can be read."""
    titles = {card.key: card.title for card in catalogue.SHIPPED}
    known = [_titled(one, titles) for one in KNOWN]
    trained = [
        Candidate(
            card.key,
            card.title,
            tasks.TASKS[card.task].does,
            _merged(card, result),
            card.licence,
            "non-commercial" not in card.licence,
            True,
            "",
            "",
            True,
        )
        for card in catalogue.trained()
        if (result := results.read(card.folder.parent))
    ]
    return (*known, *trained)


def _merged(card: catalogue.ModelCard, result: results.Result) -> int:
    """The parameters of what was fine-tuned here: they were counted with the adapter, which is merged for use."""
    adapter = (card.folder / "adapter_config.json").exists()
    return result.parameters - (result.trainable if adapter else 0)


def _titled(one: Candidate, titles: dict[str, str]) -> Candidate:
    return replace(one, title=titles[one.name]) if one.here else one


def fitting(task: str, data: str, compute: str, licence: str) -> list[Candidate]:
    """The candidates that do the task: as they are, or, where there is data, after training. What is here comes first,
    then the smaller."""
    found = [
        one
        for one in candidates()
        if one.task == task
        and (one.ready or data != "none")
        and one.parameters <= COMPUTE[compute]
        and (one.commercial or licence == "any")
    ]
    return sorted(found, key=lambda one: (not one.here, one.parameters, one.name))
