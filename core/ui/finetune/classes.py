"""What the Fine-tune page shows of classes, whatever they are classes of."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from core.finetune import results
from core.finetune.answers import Answer
from core.finetune.job import Job
from core.finetune.learning import Data, Model
from core.ui.finetune.chosen import plot
from core.ui.finetune.side import Side
from core.ui.language import class_name, say, sentences
from core.ui.plain import plain
from core.views.finetune import confusion


class ClassSide(Side[Data, Model]):
    """data: its parts hold `labels` and `classes`."""

    def classes(self, data: Any) -> int:
        return len(data.train.classes)

    def settings(self, job: Job, model: Model, place: Any) -> Job:
        return replace(job, even=place.toggle(say("finetune.even"), False, key="even", help=say("finetune.even_help")))

    @abstractmethod
    def samples(self, job: Job, data: Any, history: list[dict[str, Any]]) -> int:
        """Draw fixed items with what was answered at the first evaluation and at the last; how many are judged."""

    def answers(self, folder: Path, job: Job, data: Any, history: list[dict[str, Any]]) -> None:
        """Fixed samples, at the first evaluation and at the last, and the confusion of the classes."""
        left, right = st.columns([3, 2])
        with left:
            judged = self.samples(job, data, history)
            if len(history) > 1:
                first, last = history[0]["step"], history[-1]["step"]
                st.caption(sentences(say(f"finetune.answers_{self.task}", first=first, last=last), _raw(folder)))
        names = [class_name(name) for name in data.train.classes]
        figure = confusion(history[-1]["confusion"], names, say("finetune.predicted"), say("finetune.true"))
        plot(right, figure, f"confusion_{folder.name}")
        count = len(data.held_out)
        if judged < count:
            right.caption(say("finetune.confusion_some", count=f"{judged:,}", all=f"{count:,}"))

    def names(self, data: Any) -> dict[str, str]:
        return {name: class_name(name) for name in data.train.classes}

    def mend(self, data: Any, answer: Answer, now: str) -> str:
        classes: Sequence[str] = data.train.classes
        key = f"mend_{data.digest}_{answer.item}"
        label = say(f"errors.mend_{self.task}", item=answer.item + 1)
        return st.selectbox(label, classes, classes.index(now), format_func=class_name, key=key, width=280)


def _raw(folder: Path) -> str:
    """Of a finished run whose probabilities have a temperature, that those of its samples have none."""
    result = results.read(folder)
    temperature = result.calibration.get("temperature", 1.0) if result else 1.0
    return say("finetune.answers_raw", temperature=f"{temperature:.2f}") if temperature != 1 else ""


def told(sample: dict[str, Any]) -> str:
    """An answer of `probes.jsonl`, with whether it is right."""
    mark = "✓" if sample["output"] == sample["reference"] else "✗"
    return f"{mark} {plain(class_name(sample['output']))} {sample['probability']:.0%}"


def taken(answer: Answer) -> str:
    """A wrong answer in words."""
    true, said = (plain(class_name(name)) for name in (answer.reference, answer.output))
    return say("errors.picture", true=true, said=said, share=f"{answer.fault:.0%}")
