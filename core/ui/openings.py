"""Where the pictures open: for each sample a patch and a word that show something true, and a few more to try. What is
in the link wins; a photo or a sentence that is chosen later begins at its own opening."""

import streamlit as st
import torch

from core import samples
from core.attention.axes import PatchAxis
from core.attention.merge import merge_map
from core.models.translation import Translation
from core.ui import choices
from core.ui.language import language
from core.views.linked import state


def begin(sentence: str, target: str | None, axis: PatchAxis | None, translation: Translation | None) -> str:
    """Choose where the view opens and offer what else to try. Returns a name for the view, another one after each time
    that it was moved from here."""
    offered = _open({"sentence": (sentence, target)}, samples.word_of(sentence), axis, translation)
    with st.container(horizontal=True, key="tries", wrap=False, gap="xsmall"):
        for number, one in enumerate(offered if axis and translation else ()):
            places = _places(one, one.word, axis, translation)
            st.button(one.name[language()], key=f"try_{number}", on_click=_move, args=(one.depth, places))
    return str(st.session_state.get("moves", 0))


def begin_photo(axis: PatchAxis) -> str:
    """The same of a photo alone; which sentence was opened elsewhere stays as it was."""
    _open({}, "", axis, None)
    return str(st.session_state.get("moves", 0))


def _open(
    sentence: dict[str, object], word: str, axis: PatchAxis | None, translation: Translation | None
) -> tuple[samples.Opening, ...]:
    """Move the view where what is shown was not opened before. word: of the sentence. Returns the photo's openings."""
    photo = _photo()
    offered, now = samples.openings(photo), {"photo": photo} | sentence
    before = st.session_state.get("opened", now if choices.said("view") else {})
    st.session_state.opened = before | now
    if photo != before.get("photo"):
        first = offered[0] if offered else None
        _move(first.depth if first else None, {"image": ""} | _places(first, word, axis, translation))
    elif before | now != before:
        _move(None, _places(None, word, axis, translation))
    return offered


def first(sentence: str, axis: PatchAxis | None, translation: Translation | None) -> str:
    """The view's text where nothing was chosen in it: the opening of the chosen photo."""
    opening = next(iter(samples.openings(_photo())), None)
    places = _places(opening, samples.word_of(sentence), axis, translation)
    return state.moved("", opening.depth if opening else None, places)


def _photo() -> str:
    return choices.remembered("photo") or next(iter(samples.by_name()))


def _places(
    opening: samples.Opening | None, word: str, axis: PatchAxis | None, translation: Translation | None
) -> dict[str, str]:
    """What a link calls the patch and the word, by card; without those that are not there."""
    places, depth = {}, opening.depth if opening else state.DEPTH
    if opening and axis:
        places["image"] = str(patch_at(axis, opening.point))
    reader = reader_of(translation, word, depth) if translation else None
    return places if reader is None else places | {"sentence": f"t{reader}", "merge": ""}  # counted in whole words


def _move(depth: float | None, places: dict[str, str]) -> None:
    if places:
        choices.write("view", state.moved(choices.remembered("view"), depth, places), "")
        st.session_state.moves = st.session_state.get("moves", 0) + 1


def patch_at(axis: PatchAxis, point: tuple[float, float]) -> int:
    """The position of the patch that lies there on the whole photo, or the nearest one."""
    (rows, columns), (left, top, right, bottom), (width, height) = axis.grid, axis.image_box, axis.image_size
    column = int((point[0] * width - left) / (right - left) * columns)
    row = int((point[1] * height - top) / (bottom - top) * rows)
    return axis.patches.start + min(max(row, 0), rows - 1) * columns + min(max(column, 0), columns - 1)


def reader_of(translation: Translation, word: str, depth: float) -> int | None:
    """Which word of the translation reads a word of the source most, at this depth; None where the sentence does not
    have it."""
    source, target = translation.source.merged(), translation.target.merged()
    names = [name.strip().lower() for name in source.pieces]
    if word not in names:
        return None
    trace = translation.traces["cross"]
    weights = merge_map(trace.mean([round(depth * (trace.layers - 1))]), translation.target, translation.source)
    shares = weights[:, names.index(word)].masked_fill(torch.tensor(target.special), 0)
    return int(shares.argmax())
