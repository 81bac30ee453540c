"""Models and explanations shared between sessions: a rerun never loads or computes what is here already.

Streamlit's caches drop the least recently used entry when full.
"""

import gc
import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Condition
from typing import Any

import streamlit as st
from cachetools import LRUCache, cached
from PIL import Image

from core.errors import SidelightError
from core.models import catalogue, hub
from core.models.answering import load_answerer
from core.models.classification import load_classifier
from core.models.decoding import OnStep
from core.models.detection import load_detector
from core.models.generation import load_generator
from core.models.segmentation import load_segmenter
from core.models.translation import Translation, Translator, load_translator
from core.models.vision import VisionModel, VisionResult, load_vision
from core.tasks import TASKS
from core.ui import background
from core.ui.language import say, show_error

MODELS_KEPT = 3  # of each kind
HUB_KEPT = 2  # models for other tasks, of all kinds
EXPLANATIONS_KEPT = 12  # of each kind, over all sessions
# What pages take where nobody chose otherwise: with the same settings they share one run.
SIDE = 224  # px, of models that take pictures of any size
BEAMS, LIMIT, TOP = 5, 128, 5  # of a translation: kept at each step; output pieces at most; alternatives told

HUB: dict[str, Callable[[str, OnStep], Any]] = {
    "detect": load_detector,
    "segment": load_segmenter,
    "summary": load_translator,
    "answer": load_answerer,
    "classify": load_classifier,
    "generate": load_generator,
}


def _settle() -> None:
    """Streamlit looks for cycles among all objects after each rerun, a third of a second with PyTorch and two models in
    memory, also when a job is only glanced at. What is here by now need not be looked at again."""
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=MODELS_KEPT, show_spinner=False)
def vision_model(name: str) -> VisionModel:
    model = load_vision(name)
    _settle()
    return model


@st.cache_resource(max_entries=MODELS_KEPT, show_spinner=False)
def translator(name: str) -> Translator:
    model = load_translator(name)
    _settle()
    return model


LOAD: dict[str, Callable[[str], Any]] = {"vision": vision_model, "translation": translator}


def vision_or_bundled(name: str) -> tuple[str, VisionModel]:
    """The model and its key; where it cannot be had, why not, and the bundled one."""
    return _or_bundled("vision", name)


def translator_or_bundled(name: str) -> tuple[str, Translator]:
    """As `vision_or_bundled`."""
    return _or_bundled("translation", name)


def _or_bundled(task: str, name: str) -> tuple[str, Any]:
    try:
        if found := model(task, name):
            return name, found
        st.caption(say("work.meanwhile"))
    except SidelightError as error:
        show_error(error)
        st.caption(say(f"{task}.fallback"))
    name = catalogue.default(task).key
    return name, LOAD[task](name)


def model(task: str, name: str) -> VisionModel | Translator | None:
    """The model of that name. None while it is not on this machine: it is fetched beside the page, which runs again
    once it is there; progress with Cancel, or Start, is drawn here. Raises SidelightError."""
    if not (_is_here(task, name) or _is_fetched_now(task, name)):
        return None
    with st.spinner(say("work.loading")):
        return LOAD[task](name)


def _is_here(task: str, name: str) -> bool:
    """Raises SidelightError for what is no model's name."""
    if catalogue.card(name) or catalogue.folder(name):
        return True
    return hub.is_fetched(TASKS[task].repository(name))


def _is_fetched_now(task: str, name: str) -> bool:
    """Raises SidelightError where it cannot be fetched."""

    def fetch(on_step: background.OnStep) -> Path:
        return TASKS[task].fetch(name, on_step)

    return background.result(("fetch", task, name), say("work.fetch", name=name), fetch, fetch=True) is not None


@cached(LRUCache(HUB_KEPT), key=lambda task, name, on_step: (task, name), condition=Condition())
def hub_model(task: str, name: str, on_step: OnStep) -> Any:
    """A model for one of the other tasks, fetched where it is not here yet. on_step: told how far that is; it may raise
    to stop. Raises SidelightError."""
    model = HUB[task](name, on_step)
    _settle()
    return model


def forget(name: str) -> None:
    """A fine-tuned model was deleted: its memory goes back, and nobody is given it any more."""
    vision_model.clear(name)
    translator.clear(name)


@st.cache_resource(max_entries=EXPLANATIONS_KEPT, show_spinner=False)
def _ran(name: str, digest: str, size: int, fit: str, _image: Image.Image) -> VisionResult:
    return vision_model(name).run(_image, size, fit)


# Not st.cache_resource: that allows no drawing, such as progress, from inside.
@cached(LRUCache(EXPLANATIONS_KEPT), key=lambda *request, on_step: request, condition=Condition())
def _translated(
    name: str,
    sentence: str,
    target: str | None,
    beams: int,
    max_pieces: int,
    top_k: int,
    *,
    on_step: Callable[[int, int], None],
) -> Translation:
    return translator(name).translate(sentence, target, beams, max_pieces, top_k, on_step=on_step)


def run_image(name: str, image: Image.Image, size: int, fit: str) -> VisionResult:
    """The model's prediction and attention on an image. Raises SidelightError."""
    with st.spinner(say("work.image"), show_time=True):
        return _ran(name, digest(image), size, fit, image)


def side(model: VisionModel) -> int:
    """The usual size of a picture for this model, px."""
    return SIDE if SIDE in model.sizes else model.default_size


def translate(
    name: str, sentence: str, target: str | None, beams: int = BEAMS, max_pieces: int = LIMIT, top_k: int = TOP
) -> Translation:
    """A translation and its attention, with progress while the beam search runs. Raises SidelightError."""
    place = st.empty()

    def on_step(step: int, limit: int) -> None:
        place.progress(min(1.0, step / limit), say("work.translation", step=step))

    try:
        return _translated(name, sentence, target, beams, max_pieces, top_k, on_step=on_step)
    finally:
        place.empty()


def digest(image: Image.Image) -> str:
    """A name for the picture's content."""
    return hashlib.blake2b(image.tobytes() + str(image.size).encode(), digest_size=16).hexdigest()
