"""Models and what they answer, shared between sessions: a rerun never loads or computes what is here already.

What models need takes seconds to import: it is imported where one is asked for, each task's own by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from PIL import Image

from core import store
from core.errors import SidelightError
from core.models import catalogue
from core.models.images import Fit
from core.ui import background, visitor
from core.ui.language import say, show_error
from core.ui.plain import plain

if TYPE_CHECKING:
    from core.models.captioning import Captioner
    from core.models.classification import Classifier
    from core.models.decoding import OnStep
    from core.models.hub import Source
    from core.models.translation import Translation, Translator
    from core.models.vision import VisionModel, VisionResult
    from core.models.vision_language import VisionLanguage
    from core.tasks import Model

# What pages take where nobody chose otherwise: with the same settings they share one run.
SIDE = 224  # px, of models that take pictures of any size
BEAMS, LIMIT, TOP = 5, 128, 5  # of a translation: kept at each step; output pieces at most; alternatives told

HUB = {  # by task: a module of core.models and its function that loads a model by its name
    "detect": ("detection", "load_detector"),
    "segment": ("segmentation", "load_segmenter"),
    "summary": ("translation", "load_translator"),
    "answer": ("answering", "load_answerer"),
    "classify": ("classification", "load_classifier"),
    "generate": ("generation", "load_generator"),
    "fill": ("filling", "load_filler"),
    "match": ("matching", "load_matcher"),
}


def _source(task: str) -> Source:
    from core.tasks import TASKS

    return TASKS[task]


def vision_model(name: str) -> VisionModel:
    return _loaded("vision", name)


def translator(name: str) -> Translator:
    return _loaded("translation", name)


def classifier(name: str) -> Classifier:
    return _loaded("classify", name)


def captioner(name: str) -> Captioner | VisionLanguage:
    return _loaded("captioning", name)


def _loaded(task: str, name: str) -> Any:
    return store.store().get(("model", task, name), lambda: _source(task).load(name), (name,), settle=True)


def vision_or_bundled(name: str) -> tuple[str, VisionModel]:
    """The model and its key; where it cannot be had, why not, and the bundled one."""
    return _or_bundled("vision", name)


def translator_or_bundled(name: str) -> tuple[str, Translator]:
    """As `vision_or_bundled`."""
    return _or_bundled("translation", name)


def captioner_or_bundled(name: str) -> tuple[str, Captioner | VisionLanguage]:
    """As `vision_or_bundled`."""
    return _or_bundled("captioning", name)


def _or_bundled(task: str, name: str) -> tuple[str, Any]:
    bundled = catalogue.default(task).key
    try:
        if found := _here(task, name):
            return name, found
        st.caption(say("work.meanwhile"))
    except SidelightError as error:
        show_error(error)
        if name == bundled:
            st.stop()
        st.caption(say(f"{task}.fallback"))
    try:
        return bundled, _loaded(task, bundled)
    except SidelightError as error:
        show_error(error)
        st.stop()


def model(task: str, name: str) -> Model | None:
    """The model of that name. None while it is not on this machine, as `_here`."""
    return _here(task, name)


def _here(task: str, name: str) -> Any:
    """The model of that name. None while it is not on this machine: it is fetched beside the page, which runs again
    once it is there; progress with Cancel, or Start, is drawn here. Raises SidelightError, for another person's
    too."""
    _check_seen(name)
    if not (_is_here(task, name) or _is_fetched_now(task, name)):
        return None
    return background.awaited(
        ("model", task, name), say("work.loading"), lambda _: _source(task).load(name), (name,), settle=True
    )


def _check_seen(name: str) -> None:
    """Raises SidelightError for a model that is not this person's, or is gone."""
    if not visitor.sees_model(name):
        raise SidelightError("model.others" if visitor.is_others_model(name) else "model.run_gone", name=name)


def _is_here(task: str, name: str) -> bool:
    """Raises SidelightError for what is no model's name."""
    if catalogue.card(name) or catalogue.folder(name):
        return True
    from core.models import hub

    return hub.is_fetched(_source(task).repository(name))


def _is_fetched_now(task: str, name: str) -> bool:
    """Raises SidelightError where it cannot be fetched."""

    def fetch(on_step: OnStep) -> Path:
        return _source(task).fetch(name, on_step)

    found = background.result(("fetch", task, name), say("work.fetch", name=name), fetch, (name,), fetch=True)
    return found is not None


def hub_model(task: str, name: str, on_step: OnStep | None = None) -> Any:
    """A model for one of the other tasks, fetched where it is not here yet. on_step: told how far that is; it may raise
    to stop. Raises SidelightError."""
    module, load = HUB[task]
    make = getattr(import_module(f"core.models.{module}"), load)
    return store.store().get(("model", task, name), lambda: make(name, on_step), (name,), settle=True)


def hub_answer(
    task: str, name: str, given: tuple[Hashable, ...], use: Callable[[Any, background.OnStep], Any]
) -> Any | None:
    """What `use` makes of such a model and what it is `given`: once Start was pressed, as it may have to be fetched; at
    once where it is bundled. None until then. Raises SidelightError."""

    _check_seen(name)

    def fetch_and_use(on_step: background.OnStep) -> Any:
        return use(hub_model(task, name, on_step), on_step)

    key, title = hub_key(task, name, given), say("lesson_hub.run", name=plain(name))
    return background.result(key, title, fetch_and_use, (name,), wait=catalogue.card(name) is None)


def hub_key(task: str, name: str, given: tuple[Hashable, ...]) -> Hashable:
    """What `hub_answer` is kept under."""
    return "hub", task, name, *given


def forget(name: str) -> None:
    """A fine-tuned model was deleted: its memory goes back, with all that was made with it."""
    store.store().forget(name)


def run_image(name: str, image: Image.Image, size: int, fit: Fit) -> VisionResult:
    """The model's prediction and attention on an image, with progress. Raises SidelightError."""
    return background.awaited(
        _of_image(name, digest(image), size, fit),
        say("work.image"),
        lambda _: vision_model(name).run(image, size, fit),
        (name,),
    )


def seen(name: str, image: Image.Image, content: str, size: int, fit: Fit) -> VisionResult:
    """The same for whoever draws nothing. content: the image's digest."""
    key = _of_image(name, content, size, fit)
    return store.store().get(key, lambda: vision_model(name).run(image, size, fit), (name,))


def _of_image(*run: Hashable) -> Hashable:
    return "image", *run


def side(model: VisionModel) -> int:
    """The usual size of a picture for this model, px."""
    return SIDE if SIDE in model.sizes else model.default_size


def translate(
    name: str, sentence: str, target: str | None, beams: int = BEAMS, max_pieces: int = LIMIT, top_k: int = TOP
) -> Translation:
    """A translation and its attention, with progress while the beam search runs. Raises SidelightError."""
    how = (sentence, target, beams, max_pieces, top_k)
    return background.awaited(
        ("translation", name, *how),
        say("work.translation"),
        lambda on_step: translator(name).translate(*how, on_step=on_step),
        (name,),
    )


def read(
    name: str, sentence: str, target: str | None, beams: int = BEAMS, max_pieces: int = LIMIT, top_k: int = TOP
) -> Translation:
    """The same, for whoever draws nothing."""
    how = (sentence, target, beams, max_pieces, top_k)
    return store.store().get(("translation", name, *how), lambda: translator(name).translate(*how), (name,))


def digest(image: Image.Image) -> str:
    """A name for the picture's content."""
    return hashlib.blake2b(image.tobytes() + str(image.size).encode(), digest_size=16).hexdigest()
