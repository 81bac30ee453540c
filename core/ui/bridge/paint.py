"""Paint over patches, and see what the captioner says of the picture then."""

import re

import streamlit as st
from PIL import Image

from core import samples
from core.models.images import PADDING, fit_image
from core.models.others import Paint, painted
from core.ui import choices, photos
from core.ui.bridge import run
from core.ui.bridge.picture import Picture
from core.ui.byhand import parted
from core.ui.clickable import clickable
from core.ui.columns import beside
from core.ui.language import language, say
from core.ui.plain import plain
from core.views.charts import AMBER, QUIET
from core.views.differences.figures import patch_picture

PAINTS = ("grey", "blur", "other")
HEIGHT = 420  # px
LONGEST = 1400  # characters of what is painted over, in the link


def show(picture: Picture, told: run.Told) -> None:
    st.caption(say("bridge.paint_help"))
    looked = told.looked
    grid = looked.axis.grid
    chosen = _chosen(grid[0] * grid[1])
    left, right = beside("paint")
    with right:
        how = _how(looked.pixels.size)
        _ready_made(picture, grid)
    with left:
        over = painted(looked.pixels, grid, chosen, how)
        at = say("lessons.patch_at", row="{row}", column="{column}")  # the figure fills it
        figure = patch_picture(over, grid, at, dict.fromkeys(chosen, AMBER), HEIGHT, gap=0)
        figure.update_layout(dragmode="select")
        clickable(figure, "paint", _toggle, selection_mode=("points", "box"), config=QUIET)
    with right:
        if not chosen:
            st.info(say("bridge.paint_none"))
            return
        now = told.of(over).awaited()
        difference(told.caption.text, now.text)


def _chosen(count: int) -> list[int]:
    text = choices.said("paint") or ""
    if not re.fullmatch(r"(\d{1,4}(\.\d{1,4})*)?", text[:LONGEST], re.ASCII):
        return []
    return sorted({n for one in text.split(".") if one and (n := int(one)) < count})


def _write(patches: list[int]) -> None:
    choices.write("paint", ".".join(map(str, sorted(patches))), "")


def _toggle(marks: list[int]) -> None:
    """One patch is painted over or laid bare; several at once are painted over."""
    before, new = {int(n) for n in (choices.remembered("paint") or "").split(".") if n}, set(map(int, marks))
    _write(sorted(before ^ new if len(new) == 1 else before | new))


def _how(size: tuple[int, int]) -> Paint | Image.Image:
    """The grey is the mean of ImageNet's pictures."""
    how = st.segmented_control(
        say("bridge.paint_with"),
        PAINTS,
        format_func=lambda name: say(f"bridge.paint_{name}"),
        required=True,
        **choices.widget("paint_with", "bridge_paint", PAINTS, PAINTS[0]),
    )
    if how == "blur":
        return "blur"
    if how == "grey":
        return Image.new("RGB", size, PADDING)
    gallery = samples.by_name()
    other = st.selectbox(
        say("bridge.paint_photo"),
        list(gallery),
        format_func=lambda name: gallery[name].title[language()],
        **choices.widget("paint_photo", "bridge_paint_photo", list(gallery), next(iter(gallery))),
    )
    return fit_image(photos.sample_image(other), "crop", size[0], 1).pixels


def _ready_made(picture: Picture, grid: tuple[int, int]) -> None:
    """A thing of a scene as a whole, and nothing."""
    with st.container(horizontal=True):
        for number, thing in enumerate(picture.layout.things if picture.layout else ()):
            left, top, right, bottom = (edge / picture.image.width for edge in thing.box)
            inside = [
                row * grid[1] + column
                for row in range(grid[0])
                for column in range(grid[1])
                if left <= (column + 0.5) / grid[1] <= right and top <= (row + 0.5) / grid[0] <= bottom
            ]
            name = say("bridge.paint_thing", name=say(f"class.{thing.name}"))
            st.button(name, key=f"paint_{number}", on_click=_write, args=(inside,))
        st.button(say("bridge.paint_clear"), icon=":material/undo:", key="paint_clear", on_click=_write, args=([],))


def difference(before: str, now: str) -> None:
    """Both captions; what the other lacks is marked."""
    for key, parts in zip(("bridge.before", "bridge.now"), parted(before, now), strict=True):
        text = "".join(f":orange-background[{plain(part)}]" if lacks else _spaced(part) for part, lacks in parts)
        st.markdown(f"**{say(key)}** {text}")
    if before == now:
        st.caption(say("bridge.same"))


def _spaced(part: str) -> str:
    """As plain text, with the spaces at its ends."""
    return " " * part[:1].isspace() + plain(part) + " " * part[-1:].isspace()
