"""What a person puts in, kept across pages: a photo (gallery, upload, paste, camera) and a sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core import samples
from core.errors import SidelightError
from core.models import catalogue, languages
from core.models.deep import was_brightened
from core.models.images import SUFFIXES, open_image
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.ui import keep, work
from core.ui.language import language, say, show_error
from core.ui.paste import paste_picture

OWN = "own"  # the gallery's name for the person's own photo
FILE_TYPES = list(SUFFIXES)
LONGEST = 2000  # characters of a sentence: it stands in the URL
TARGETS = ("deu", "fra", "ces", "cmn_Hans")


@dataclass(frozen=True)
class OwnPhoto:
    name: str
    image: Image.Image


@st.cache_resource(show_spinner=False)
def _sample_image(name: str) -> Image.Image:
    return open_image(_gallery()[name].path.read_bytes())


@st.cache_data(show_spinner=False)
def _gallery() -> dict[str, samples.Photo]:
    return {photo.path.stem: photo for photo in samples.photos()}


def choose_photo() -> tuple[str, Image.Image]:
    """The chosen photo's title and its upright RGB image. A file that cannot be read leaves the last photo in place."""
    gallery, own = _gallery(), st.session_state.get("own_photo")
    names = [*gallery, *([OWN] if own else [])]
    keep.restore("photo", names)
    title = {name: photo.title[language()] for name, photo in gallery.items()} | {OWN: own.name if own else ""}
    pick, add = st.columns([3, 2], vertical_alignment="bottom")
    name = pick.selectbox(
        say("input.photo"), names, format_func=title.get, key="photo", bind="query-params", on_change=_pair_sentence
    )
    keep.remember("photo")
    with add.popover(say("input.own_photo"), icon=":material/upload:", width="stretch"):
        st.file_uploader(say("input.upload"), FILE_TYPES, key="upload", on_change=_take, args=("upload",))
        paste_picture(say("input.paste"), _open)
        if st.toggle(say("input.use_camera"), key="camera_on"):
            st.camera_input(say("input.camera"), key="camera", on_change=_take, args=("camera",))
    if error := st.session_state.get("photo_error"):
        show_error(error)
    image = own.image if own and name == OWN else _sample_image(name)
    if was_brightened(image):
        st.caption(say("input.brightened"))
    return title[name], image


def _take(widget: str) -> None:
    file = st.session_state[widget]
    st.session_state.photo_error = None
    if file is not None:
        _open(file.name, file.getvalue())


def _open(name: str, data: bytes) -> None:
    """Make it the photo; where it cannot be read, say so and leave the last one in place."""
    st.session_state.photo_error = None
    try:
        st.session_state.own_photo = OwnPhoto(name, open_image(data))
        st.session_state.photo = OWN
    except SidelightError as error:
        st.session_state.photo_error = error


def _pair_sentence() -> None:
    """A sample photo brings the sentence that describes it, unless the person has typed one of their own."""
    captions = {photo.caption for photo in _gallery().values()}
    photo = _gallery().get(st.session_state.photo)
    if photo and st.session_state.get("sentence") in {*captions, *(s.text for s in samples.sentences())}:
        st.session_state.sentence = photo.caption


def choose_sentence(targets: tuple[str, ...] = TARGETS, sources: tuple[str, ...] = ()) -> tuple[str, str | None]:
    """The sentence and its target language (None for a model with one direction), with the source language where the
    model must be told it (`core.models.languages`)."""
    first = next(iter(_gallery().values())).caption
    typed, left, right = st.columns([5, 2, 2], vertical_alignment="bottom")
    keep.restore("sentence")
    sentence = typed.text_input(
        say("input.sentence"), first, key="sentence", bind="query-params", placeholder=first, max_chars=LONGEST
    )
    keep.remember("sentence")
    target = None
    if targets:
        names = _usual_first(targets)
        keep.restore("target", names)
        target = left.selectbox(
            say("input.target"), list(names), format_func=names.get, key="target", bind="query-params"
        )
        keep.remember("target")
    if len(sources) > 1:
        readings = languages.names(sources, language())  # the usual one is first
        keep.restore("source", readings)
        source = left.selectbox(
            say("input.source"),
            list(readings),
            format_func=lambda code: readings[code],
            key="source",
            bind="query-params",
        )
        keep.remember("source")
        target = languages.pair(source, target)
    with right.popover(say("input.examples"), width="stretch"):
        for number, example in enumerate(_examples(target)):
            st.button(example.text, key=f"example_{number}", type="tertiary", on_click=_use, args=(example.text,))
    return sentence, target


def _usual_first(targets: Sequence[str]) -> dict[str, str]:
    """Names by code, those of the bundled model's languages first, the others by name."""
    names = languages.names(targets, language())
    usual = [languages.iso(code) for code in TARGETS]
    known = {code: usual.index(languages.iso(code)) for code in names if languages.iso(code) in usual}
    named = {code: target_name(code) if code in TARGETS else name for code, name in names.items()}
    return dict(sorted(named.items(), key=lambda item: (known.get(item[0], len(usual)), item[1])))


def _examples(target: str | None) -> list[samples.Sentence]:
    """Sentences with this target; all are English, so none where another language is read."""
    source, written = languages.parts(target)
    if source and languages.iso(source) != "en":
        return []
    wanted = languages.iso(written) if written else None
    return [one for one in samples.sentences() if wanted in (None, languages.iso(one.target))]


def typed_sentence() -> str:
    """A sentence alone, for a page where the target is settled otherwise."""
    first = next(iter(_gallery().values())).caption
    keep.restore("sentence")
    sentence = st.text_input(
        say("input.sentence"), first, key="sentence", bind="query-params", placeholder=first, max_chars=LONGEST
    )
    keep.remember("sentence")
    return sentence


def _use(sentence: str) -> None:
    st.session_state.sentence = sentence


def target_name(target: str) -> str:
    """What a target is called in the interface's language."""
    written = languages.parts(target)[1] or target
    return say(f"target.{target}") if target in TARGETS else languages.names([written], language())[written]


def choose_model(task: str, key: str, label: str = "", default: str = "") -> str:
    """A bundled model, one that was fine-tuned here, or any other by its hub name; what the person types is only tried,
    never trusted. The link carries the model's key, which is the same in every language. default: the key of the one
    that is chosen at first, the bundled one where it is empty."""
    titles, label = model_titles(task), label or say("input.model")
    return choose_named(key, titles, default or bundled(task), label, say(f"input.model_help_{task}"))


def choose_named(key: str, titles: Mapping[str, str], default: str, label: str, help: str) -> str:
    """One of these by its title, or any other name that is typed; the link carries the name under `key`."""
    if key not in st.session_state:
        st.session_state[key] = default
    if kept := keep.restore_parameter(key):
        st.session_state[key] = kept
    now = st.session_state.get(key)
    chosen = st.selectbox(
        label,
        [*titles, now] if now and now not in titles else list(titles),
        format_func=lambda name: titles.get(name, name),
        accept_new_options=True,
        help=help,
        key=key,
        on_change=_keep_model,
        args=(key, default),
    )
    return chosen or default


def choose_models(
    vision_key: str = "vision_model", vision_default: str = ""
) -> tuple[tuple[str, VisionModel], tuple[str, Translator]]:
    """Both models behind one button, each with its key; the bundled one where the chosen one cannot be had."""
    with st.popover(say("compare.models"), icon=":material/tune:"):
        vision = choose_model("vision", vision_key, say("compare.vision_model"), vision_default)
        translation = choose_model("translation", "translation_model", say("compare.translation_model"))
    return work.vision_or_bundled(vision), work.translator_or_bundled(translation)


def _keep_model(key: str, default: str) -> None:
    chosen = st.session_state[key] or default
    keep.set_parameter(key, "" if chosen == default else chosen)


def model_titles(task: str) -> dict[str, str]:
    """The models that are here, by key. Two of the same title, such as a run that was sent back, show their names."""
    cards = catalogue.cards(task)
    counts = Counter(card.title for card in cards)
    titles = {card.key: card.title if counts[card.title] == 1 else f"{card.title} ({card.key})" for card in cards}
    return titles | {name: folder.name for name, folder in catalogue.folders(task).items()}


def choose_section(key: str, names: Sequence[str], wording: str) -> str:
    """One of a page's sections, which the link names under `key`; the first where it names none."""
    if (kept := keep.restore_parameter(key)) in names:
        st.session_state[key] = kept
    chosen = st.segmented_control(
        say(f"{wording}.sections"), list(names), format_func=lambda name: say(f"{wording}.{name}"), key=key,
        required=True, default=None if key in st.session_state else names[0], label_visibility="collapsed",
        on_change=lambda: keep.set_parameter(key, st.session_state[key]),
    )  # fmt: skip
    return chosen or names[0]


def bundled(task: str) -> str:
    return catalogue.default(task).key
