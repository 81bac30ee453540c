"""A teacher's room on the page: opened and closed in one place; a question is asked where it stands, and the class's
predictions are a picture there before the run answers."""

import io
import secrets
import urllib.parse
from collections import Counter
from collections.abc import Sequence

import streamlit as st
import torch
from PIL import Image, ImageDraw
from streamlit import net_util

from core.differences.room import ROOMS, Question, Room
from core.ui import classroom, share
from core.ui.differences import remembered
from core.ui.language import language, say
from core.ui.plain import unmarked
from core.views.charts import QUIET, TEAL, probability_bars
from core.views.light import tinted_photo

Picture = tuple[Image.Image, tuple[int, int], Sequence[int]]  # its grid of patches, those that are asked about

EVERY = 2  # seconds between two looks at what came in
SIDE = 448  # px of the picture on a phone


def current() -> Room | None:
    """The room that this person opened, also before a reload."""
    code, _, secret = remembered.room().partition("-")
    room = ROOMS.find(code)
    return room if room and secrets.compare_digest(room.secret, secret) else None


def offer() -> None:
    """The button behind which a room is opened and closed."""
    room = current()
    title = say("room.title") if room is None else say("room.named", code=room.code)
    with st.popover(title, icon=":material/groups:", key="room_offer"):
        if room is None:
            st.markdown(say("room.lead"))
            st.button(say("room.open"), key="room_open", on_click=_open, type="primary")
            if st.session_state.pop("room_full", False):
                st.warning(say("room.full"))
            return
        link = _link(room)
        st.markdown(say("room.join", link=link.partition("?")[0]))
        with st.container(horizontal=True, vertical_alignment="center", gap="large"):  # all of it fits 768 px
            style = "font-size: 4rem; letter-spacing: 0.15em; line-height: 1"
            st.html(f'<output style="{style}">{room.code}</output>', width="content")
            st.image(share.code(link), width=220, alt=say("share.code"))
        if urllib.parse.urlsplit(link).hostname in share.HERE:
            st.caption(say("room.here"))
        st.fragment(_present, run_every=EVERY)(room)
        st.button(say("room.close"), key="room_close", on_click=_close, args=(room,))


def _open() -> None:
    room = ROOMS.open()
    st.session_state.room_full = room is None
    if room:
        st.session_state.room = f"{room.code}-{room.secret}"


def _close(room: Room) -> None:
    ROOMS.close(room)
    st.session_state.room = ""


def _present(room: Room) -> None:
    st.caption(say("room.present", count=room.here()))


def _link(room: Room) -> str:
    """Where phones go: this server's address, not its name for itself, where another is known."""
    parts = urllib.parse.urlsplit(str(st.context.url))
    host = parts.hostname or ""
    if host in share.HERE and st.get_option("server.address") in (None, "", "0.0.0.0", "::"):
        host = net_util.get_internal_ip() or host
    place = f"{host}:{parts.port}" if parts.port else host
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    path = "/".join(filter(None, ("", base, classroom.PATH)))
    return f"{parts.scheme}://{place}/{path.lstrip('/')}?room={room.code}"


def predictions(name: str, text: str, options: Sequence[str], picture: Picture | None, answer: str | None) -> None:
    """What the class says of a question. options: in Markdown, or none where a patch of the picture is asked for, with
    its grid. answer: what the run says, in Markdown, once no more is taken."""
    room = current()
    if room is None:
        return
    if answer is not None:
        if room.is_open(name):
            room.end(unmarked(answer))
        _drawn(name, room.counts(name), options, picture)
    elif room.is_open(name):
        st.fragment(_gathered, run_every=EVERY)(room, name, options, picture)
    else:

        def ask() -> None:
            shown, grid, asked = picture or (None, (0, 0), ())
            file = _file(shown) if shown else b""
            labels = tuple(map(unmarked, options))
            room.ask(Question(name, unmarked(text), language(), labels, grid, file, tuple(asked)))

        st.button(say("room.ask"), key=f"room_ask_{name}", icon=":material/groups:", on_click=ask)


def _gathered(room: Room, name: str, options: Sequence[str], picture: Picture | None) -> None:
    counts = room.counts(name)
    st.caption(say("room.given", given=counts.total(), here=room.here()))
    if st.toggle(say("room.show"), key=f"room_show_{name}"):
        _drawn(name, counts, options, picture)


def _drawn(name: str, counts: Counter[int], options: Sequence[str], picture: Picture | None) -> None:
    total = counts.total()
    if not total:
        return
    st.markdown(f"**{say('room.class')}** {say('room.count', count=total)}")
    if picture:
        st.image(heat(*picture, counts), width=320, alt=say("room.class"))
        return
    labels = [f"{n + 1}. {unmarked(option)} · {counts[n]}" for n, option in enumerate(options)]
    figure = probability_bars(labels, [counts[n] / total for n in range(len(options))])
    st.plotly_chart(figure, key=f"room_bars_{name}", config=QUIET)


def heat(photo: Image.Image, grid: tuple[int, int], asked: Sequence[int], counts: Counter[int]) -> Image.Image:
    """The photo with each patch the fuller in colour the more chose it, and frames about those that are asked about."""
    given = torch.tensor([float(counts[n]) for n in range(grid[0] * grid[1])]).reshape(grid)
    picture = tinted_photo(photo, [[TEAL] * grid[1]] * grid[0], given / given.max().clamp_min(1))
    draw, wide, high = ImageDraw.Draw(picture), picture.width / grid[1], picture.height / grid[0]
    for row, column in (divmod(patch, grid[1]) for patch in asked):
        draw.rectangle((column * wide, row * high, (column + 1) * wide, (row + 1) * high), outline=TEAL, width=4)
    return picture


def _file(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.convert("RGB").resize((SIDE, SIDE * picture.height // picture.width)).save(stream, "WEBP", quality=70)
    return stream.getvalue()
