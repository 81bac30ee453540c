"""The sections of the page on differences in reading order, by the name that stands in the link."""

from collections.abc import Callable

from core.ui.differences import (
    answers,
    architecture,
    cost,
    fields,
    knowing,
    limits,
    loss,
    mathematics,
    meeting,
    pipeline,
    reading,
    task,
)
from core.ui.differences import input as input_
from core.ui.differences.lesson import Lesson


def _one_after_another(*parts: Callable[[Lesson], None]) -> Callable[[Lesson], None]:
    def show(lesson: Lesson) -> None:
        for part in parts:
            part(lesson)

    return show


SECTIONS: dict[str, Callable[[Lesson], None]] = {
    "pipeline": pipeline.show,
    "input": input_.show,
    "mathematics": mathematics.show,
    "architecture": _one_after_another(architecture.show, knowing.show),
    "task": _one_after_another(task.show, answers.show),
    "loss": loss.show,
    "fields": fields.show,
    "cost": cost.show,
    "limits": limits.show,
    "meet": meeting.show,
    "reading": reading.show,
}
MINUTES = {  # that a class takes, 90 in all
    "pipeline": 8,
    "input": 12,
    "mathematics": 12,
    "architecture": 12,
    "task": 8,
    "loss": 10,
    "fields": 8,
    "cost": 6,
    "limits": 6,
    "meet": 6,
    "reading": 2,
}
