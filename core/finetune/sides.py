"""Which side learns a task: the answers to `learning.Learning`."""

from pathlib import Path
from typing import Any

from core.finetune.captioning_learning import CaptioningLearning
from core.finetune.data.dataset import Data
from core.finetune.job import Job
from core.finetune.learning import Learning
from core.finetune.picture_learning import PictureLearning
from core.finetune.sentence_learning import SentenceLearning
from core.finetune.text_learning import TextLearning
from core.models.catalogue import TaskName

SIDES: dict[TaskName, type[Learning[Any, Any]]] = {
    "vision": PictureLearning,
    "translation": SentenceLearning,
    "classify": TextLearning,
    "captioning": CaptioningLearning,
}


def side(task: TaskName) -> type[Learning[Any, Any]]:
    return SIDES[task]


def open_learning(folder: Path, job: Job, data: Data) -> Learning[Any, Any]:
    """Raises SidelightError for a model that cannot be loaded or a probe that it does not accept."""
    return side(job.task)(folder, job, data)
