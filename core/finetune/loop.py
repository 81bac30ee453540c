"""One training loop for every task. It yields an `Event` after each step; who iterates may stop at any time.

Everything about a run lies in its folder: `settings.json`, `log.jsonl` (one event a line) and `checkpoints/`. A
checkpoint is written beside its place and renamed into it, so a kill leaves the last complete one. Accelerate does
devices, precision and several processes: each process takes its share of every batch, and the loss is divided by the
whole batch's count, so that the gradient is the same however many processes there are.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import get_scheduler

from core.finetune.best import BestWeights
from core.finetune.log import Event, log_event, read_log, write_log
from core.finetune.looking import looking
from core.finetune.memory import peak_mb
from core.finetune.processes import check_whole
from core.models.loading import device

KEPT = 2  # checkpoints
UNFINISHED = ".unfinished"  # one that is being written


@dataclass(frozen=True)
class Settings:
    """steps: updates. rate: the peak learning rate, reached after `warmup` steps; then it follows `schedule` to zero.

    average: decay of the running average of the weights, 0 for none. every: steps between two evaluations, and between
    two checkpoints. patience: evaluations without a lower validation loss after which a run ends; 0 for never. With
    one, the weights of the lowest validation loss are kept (`Run.use_best`).
    """

    steps: int
    rate: float
    warmup: int = 0
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.0
    every: int = 500
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    patience: int = 0

    @classmethod
    def of(cls, options: object, **more: Any) -> Self:
        """A command's options of these names; more: what it does not ask for."""
        return cls(**{one.name: getattr(options, one.name) for one in fields(cls) if hasattr(options, one.name)} | more)


class Task(Protocol):
    """What is learnt. Batches hold indices of training items, so that an epoch is cheap to draw again on resuming."""

    module: nn.Module

    def batches(self, epoch: int) -> Sequence[Sequence[int]]:
        """The epoch's batches: the same for the same epoch, on every process."""

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        """Sum of the losses of these items and how many terms it has (tokens, images)."""

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Measures on the validation part; `module` is in eval mode."""


class Damaged(RuntimeError):
    """None of the checkpoints of a run can be read."""


class NotFinite(ValueError):
    """The loss is no number: most often the rate is too high."""


class Companion(Protocol):
    """What some methods do beside the gradient (AdaLoRA moves rank from layer to layer); kept in each checkpoint."""

    def penalty(self) -> Tensor:
        """Added to the mean loss of a batch: ()."""

    def after_update(self, step: int) -> None:
        """Called once the weights have moved, while their gradients are still there. step: counts from 1."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass
class _Position:
    """How far a run is; kept in each checkpoint."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    best: float = float("inf")  # validation loss
    waited: int = 0  # evaluations since then

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class Run:
    """A task being learnt in a folder. `train` begins it or goes on from its last checkpoint."""

    def __init__(
        self,
        task: Task,
        settings: Settings,
        folder: Path,
        companion: Companion | None = None,
        trackers: Sequence[Any] = (),
    ) -> None:
        """trackers: names that accelerate knows ("tensorboard"), or its trackers; each event is told to them."""
        self.task, self.settings, self.folder, self.companion = task, settings, folder, companion
        check_whole()
        AcceleratorState._reset_state()  # else the precision of a process's first run would bind all that follow
        on_cpu, told = device().type == "cpu", list(trackers) or None
        self.accelerator = Accelerator(
            mixed_precision=settings.precision, cpu=on_cpu, log_with=told, project_dir=folder
        )
        if trackers:
            self.accelerator.init_trackers("tracking", config=asdict(settings))
        set_seed(settings.seed + self.accelerator.process_index)
        groups = parameter_groups(task.module, settings.weight_decay)
        optimiser = torch.optim.AdamW(groups, settings.rate, betas=(0.9, 0.98), fused=True)
        self.module, self.optimiser = self.accelerator.prepare(task.module, optimiser)
        self.schedule = get_scheduler(settings.schedule, optimiser, settings.warmup, settings.steps)
        self.position = _Position()
        self.average = (
            AveragedModel(task.module, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=False)
            if settings.average
            else None
        )
        self.best = BestWeights(self.learnt, companion) if settings.patience else None
        kept = [self.schedule, self.position, self.average, companion, self.best]
        self.accelerator.register_for_checkpointing(*(thing for thing in kept if thing is not None))

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the validation loss has not fallen for `patience` evaluations."""
        at, settings = self.position, self.settings
        return at.step >= settings.steps or bool(settings.patience and at.waited >= settings.patience)

    @property
    def learnt(self) -> nn.Module:
        """The module to use: the average of the weights where one is kept, else the module itself."""
        return self.average.module if self.average else self.accelerator.unwrap_model(self.module)

    def train(self) -> Iterator[Event]:
        """Raises NotFinite for a loss that is no number."""
        self._begin()
        if self.is_over:
            return
        at, started = self.position, time.perf_counter() - self.position.seconds
        while at.step < self.settings.steps:
            batches = self.task.batches(at.epoch)
            for items in batches[at.batch :]:
                rate = self.schedule.get_last_lr()[0]
                loss, terms = self._update(items)
                at.step, at.batch, at.seconds = at.step + 1, at.batch + 1, time.perf_counter() - started
                due = at.step == self.settings.steps or at.step % self.settings.every == 0
                metrics = self._evaluate() if due else {}
                told = (at.step, self.settings.steps, at.epoch, loss, rate, at.seconds, metrics, terms, peak_mb())
                event = Event(*told)
                self._log(event)
                if due:
                    self.save()
                yield event
                if self.is_over:
                    return
            at.epoch, at.batch = at.epoch + 1, 0

    def use_best(self) -> int:
        """Go back to the weights with the lowest validation loss, where the run may stop early; the step that `learnt`
        is of."""
        if self.best is None or not self.best.step:
            return self.position.step
        self.best.restore()
        return self.best.step

    def close(self) -> None:
        """Said when no more events will come: trackers write what they hold."""
        self.accelerator.end_training()

    def print_progress(self, every: int) -> None:
        """Train to the end; print each evaluation, and every so many steps, as a line of JSON."""
        for event in self.train():
            if self.accelerator.is_main_process and (event.metrics or event.step % every == 0):
                print(json.dumps(asdict(event)), flush=True)

    def _update(self, items: Sequence[int]) -> tuple[float, int]:
        """The batch's mean loss and how many terms it has."""
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        share = items[rank::processes]
        with self.accelerator.autocast():
            total, count = self.task.loss(self.module, share or items[:1])
        if not share:  # fewer items than processes: take part in the exchange of gradients, and add nothing
            total, count = total * 0, 0
        sums = torch.stack([total.detach().float(), torch.tensor(float(count), device=total.device)])
        whole_loss, whole_count = self.accelerator.reduce(sums, "sum").tolist()
        loss = whole_loss / whole_count
        if not loss < float("inf"):
            raise NotFinite(f"the loss is {loss} after {self.position.step} steps")
        objective = total * processes / whole_count  # gradients are averaged over the processes
        self.accelerator.backward(objective + self.companion.penalty() if self.companion else objective)
        self.accelerator.clip_grad_norm_(self.module.parameters(), self.settings.clip)
        self.optimiser.step()
        self.schedule.step()
        if self.companion:
            self.companion.after_update(self.position.step + 1)
        self.optimiser.zero_grad(set_to_none=True)
        if self.average:
            self.average.update_parameters(self.accelerator.unwrap_model(self.module))
        return loss, int(whole_count)

    def _evaluate(self) -> dict[str, float]:
        with looking(self.learnt), torch.inference_mode(), self.accelerator.autocast():
            metrics = self.task.evaluate(self.learnt)
        at, loss = self.position, metrics.get("loss", float("inf"))
        better = loss < at.best
        at.best, at.waited = (loss, 0) if better else (at.best, at.waited + 1)
        if better and self.best:
            self.best.keep(at.step)
        return metrics

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._load()
        if self.accelerator.is_main_process:
            write_log(self.folder, [event for event in read_log(self.folder) if event.step <= self.position.step])
            (self.folder / "settings.json").write_text(json.dumps(asdict(self.settings), indent=2) + "\n")
        self.module.train()

    def _load(self) -> None:
        """Go on from the last checkpoint, or from the one before where that is damaged."""
        error: Exception | None = None
        for found in reversed(checkpoints(self.folder)):
            try:
                self.accelerator.load_state(str(found))
                return
            except Exception as damaged:  # a damaged file breaks its reader anywhere
                error = damaged
        if error:
            raise Damaged("no checkpoint can be read") from error

    def _log(self, event: Event) -> None:
        if self.accelerator.is_main_process:
            log_event(self.folder, event)
        values = {"loss": event.loss, "rate": event.rate} | {f"validation/{k}": v for k, v in event.metrics.items()}
        self.accelerator.log(values, step=event.step)

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        place = self.folder / "checkpoints" / f"step-{self.position.step:07d}"
        unfinished = self.folder / "checkpoints" / UNFINISHED
        if self.accelerator.is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(unfinished))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            os.replace(unfinished, place)
            for old in checkpoints(self.folder)[:-KEPT]:
                shutil.rmtree(old)


def parameter_groups(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """What learns, for an optimiser: only matrices and kernels decay. A norm's weights, biases, factors (IA3), singular
    values (AdaLoRA), learnt tokens and prompts would be pulled away from where they say nothing."""
    learning = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    decays = {
        name: p.dim() >= 2 and min(p.flatten(1).shape) > 1 and not name.endswith("prompts") for name, p in learning
    }
    groups = [([p for name, p in learning if decays[name] == one], decay * one) for one in (True, False)]
    return [{"params": parameters, "weight_decay": rate} for parameters, rate in groups if parameters]


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    return sorted((folder / "checkpoints").glob("step-*"))
