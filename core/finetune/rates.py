"""Which learning rate suits a job: the range test of Smith (2017, "Cyclical Learning Rates for Training Neural
Networks", section 3.3), as fastai's `lr_find` runs it.

The job's own model learns from its own data in the loop of every run, while the rate grows by the same factor at each
step. Where the rate is too low, the loss stays; then it falls; where it is too high, it runs away, and the test ends.
"""

import statistics
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch.optim.lr_scheduler import ExponentialLR

from core.finetune import methods
from core.finetune.data.dataset import Data
from core.finetune.job import Job
from core.finetune.looking import drawing_apart
from core.finetune.loop import NotFinite, Run, Settings
from core.finetune.sides import open_learning

STEPS = 80
LOWEST, HIGHEST = 1e-6, 1.0
DECADE = 13  # steps in which the rate grows tenfold
KEEP = 0.9  # of the running average, a step
# Two standard errors of what a running average differs by from the mean of a decade, in spreads of the losses.
NOISE = 2 * ((1 - KEEP) / (1 + KEEP) + 1 / DECADE) ** 0.5
RUNAWAY = 4.0  # times the lowest loss: there the test ends, as fastai's does

OnStep = Callable[[int, int], None]  # (steps done, all); may raise to stop

_one_at_a_time = threading.Lock()  # accelerate's state and the generators are the process's


@dataclass(frozen=True)
class RangeTest:
    """rates, losses: of each step, the rate that it was made with and the mean loss of its batch before it."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def smoothed(self) -> tuple[float, ...]:
        """The losses' running average, corrected for its start as Adam's are."""
        total, found = 0.0, []
        for number, loss in enumerate(self.losses, 1):
            total = KEEP * total + (1 - KEEP) * loss
            found.append(total / (1 - KEEP**number))
        return tuple(found)

    @property
    def lowest(self) -> int | None:
        """The step with the lowest running average; None where that is no lower than the losses scatter by themselves,
        as they do in the first decade, in which nothing is learnt."""
        if len(self.losses) <= DECADE:
            return None
        average, flat = self.smoothed, self.losses[:DECADE]
        step = min(range(DECADE, len(average)), key=average.__getitem__)
        return step if average[step] < statistics.fmean(flat) - NOISE * statistics.stdev(flat) else None

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate at which the loss is lowest (fastai's `minimum`): there it still falls, and is an order
        of magnitude from where it runs away. None where it did not fall."""
        return None if self.lowest is None else self.rates[self.lowest] / 10


def find(job: Job, data: Data, on_step: OnStep = lambda done, steps: None) -> RangeTest:
    """The test of a job on its data; the job's own rate and epochs do not matter. It works on a model of its own and in
    a folder that goes with it, and leaves the generators as they were. Raises SidelightError as `open_learning`.

    Example:
        >>> test = find(default_job("vision", "lora"), bundled_pictures(("dog", "ship"), each=40))
        >>> test.suggestion
    """
    with _one_at_a_time, drawing_apart(), tempfile.TemporaryDirectory() as folder:
        on_step(0, STEPS)
        learning = open_learning(Path(folder), job, data)
        on_step(0, STEPS)
        settings = Settings(STEPS + 1, LOWEST, every=STEPS + 1, seed=job.seed, precision=job.precision)
        run = Run(learning.task, settings, Path(folder), methods.companion(learning.task.module))
        run.schedule = ExponentialLR(run.optimiser, (HIGHEST / LOWEST) ** (1 / (STEPS - 1)))
        rates: list[float] = []
        losses: list[float] = []
        try:
            for event in run.train():
                rates.append(event.rate)
                losses.append(event.loss)
                on_step(event.step, STEPS)
                now = RangeTest(tuple(rates), tuple(losses)).smoothed
                if event.step == STEPS or now[-1] > RUNAWAY * min(now):
                    break
        except NotFinite:
            pass
        return RangeTest(tuple(rates), tuple(losses))
