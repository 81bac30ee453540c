"""B of *What if*: beside the photo, the same with blocks painted over or another one; beside the sentence, the same
with one word changed or what a person types. Each choice is in the link, and a click takes it back."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
import torch
from PIL import Image

from core import samples
from core.attention.subject import Subject
from core.models.others import one_word_changed, painted
from core.models.subjects import translation_subject
from core.ui import choices, work
from core.ui.clickable import clickable
from core.ui.explain.sides import PhotoSide, SentenceSide
from core.ui.language import language, say
from core.ui.photos import sample_image
from core.ui.sentences import LONGEST
from core.views.charts import AMBER
from core.views.differences.figures import patch_picture

PAINTS = ("blur", "grey")
NONE = "0"  # what the link says where no block is painted
SIDE = 260  # px of the picture


@dataclass(frozen=True, eq=False)
class Other:
    """place: what it is kept by. subject: the question about A, put to B."""

    place: tuple[str, ...]
    subject: Callable[[int], Subject]


def other_photo(side: PhotoSide) -> Other:
    photos = {photo.path.stem: photo for photo in samples.photos()}
    offered = [*PAINTS, *(name for name, photo in photos.items() if work.digest(sample_image(name)) != side.place[0])]
    how = st.selectbox(
        say("whatif.other_photo"),
        offered,
        format_func=lambda name: say(f"whatif.{name}") if name in PAINTS else photos[name].title[language()],
        **choices.widget("other", f"whatif_other_{side.place[0]}", offered, PAINTS[0]),
    )
    image = _painted(side, how) if how in PAINTS else sample_image(how)
    if how not in PAINTS:
        st.image(image, width=SIDE, alt=photos[how].title[language()])
    given = PhotoSide(side.name, side.title, image, (work.digest(image), *side.place[1:]), side.fit)
    return Other(given.place, given.subject)


def _painted(side: PhotoSide, paint: str) -> Image.Image:
    """The picture with its blocks: a click paints one over, or takes the paint away."""
    axis = side.result.axis
    blocks = [group for group in axis.groups().values() if not axis.special[group[0]]]
    columns = sum(group[0] < axis.patches.start + axis.grid[1] for group in blocks)
    shape = (len(blocks) // columns, columns)
    names = {str(number + 1): number for number in range(len(blocks))}
    middle = [
        row * columns + column
        for row in sorted({(shape[0] - 1) // 2, shape[0] // 2})
        for column in sorted({(columns - 1) // 2, columns // 2})
    ]
    chosen = [n for n in choices.read_several("painted", {**names, NONE: -1}, middle) if n >= 0]
    patches = [position - axis.patches.start for number in chosen for position in blocks[number]]
    image = painted(side.result.fitted.pixels, axis.grid, patches, "grey" if paint == "grey" else "blur")

    def take(marks: list[int]) -> None:
        block = int(marks[0])
        _write([n for n in chosen if n != block] if block in chosen else [*chosen, block])

    figure = patch_picture(
        image, shape, say("whatif.block", row="{row}", column="{column}"), dict.fromkeys(chosen, AMBER), SIDE
    )
    clickable(figure, "whatif_painted", take)
    key = f"whatif_blocks_{len(blocks)}"
    st.session_state[key] = chosen
    st.multiselect(
        say("whatif.blocks"),
        range(len(blocks)),
        format_func=lambda n: say("whatif.block", row=n // columns + 1, column=n % columns + 1),
        key=key,
        help=say("whatif.painted_help"),
        on_change=lambda: _write(st.session_state[key]),
    )
    st.button(
        say("whatif.as_proposed"),
        key="whatif_unpaint",
        icon=":material/undo:",
        disabled=chosen == middle,
        on_click=choices.write,
        args=("painted", "", ""),
    )
    return image


def _write(blocks: list[int]) -> None:
    choices.write("painted", ",".join(str(n + 1) for n in blocks) or NONE, "")


def other_sentence(side: SentenceSide) -> Other:
    """Raises SidelightError as `Translator.source_pieces`."""
    proposed = one_word_changed(side.model, side.text, side.language)
    text = st.text_input(
        say("whatif.other_sentence"),
        help=say("whatif.other_sentence_help"),
        placeholder=proposed,
        **choices.typed("other_sentence", "whatif_other_sentence", proposed, LONGEST),
    )
    st.button(
        say("whatif.as_proposed"),
        key="whatif_retype",
        icon=":material/undo:",
        disabled=text == proposed,
        on_click=choices.write,
        args=("other_sentence", proposed, proposed),
    )

    def subject(target: int) -> Subject:
        translator = side.model
        source, axis = translator.source_pieces(text, side.language)
        output = torch.tensor([side.translation.ids], device=source.device)
        read = translator.read(source, axis, output)
        return translation_subject(translator, text, side.language, read, None if target < 0 else target)

    return Other((text, str(side.language)), subject)
