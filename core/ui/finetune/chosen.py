"""What the two sides of the Fine-tune page share while something is chosen and drawn."""

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import plotly.graph_objects as go
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.finetune import data as sets
from core.finetune.answers import Answer
from core.finetune.data.dataset import clean, is_uneven
from core.finetune.job import Job
from core.tasks import TASKS, Metric
from core.ui import background
from core.ui.language import say
from core.views.charts import QUIET

PREVIEW = 6  # items that are shown

Data = TypeVar("Data", bound=sets.Data)


@dataclass(frozen=True)
class Chosen:
    """title: what a person would call it. grouped: whether near duplicates were brought to one side of the split."""

    data: sets.Data
    title: str
    grouped: bool = False


@dataclass(frozen=True)
class Probe:
    """Whose attention is filmed while the model learns: a sentence, or a photo."""

    sentence: str = ""
    photo: Image.Image | None = None


def metrics_of(folder: Path, job: Job) -> tuple[Metric, ...]:
    """What says how good a run is, the main one first: with uneven classes the mean over the classes."""
    metrics = TASKS[job.task].metrics
    return metrics[::-1] if is_uneven(folder / "data") else metrics


def duration(seconds: float) -> str:
    if seconds < 90:
        return say("finetune.seconds", count=f"{max(1, round(seconds))}")
    return say("finetune.minutes", count=f"{seconds / 60:.0f}")


def retyped(task: str, digest: str, answer: Answer, now: str, longest: int) -> str:
    """A box for the text that would be right, `now` at first; left empty, the reference stays. digest: of the data."""
    label = say(f"errors.mend_{task}", item=answer.item + 1)
    found = st.text_input(label, now, key=f"mend_{digest}_{answer.item}", max_chars=longest)
    return clean(found) or answer.reference


def held_out_or_own(key: str, held_out: str) -> str:
    """Whether a probe is of the data or a person's own: "data" or "own". held_out: what the former is called."""
    names = {"data": say(held_out), "own": say("finetune.probe_own")}
    return st.segmented_control(
        say("finetune.probe"),
        list(names),
        format_func=names.__getitem__,
        default="data",
        key=key,
        label_visibility="collapsed",
        required=True,
    )


def checked(read: Callable[[], Data], *key: Hashable) -> Data:
    """A set of data, read and checked once for all that ask for the same. key: what is read, and how."""
    return background.awaited(("data", *key), say("finetune.checking"), lambda _: read(), ())


def digest(*parts: bytes) -> str:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


def choose_one(label: str, names: tuple[str, ...], default: int, key: str, place: DeltaGenerator | None = None) -> int:
    """One of these by its number; the name is a person's own."""
    numbers = range(len(names))
    return (place or st).selectbox(say(label), numbers, default, format_func=names.__getitem__, key=key)


def plot(place: DeltaGenerator, figure: go.Figure, key: str) -> None:
    place.plotly_chart(figure, key=key, config=QUIET)
