"""The sections of the page on differences in reading order, by the name that stands in the link."""

from collections.abc import Callable

from core.ui.differences import architecture, cost, limits, loss, mathematics, pipeline, reading, task
from core.ui.differences import input as input_
from core.ui.differences.lesson import Lesson

SECTIONS: dict[str, Callable[[Lesson], None]] = {
    "input": input_.show,
    "task": task.show,
    "architecture": architecture.show,
    "pipeline": pipeline.show,
    "mathematics": mathematics.show,
    "loss": loss.show,
    "cost": cost.show,
    "limits": limits.show,
    "reading": reading.show,
}
