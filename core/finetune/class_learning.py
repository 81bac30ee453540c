"""A model learning classes, whatever they are classes of: a head that fits frozen features first, probabilities with a
temperature, answers that are right or wrong. `PictureLearning` and `TextLearning` say what an item is."""

import copy
from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor, nn

from core.finetune import methods
from core.finetune.answers import Answer
from core.finetune.calibration import calibration_error, calibration_order, calibration_parts, helpful_temperature
from core.finetune.class_task import LabelTask, class_weights, confusion, quality
from core.finetune.features import HeadTask, fit_head, nearest, read_by_head
from core.finetune.film import PhotoFilm, TextFilm
from core.finetune.job import Job, write_json
from core.finetune.learning import SHOWN, Data, Learning, Model, Probes, changed, sample_order
from core.models.catalogue import TaskName
from core.models.loading import mixed
from core.tasks import TASKS


class ClassLearning(Learning[Data, Model]):
    """data: its parts hold `labels`, `classes`, and give a `part` of themselves."""

    names_classes = True
    data: Any
    base: Any
    task: LabelTask | HeadTask
    film: PhotoFilm | TextFilm
    _answered: tuple[Any, Tensor] | None = None

    def __init__(self, folder: Path, job: Job, data: Data) -> None:
        self.job, self.data = job, data
        base = self.load(job.base)
        torch.manual_seed(job.seed)
        train = self.data.train
        self.base = self.for_classes(base, train.classes)
        module = self.base.module
        judged = interim_part(data, job.task, job.seed)
        self.interim = len(judged)
        self.film = self.filmed(folder)
        self.known, self.asked = (self.features(part) for part in (train, self.data.held_out))
        if job.method == "head":
            self.whole = methods.adapt(module, job.task, "head", 0)
            self.task = self._head_task(judged)
            return
        steps = -(-len(train) // job.batch) * job.epochs
        fit_head(self.head_of(module), self.known, train.labels, weights=weights_of(job, train))
        self.whole = methods.adapt(module, job.task, job.method, steps, job.rank)
        if job.method == "prompt":  # the head reads what it reads with the prompts beside it
            again = self.features(train)
            fit_head(self.head_of(self.whole), again, train.labels, weights=weights_of(job, train))
        sample = train.part(sample_order(len(train), job))
        self.task = self.label_task(self.whole, self.base, job, train, judged, sample)

    @staticmethod
    @abstractmethod
    def load(name: str) -> Model:
        """A model of its own. Raises SidelightError."""

    @staticmethod
    @abstractmethod
    def for_classes(model: Model, classes: tuple[str, ...]) -> Model:
        """With an untrained head for them. Raises SidelightError `model.cannot_learn`."""

    @staticmethod
    @abstractmethod
    def head_of(module: nn.Module) -> nn.Module:
        """The linear layer that gives the classes."""

    @staticmethod
    @abstractmethod
    def label_task(
        whole: nn.Module, model: Model, job: Job, train: Any, held_out: Any, sample: Any = None
    ) -> LabelTask:
        """What is learnt. whole: the model's module as a method left it."""

    @abstractmethod
    def filmed(self, folder: Path) -> PhotoFilm | TextFilm:
        """The film of the probe, which the model accepts. Raises SidelightError."""

    @abstractmethod
    def logits(self, module: nn.Module, part: Any) -> Tensor:
        """(N, classes), on the CPU."""

    @abstractmethod
    def otherwise(self, part: Any) -> Any:
        """The items as they might have come as well; a head alone, whose features are computed once, sees both."""

    def features(self, part: Any) -> Tensor:
        """What the head is given by the base as it is now: (N, D), on the CPU."""
        module = self.base.module
        with mixed(self.job.precision):
            return read_by_head(module, self.head_of(module), lambda: self.logits(module, part))

    def _head_task(self, judged: Any) -> HeadTask:
        job, train = self.job, self.data.train
        again = self.features(self.otherwise(train)) if job.varied else self.known
        order = interim_order(len(self.data.held_out), job.task, job.seed)
        views, held_out = torch.stack([self.known, again]), self.asked[order]
        known = (self.head_of(self.whole), views, train.labels, held_out, judged.labels, sample_order(len(train), job))
        return HeadTask(*known, job.seed, job.batch, job.smoothing, weights_of(job, train))

    def before(self) -> dict[str, float]:
        """How well the frozen features alone tell the classes apart: accuracy of the nearest neighbours."""
        votes = nearest(self.known, self.data.train.labels, self.asked, len(self.data.train.classes))
        found = quality(votes, self.data.held_out.labels)
        return {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}

    def probe(self, step: int, module: nn.Module) -> None:
        """A head alone leaves attention as it is: one frame is all there is to see."""
        if self.moves_attention(self.job.method) or step == 0:
            self.film.take(step, self.base.module if self.job.method == "head" else module)

    def probes(self) -> Probes:
        logits, names = self.task.answers, self.data.train.classes
        assert logits is not None, "nothing was judged yet"
        labels = interim_part(self.data, self.job.task, self.job.seed).labels
        chances = logits.softmax(-1).max(-1)
        rows = zip(labels[:SHOWN].tolist(), chances.indices.tolist(), chances.values.tolist(), strict=False)
        samples = [
            {"input": n, "reference": names[label], "output": names[answer], "probability": chance}
            for n, (label, answer, chance) in enumerate(rows)
        ]
        return {"confusion": confusion(logits, labels).tolist(), "samples": samples}

    def export(self, module: nn.Module, folder: Path) -> None:
        """The adapter, or the tensors that changed, and the classes with the temperature of their probabilities."""
        whole = self.whole if self.job.method == "head" else module
        with torch.inference_mode(), mixed(self.job.precision):
            fitted, judged = (
                (self.logits(whole.eval(), part), part.labels)
                for part in calibration_parts(self.data.held_out, self.job.seed)
            )
        if isinstance(whole, PeftModel):
            methods.save_adapter(whole, folder, self.job.base)
        else:
            half = self.job.method == "full"  # 88 MB of the bundled vision model otherwise
            save_file(changed(whole, half), folder / "model.safetensors")
        named = {"classes": list(self.data.train.classes), "temperature": helpful_temperature(fitted, judged)}
        write_json(folder / "classes.json", named)

    def measure(self, model: Model) -> dict[str, float]:
        return quality(self._logits(model), self.data.held_out.labels)

    def answers(self, model: Any) -> list[Answer]:
        chances = (self._logits(model) / model.temperature).softmax(-1).max(-1)
        held_out = self.data.held_out
        rows = zip(held_out.labels.tolist(), chances.indices.tolist(), chances.values.tolist(), strict=True)
        return [Answer(n, held_out.classes[is_], held_out.classes[said], c) for n, (is_, said, c) in enumerate(rows)]

    def calibration(self, model: Any) -> dict[str, float]:
        """The temperature, the expected calibration error with it and without, 0 to 1, and on how many items that the
        temperature was not fitted on."""
        _, rest = calibration_order(len(self.data.held_out), self.job.seed)
        if not len(rest):
            return {"temperature": model.temperature, "pictures": 0.0}
        logits, labels = self._logits(model)[rest], self.data.held_out.labels[rest]
        with_it, without = (calibration_error((logits / t).softmax(-1), labels) for t in (model.temperature, 1.0))
        return {
            "temperature": model.temperature,
            "error": with_it,
            "error_without": without,
            "pictures": float(len(rest)),
        }

    def _logits(self, model: Any) -> Tensor:
        """Of the held-out items; once for a model."""
        if self._answered is None or self._answered[0] is not model:
            with torch.inference_mode():
                self._answered = model, self.logits(model.module, self.data.held_out)
        return self._answered[1]

    @classmethod
    def trial(cls, model: Any, job: Job, data: Any, count: int) -> LabelTask:
        """A head alone computes features, as an evaluation does: its steps take no time beside them."""
        module = cls.prepare(copy.deepcopy(model.module), len(data.train.classes))
        some = data.train.part(torch.arange(min(count, len(data.train))))
        whole = methods.adapt(module, job.task, job.method, 50, job.rank)
        return cls.label_task(whole, model, job, some, some)

    @staticmethod
    def passes(job: Job, training: int, held_out: int, evaluations: int) -> tuple[int, int]:
        if job.method == "head":  # features once, or once more as they are otherwise; what is held out three times
            return 0, (1 + job.varied) * training + 3 * held_out
        known = (1 + (job.method == "prompt")) * training
        judged = sum(min(TASKS[job.task].interim, part) for part in (held_out, training))
        return job.epochs * training, evaluations * judged + 2 * held_out + known

    @staticmethod
    def moves_attention(method: str) -> bool:
        return method != "head"

    @staticmethod
    def ships_whole(method: str) -> bool:
        return False


def weights_of(job: Job, train: Any) -> Tensor | None:
    """Of the classes in the loss."""
    return class_weights(train.labels, len(train.classes)) if job.even else None


def interim_order(held_out: int, task: TaskName, seed: int) -> Tensor:
    """Which of the held-out items are judged while training goes on: their numbers."""
    return torch.randperm(held_out, generator=torch.Generator().manual_seed(seed))[: TASKS[task].interim]


def interim_part(data: Any, task: TaskName, seed: int) -> Any:
    return data.held_out.part(interim_order(len(data.held_out), task, seed))
