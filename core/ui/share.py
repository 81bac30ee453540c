"""What a page is shown to others with: a talk, in which it has no controls and larger text, and its link, also as a QR
code for whoever sits there with a phone."""

import io
import urllib.parse

import segno
import streamlit as st

from core.ui import choices, uploads
from core.ui.component import component
from core.ui.language import say

LONGEST = 1800  # characters of a link in a code that a phone still reads from a screen
HERE = ("127.0.0.1", "localhost", "::1")
ON = "1"

_present = component("present")
_link = component("link")


def presents() -> bool:
    return choices.read("present", {ON: True}, False)


def listen() -> None:
    """Keys of a talk: f begins it, Escape ends it, and arrows, space or a clicker go through it."""
    on, names = presents(), ("previous", "next", "leave")
    words = {name: say(f"present.{name}") for name in names}
    _present(data={"on": on, **words}, key="present", on_turn_change=_turn)


def _turn() -> None:
    st.session_state["share"] = False  # what held the button closes
    choices.write("present", "" if choices.remembered("present") else ON, "")


def offer() -> None:
    """The button that holds it all; last in a run, when the link says all that was chosen."""
    with st.popover(say("share.title"), icon=":material/ios_share:", key="share", on_change="rerun") as place:
        if not place.open:
            return
        st.button(
            say("present.begin"), icon=":material/slideshow:", on_click=_turn, key="present_begin", width="stretch"
        )
        _link(data={name: say(f"share.{name}") for name in ("copy", "copied")}, key="share_link")
        if any(map(uploads.named, st.query_params.to_dict().values())):
            st.caption(say("share.own"))
        link = _address()
        if len(link) > LONGEST:
            st.caption(say("share.long"))
            return
        with st.container(horizontal_alignment="center"):
            st.image(code(link), width=220, alt=say("share.code"))
        if urllib.parse.urlsplit(link).hostname in HERE:
            st.caption(say("share.here"))


def _address() -> str:
    chosen = urllib.parse.urlencode(st.query_params.to_dict())
    return f"{st.context.url}?{chosen}" if chosen else str(st.context.url)


def code(link: str) -> bytes:
    """A QR code of it, a PNG."""
    file = io.BytesIO()
    segno.make(link, micro=False, error="l").save(file, kind="png", scale=6, border=3)
    return file.getvalue()
