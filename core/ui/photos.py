"""The photo that is looked at, kept across pages: a strip of the samples and the person's own, and the ways to bring
one (upload, paste, camera)."""

import base64
import io
from dataclasses import dataclass

import streamlit as st
from PIL import Image, ImageOps

from core import samples, wording
from core.errors import SidelightError
from core.models.deep import was_brightened
from core.models.images import SUFFIXES, Fit, open_image
from core.settings import setting
from core.ui import choices, uploads
from core.ui.language import language, say, show_error
from core.ui.paste import paste_picture
from core.ui.plain import plain
from core.ui.sentences import describe
from core.ui.uploads import OWN

FILE_TYPES = list(SUFFIXES)
FITS: tuple[Fit, ...] = ("crop", "letterbox", "stretch", "native")
THUMB = 96  # px, of a small picture of it, on screens of twice the density
PICTURED = ".st-key-photo button:nth-of-type({number}) {{ background-image: url(data:image/jpeg;base64,{small}); }}"


@dataclass(frozen=True)
class OwnPhoto:
    """text: as the link says it. name: the file's. small: see `_small`."""

    text: str
    name: str
    image: Image.Image
    small: str


@st.cache_resource(show_spinner=False)
def sample_image(name: str) -> Image.Image:
    """A photo of the gallery, by its file's name without the ending."""
    return open_image(samples.by_name()[name].path.read_bytes())


@st.cache_data(show_spinner=False)
def _small_sample(name: str) -> str:
    return _small(sample_image(name))


def _small(image: Image.Image) -> str:
    """The middle of it as a JPEG in base64."""
    file = io.BytesIO()
    ImageOps.fit(image, (THUMB, THUMB)).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()


def named(text: str) -> tuple[str, Image.Image]:
    """The photo that the link calls so, as `choose` gives it; the first one where it says nothing. Raises
    SidelightError where there is none, or no longer."""
    gallery = samples.by_name()
    text = text or next(iter(gallery))
    if text in gallery:
        return gallery[text].title[language()], sample_image(text)
    kept = uploads.find(text.removeprefix(OWN)) if text.startswith(OWN) else None
    if not kept:
        raise SidelightError("image.gone", hours=setting("UPLOAD_HOURS"))
    return kept.name, open_image(kept.data)


def choose(framed: bool = False) -> tuple[str, Image.Image]:
    """The chosen photo's title and its upright RGB image. A file that cannot be read leaves the last photo in place.
    framed: whether its framing is chosen among the ways to bring one."""
    gallery, own = samples.by_name(), _own()
    names = [*gallery, *([own.text] if own else [])]
    titled = {title: name for name, photo in gallery.items() for title in photo.title.values()}  # in older links
    title = {name: photo.title[language()] for name, photo in gallery.items()} | ({own.text: own.name} if own else {})
    small = [*map(_small_sample, gallery), *([own.small] if own else [])]
    with st.container(horizontal=True, key="photos", gap="xsmall", vertical_alignment="center"):
        name = st.segmented_control(
            say("input.photo"),
            names,
            format_func=lambda name: plain(title[name]),
            required=True,
            label_visibility="collapsed",
            wrap=False,
            **choices.widget("photo", "photo", names, names[0], also=titled, then=_chose_sample),
        )
        with st.popover(say("input.own_photo"), icon=":material/add_a_photo:", key="bring"):
            if framed:
                choose_framing()
            _bring(own)
    pictured = (PICTURED.format(number=number, small=one) for number, one in enumerate(small, 1))
    st.html(f"<style>{''.join(pictured)}</style>")
    if error := st.session_state.get("photo_error"):
        with st.container(key="photo_wrong"):
            show_error(error)
    image = own.image if own and name == own.text else sample_image(name)
    if was_brightened(image):
        st.caption(say("input.brightened"))
    return title[name], image


def framing() -> Fit:
    """How the photo becomes the model's input, as it was chosen on this page or another."""
    return choices.read("fit", {fit: fit for fit in FITS}, FITS[0])


def choose_framing(visible: bool = True) -> Fit:
    """visible: with its label and what it does."""
    older = {wording.text(f"vision.fit_{name}", one): name for name in FITS for one in wording.LANGUAGES}  # in links
    return st.segmented_control(
        say("vision.fit"),
        FITS,
        format_func=lambda name: say(f"vision.fit_{name}"),
        required=True,
        help=say("vision.fit_help") if visible else None,
        label_visibility="visible" if visible else "collapsed",
        **choices.widget("fit", "fit", FITS, FITS[0], also=older),
    )


def _bring(own: OwnPhoto | None) -> None:
    key = f"upload_{st.session_state.get('photos_forgotten', 0)}"
    st.file_uploader(say("input.upload"), FILE_TYPES, key=key, on_change=_take, args=(key,))
    if refused := st.session_state.get("photo_refused"):
        name, error = refused
        with st.container(key="photo_refused_at"):
            st.text(name)
            show_error(error)
    st.caption(say("input.kept", hours=setting("UPLOAD_HOURS")))
    if own:
        st.button(say("input.forget"), icon=":material/delete:", on_click=_forget, args=(own,))
    paste_picture(say("input.paste"), _open)
    if st.toggle(say("input.use_camera"), key="camera_on"):
        st.camera_input(say("input.camera"), key="camera", on_change=_take, args=("camera",))


def _own() -> OwnPhoto | None:
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
    try:
        return _taken(text, found.name, found.data)
    except SidelightError as error:  # it could be read when it came
        st.session_state.photo_error = error
        return last


def _taken(text: str, name: str, data: bytes) -> OwnPhoto:
    """Raises SidelightError where it cannot be read."""
    image = open_image(data)
    st.session_state.own_photo = OwnPhoto(text, name, image, _small(image))
    return st.session_state.own_photo


def _forget(own: OwnPhoto) -> None:
    """Nobody has it any more; the sample is chosen, and the next uploader is an empty one."""
    uploads.forget(own.text.removeprefix(OWN))
    st.session_state.own_photo = None
    _empty_uploader()
    if choices.remembered("photo") == own.text:
        choices.write("photo", "", "")


def _empty_uploader() -> None:
    st.session_state.photos_forgotten = st.session_state.get("photos_forgotten", 0) + 1


def _nothing_wrong() -> None:
    st.session_state.photo_error = st.session_state.photo_refused = None


def _take(widget: str) -> None:
    file = st.session_state[widget]
    _nothing_wrong()
    if file is not None:
        _open(file.name, file.getvalue())


def _open(name: str, data: bytes) -> None:
    """Make it the photo; where it cannot be read, say so at the uploader, which lists it no more, and leave the last
    one in place."""
    _nothing_wrong()
    try:
        open_image(data)
    except SidelightError as error:
        st.session_state.photo_refused = name, error
        _empty_uploader()
        return
    text = OWN + uploads.keep(name, data)
    _taken(text, name, data)
    choices.write("photo", text)


def _chose_sample() -> None:
    """A sample photo brings the sentence that describes it, and what was wrong with another photo is over."""
    _nothing_wrong()
    chosen = choices.remembered("photo")
    if not chosen.startswith(OWN):
        gallery = samples.by_name()
        describe(gallery.get(chosen, next(iter(gallery.values()))))
