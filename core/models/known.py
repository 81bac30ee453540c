"""Models of the hub that the field uses, by task: a list to choose from. They are not on this machine, need a network,
and none of their published weights were tried for this project; what opens is told by `benchmarks.coverage`."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.errors import SidelightError
from core.settings import setting
from core.wording import ASSETS

FOUND = 20  # models of the hub that a search tells
# What the hub calls a task. What it calls text to text has several names.
PIPELINES = {
    "vision": "image-classification",
    "captioning": "image-text-to-text",
    "translation": "translation",
    "summary": "summarization",
    "answer": "question-answering",
    "classify": "text-classification",
    "generate": "text-generation",
    "fill": "fill-mask",
    "detect": "object-detection",
    "segment": "image-segmentation",
}


@dataclass(frozen=True)
class Known:
    """task: of `PIPELINES`. millions: of parameters, about; 0 where that is not known. licence: "" where it is not
    known for sure. about: one line by language. prompted: whether it answers a prompt about a picture, so that captions
    do not teach it (`captioning_by_name.check_can_learn`)."""

    task: str
    name: str
    millions: float = 0.0
    licence: str = ""
    about: tuple[tuple[str, str], ...] = ()
    prompted: bool = False

    def line(self, language: str) -> str:
        return dict(self.about).get(language, "")

    @property
    def megabytes(self) -> float:
        """What the weights take here, in float32."""
        return 4 * self.millions


@cache
def known() -> tuple[Known, ...]:
    read: list[dict[str, Any]] = json.loads((ASSETS / "known_models.json").read_text("utf-8"))
    return tuple(Known(**{**one, "about": tuple(one["about"].items())}) for one in read)


def of(task: str) -> tuple[Known, ...]:
    return tuple(one for one in known() if one.task == task)


def search(text: str, task: str) -> tuple[Known, ...]:
    """Models of the hub with this text in their names, the most loaded first. Raises SidelightError `known.offline`
    where the hub cannot be reached, and what `hub.errors` makes of other failures."""
    from huggingface_hub import HfApi, constants

    from core.models import hub

    if not setting("HUB") or not hub.is_reachable():
        raise SidelightError("known.offline")
    with hub.errors(text, None):
        found = HfApi(constants.ENDPOINT).list_models(
            search=text, pipeline_tag=PIPELINES[task], sort="downloads", limit=FOUND
        )
        return tuple(Known(task, one.id) for one in found)
