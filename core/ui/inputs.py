"""What a person puts in, kept across pages: a photo (gallery, upload, paste, camera) and a sentence."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core import samples, wording
from core.errors import SidelightError
from core.models import catalogue, languages
from core.models.deep import was_brightened
from core.models.images import SUFFIXES, open_image
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.settings import setting
from core.ui import choices, uploads, work
from core.ui.language import language, say, show_error
from core.ui.paste import paste_picture

OWN = "up-"  # so begins what the link calls a person's own photo, its id in `uploads` follows
FILE_TYPES = list(SUFFIXES)
LONGEST = 2000  # characters of a sentence, which stands in the URL; models read fewer, and say so by their pieces
Named = Callable[[Sequence[str], str], dict[str, str]]  # languages' codes, the interface's language: names by code
TARGETS = ("deu", "fra", "ces", "cmn_Hans")


@dataclass(frozen=True)
class OwnPhoto:
    """text: as the link says it. name: the file's."""

    text: str
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
    gallery, own = _gallery(), _own_photo()
    names = [*gallery, *([own.text] if own else [])]
    titled = {title: name for name, photo in gallery.items() for title in photo.title.values()}  # in older links
    title = {name: photo.title[language()] for name, photo in gallery.items()} | ({own.text: own.name} if own else {})
    pick, add = st.columns([3, 2], vertical_alignment="bottom")
    name = pick.selectbox(
        say("input.photo"),
        names,
        format_func=title.__getitem__,
        **choices.widget("photo", "photo", names, names[0], also=titled, then=_chose_sample),
    )
    with add.popover(say("input.own_photo"), icon=":material/upload:", width="stretch"):
        key = f"upload_{st.session_state.get('photos_forgotten', 0)}"
        st.file_uploader(say("input.upload"), FILE_TYPES, key=key, on_change=_take, args=(key,))
        st.caption(say("input.kept", hours=setting("UPLOAD_HOURS")))
        if own:
            st.button(say("input.forget"), icon=":material/delete:", on_click=_forget, args=(own,))
        paste_picture(say("input.paste"), _open)
        if st.toggle(say("input.use_camera"), key="camera_on"):
            st.camera_input(say("input.camera"), key="camera", on_change=_take, args=("camera",))
    if error := st.session_state.get("photo_error"):
        show_error(error)
    image = own.image if own and name == own.text else _sample_image(name)
    if was_brightened(image):
        st.caption(say("input.brightened"))
    return title[name], image


def _own_photo() -> OwnPhoto | None:
    """The person's own photo: the one that is chosen, else the last. Where it is gone, that is said."""
    last, text = st.session_state.get("own_photo"), choices.said("photo") or ""
    if not text.startswith(OWN):
        return last
    found = uploads.find(text.removeprefix(OWN))
    if last and last.text == text:
        return last
    if not found:
        st.session_state.photo_error = SidelightError("image.gone", hours=setting("UPLOAD_HOURS"))
        return last
    st.session_state.own_photo = OwnPhoto(text, found.name, open_image(found.data))
    return st.session_state.own_photo


def _forget(own: OwnPhoto) -> None:
    """Nobody has it any more; the sample is chosen, and the next uploader is an empty one."""
    uploads.forget(own.text.removeprefix(OWN))
    st.session_state.own_photo = None
    st.session_state.photos_forgotten = st.session_state.get("photos_forgotten", 0) + 1
    if choices.remembered("photo") == own.text:
        choices.write("photo", "", "")


def _take(widget: str) -> None:
    file = st.session_state[widget]
    st.session_state.photo_error = None
    if file is not None:
        _open(file.name, file.getvalue())


def _open(name: str, data: bytes) -> None:
    """Make it the photo; where it cannot be read, say so and leave the last one in place."""
    st.session_state.photo_error = None
    try:
        image = open_image(data)
        text = OWN + uploads.keep(name, data)
        st.session_state.own_photo = OwnPhoto(text, name, image)
        choices.write("photo", text)
    except SidelightError as error:
        st.session_state.photo_error = error


def _chose_sample() -> None:
    """A sample photo brings the sentence that describes it, unless the person has typed one of their own; and what was
    wrong with another photo is over."""
    st.session_state.photo_error = None
    ours = {photo.caption for photo in _gallery().values()} | {one.text for one in samples.sentences()}
    photo = _gallery().get(choices.remembered("photo"), next(iter(_gallery().values())))
    if not choices.remembered("photo").startswith(OWN) and (choices.remembered("sentence") or _first_caption()) in ours:
        _use(photo.caption)


def choose_sentence(targets: tuple[str, ...] = TARGETS, sources: tuple[str, ...] = ()) -> tuple[str, str | None]:
    """The sentence and its target language (None for a model with one direction), with the source language where the
    model must be told it (`core.models.languages`)."""
    typed, left, right = st.columns([5, 2, 2], vertical_alignment="bottom")
    with typed:
        sentence = typed_sentence()
    with left:
        target = _choose_language("to", "target", targets, _usual_first) if targets else None
        if len(sources) > 1:
            source = _choose_language("source", "source", sources, languages.names)  # the usual one is first
            target = languages.pair(source, target)
    with right.popover(say("input.examples"), width="stretch"):
        for number, example in enumerate(_examples(target)):
            st.button(example.text, key=f"example_{number}", type="tertiary", on_click=_use, args=(example.text,))
    return sentence, target


def _choose_language(name: str, key: str, codes: Sequence[str], named: Named) -> str:
    """One of these by its name. The link says "de", whatever a model calls German; the model's own code where it tells
    two of a kind apart."""
    names, short = named(codes, language()), {code: languages.iso(code) for code in codes}
    counts = Counter(short.values())
    older = {title: code for one in wording.LANGUAGES for code, title in named(codes, one).items()}
    return st.selectbox(
        say(f"input.{key}"),
        list(names),
        format_func=names.__getitem__,
        **choices.widget(
            name,
            key,
            names,
            next(iter(names)),
            lambda code: short[code] if counts[short[code]] == 1 else code,
            also=older | {code: code for code in codes},
        ),
    )


def _usual_first(targets: Sequence[str], interface: str) -> dict[str, str]:
    """Names by code, those of the bundled model's languages first, the others by name."""
    names = languages.names(targets, interface)
    usual = [languages.iso(code) for code in TARGETS]
    known = {code: usual.index(languages.iso(code)) for code in names if languages.iso(code) in usual}
    named = {code: _target_name(code, interface) if code in TARGETS else name for code, name in names.items()}
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
    first = _first_caption()
    return st.text_input(
        say("input.sentence"),
        placeholder=first,
        **choices.typed("sentence", "sentence", first, LONGEST),
    )


def _first_caption() -> str:
    return next(iter(_gallery().values())).caption


def _use(sentence: str) -> None:
    choices.write("sentence", sentence, _first_caption())


def target_name(target: str) -> str:
    """What a target is called in the interface's language."""
    return _target_name(target, language())


def _target_name(target: str, interface: str) -> str:
    written = languages.parts(target)[1] or target
    if target in TARGETS:
        return wording.text(f"target.{target}", interface)
    return languages.names([written], interface)[written]


def choose_model(task: str, key: str, label: str = "", default: str = "") -> str:
    """A bundled model, one that was fine-tuned here, or any other by its hub name; what the person types is only tried,
    never trusted. The link carries the model's key, which is the same in every language. default: the key of the one
    that is chosen at first, the bundled one where it is empty."""
    titles, label = model_titles(task), label or say("input.model")
    return choose_named(key, titles, default or bundled(task), label, say(f"input.model_help_{task}"))


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


def choose_models(
    vision_key: str = "vision_model", vision_default: str = ""
) -> tuple[tuple[str, VisionModel], tuple[str, Translator]]:
    """Both models behind one button, each with its key; the bundled one where the chosen one cannot be had."""
    with st.popover(say("compare.models"), icon=":material/tune:"):
        vision = choose_model("vision", vision_key, say("compare.vision_model"), vision_default)
        translation = choose_model("translation", "translation_model", say("compare.translation_model"))
    return work.vision_or_bundled(vision), work.translator_or_bundled(translation)


def model_titles(task: str) -> dict[str, str]:
    """The models that are here, by key. Two of the same title, such as a run that was sent back, show their names."""
    cards = catalogue.cards(task)
    counts = Counter(card.title for card in cards)
    titles = {card.key: card.title if counts[card.title] == 1 else f"{card.title} ({card.key})" for card in cards}
    return titles | {name: folder.name for name, folder in catalogue.folders(task).items()}


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
