"""What a person puts in, on one slim line: a photo, a sentence, and the models that look at them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core import wording
from core.models import catalogue
from core.ui import choices, known, photos, readable, sentences, visitor, work
from core.ui.language import classes_named, language, say
from core.ui.plain import plain

if TYPE_CHECKING:
    from core.models.translation import Translator
    from core.models.vision import VisionModel

LONG = 40  # letters of a title that a button has room for


class Inputs(NamedTuple):
    """vision, translation: a model's key and the model. photo: its title and the picture. sentence: its target too."""

    vision: tuple[str, VisionModel]
    photo: tuple[str, Image.Image]
    translation: tuple[str, Translator]
    sentence: tuple[str, str | None]


def line() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two places beside each other; on a phone one under the other."""
    with st.container(horizontal=True, key="inputs", wrap=False):
        return (
            st.container(horizontal=True, key="inputs_photo", gap="small"),
            st.container(horizontal=True, key="inputs_sentence", gap="small"),
        )


def choose_both(vision_default: str = "", framed: bool = True) -> Inputs:
    """A photo and a sentence, each with its model; the bundled one where the chosen one cannot be had. framed: as
    `photos.choose` takes it."""
    left, right = line()
    with left:
        photo = photos.choose(framed)
        names = _choose_models(vision_default)
    vision, translation = work.vision_or_bundled(names[0]), work.translator_or_bundled(names[1])
    with right:
        sentence = sentences.choose(translation[1].targets, translation[1].sources)
        readable.tell(translation[1], *sentence)
    return Inputs(vision, photo, translation, sentence)


def choose_early() -> tuple[Image.Image, str]:
    """What of `choose_both` can be drawn before a model can be loaded: the photo and, where the bundled translator is
    asked, whose languages are known, the sentence."""
    left, right = line()
    with left:
        photo = photos.choose(True)
        _, translator = _choose_models("")
    with right:
        sentence = sentences.choose()[0] if translator == bundled("translation") else ""
    return photo[1], sentence


def choose_model(task: str, key: str, label: str = "", default: str = "") -> str:
    """A bundled model, one that was fine-tuned here, or any other by its hub name; what the person types is only tried,
    never trusted. The link carries the model's key, which is the same in every language. default: the key of the one
    that is chosen at first, the bundled one where it is empty."""
    titles, label = model_titles(task) | known.titles(task), label or say("input.model")
    return choose_named(key, titles, default or bundled(task), label, say(f"input.model_help_{task}"))


def choose_base(task: str) -> str:
    """What a model of the task can begin with, by its key, as `choose_model`, without what answers a prompt."""
    from core.tasks import TASKS  # it takes torch along, which what is drawn first does without

    bases = TASKS[task].bases
    titles = {key: title for one in bases for key, title in model_titles(one).items()}
    titles |= {key: title for one in bases for key, title in known.titles(one, prompted=False).items()}
    return choose_named(f"{task}_base", titles, TASKS[task].base, say("input.model"), say(f"finetune.base_help_{task}"))


def offered(task: str) -> dict[str, str]:
    """Models of a task of *Task* by name: those that are here, and those of the list."""
    return model_titles(task) | known.titles(task)


def choose_named(key: str, titles: Mapping[str, str], default: str, label: str, help: str) -> str:
    """One of these by its title, or any other name that is typed; the link carries the name under `key`."""
    now = choices.remembered(key) or default
    chosen = st.selectbox(
        label,
        list(titles) if now in titles else [*titles, now],
        format_func=lambda name: titles.get(name, name),
        accept_new_options=True,
        help=help,
        **choices.typed(key, key, default),
    )
    return chosen or default


def _choose_models(vision_default: str) -> tuple[str, str]:
    """The keys of both, behind a button that names them."""
    defaults = {"vision": vision_default, "translation": ""}
    with settings(*(short_title(task, choices.remembered(f"{task}_model") or one) for task, one in defaults.items())):
        vision = choose_model("vision", "vision_model", say("compare.vision_model"), vision_default)
        return vision, choose_model("translation", "translation_model", say("compare.translation_model"))


def settings(*active: str) -> DeltaGenerator:
    """A button that says what is chosen behind it."""
    return st.popover(say("input.settings", active=plain(" · ".join(active))), icon=":material/tune:", key="settings")


def short_title(task: str, name: str) -> str:
    """A model by the first words of its title, as many as tell it from the others; the bundled one where there is no
    name. A run is called by its classes, of which the first is no name for all: its title is cut where it is long."""
    name, titles = name or bundled(task), model_titles(task)
    title, card = titles.get(name, name), catalogue.card(name)
    if card and card.is_trained:
        return title if len(title) <= LONG else f"{title[: LONG - 1].rstrip(' ,·')}…"
    short = re.split(r"[(（,，：:]", title)[0]
    is_alone = sum(other.startswith(short) for other in titles.values()) < 2
    return (short if is_alone else re.split(r"[(（]", title)[0]).strip()


def model_titles(task: str) -> dict[str, str]:
    """The models that are here, by key. Two of the same title, such as a run that was sent back, show their names."""
    cards = [card for card in catalogue.cards(task) if visitor.sees_model(card.key)]
    named = {card.key: _title(card) for card in cards}
    counts = Counter(named.values())
    titles = {key: title if counts[title] == 1 else f"{title} ({key})" for key, title in named.items()}
    return titles | {name: folder.name for name, folder in catalogue.folders(task).items()}


def _title(card: catalogue.ModelCard) -> str:
    """Of a bundled model as its card in the person's language says it."""
    return _called_by_method(card) if card.is_trained else catalogue.title(card, language())


def _called_by_method(card: catalogue.ModelCard) -> str:
    """Of a run: what it learnt, how, and when; how as it is called on *Fine-tune*, where the file has a key."""
    if card.title.count(" · ") < 2:
        return card.title
    *learnt, method, when = card.title.split(" · ")
    keys = (f"finetune.method_{method}", f"finetune.method_{method}_{card.task}")
    called = next((say(key) for key in keys if key in wording.entries()), method)
    return " · ".join((*map(classes_named, learnt), called, when))


def choose_section(key: str, names: Sequence[str], wording: str) -> str:
    """One of a page's sections, which the link names under `key`; the first where it names none."""
    return st.segmented_control(
        say(f"{wording}.sections"),
        list(names),
        format_func=lambda name: say(f"{wording}.{name}"),
        required=True,
        label_visibility="collapsed",
        **choices.widget(key, key, names, names[0]),
    )


def bundled(task: str) -> str:
    return catalogue.default(task).key
