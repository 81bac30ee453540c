"""What stands around every page: a slim header with the menu, language and theme, and the page's own first line."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.ui import share
from core.ui.component import component
from core.ui.language import choose_language, language, say

CODES = {"en": "en", "zh": "zh-Hans"}
# Streamlit's own menu has the theme, in English words; these are put in their place.
ITEM = '[data-testid="stMainMenuItem-{name}"]'
ITEMS = {name: ITEM.format(name=f"theme-{name.title()}") for name in ("system", "light", "dark")} | {
    "about": ITEM.format(name="about") + ' [data-testid="stMainMenuItemLabel"]'
}
WORD = """{item} {{ font-size: 0; }} {item}::after {{ content: "{word}"; font-size: 0.875rem; white-space: nowrap; }}"""

# So has its uploader; which types it takes stands in its label.
UPLOADER = """<style>[data-testid="stFileUploaderDropzone"] button p,
[data-testid="stFileUploaderDropzoneInstructions"] * {{ font-size: 0 !important; }}
[data-testid="stFileUploaderDropzone"] button p::after {{ content: "{button}"; font-size: 0.875rem; }}
[data-testid="stFileUploaderDropzoneInstructions"]::after {{ content: "{limit}";
font-size: 0.875rem; }}</style>"""

_page, _charts = component("page"), component("charts")


def begin() -> DeltaGenerator:
    """Settings, language and style; before the menu. Streamlit shows its menu, with the theme, where it has an
    "About". Returns the place for what a page is shared with, which is drawn when its link is settled."""
    with st.container(key="language", horizontal=True, gap="xsmall", wrap=False):
        shared = st.container(key="sharing", width="content")
        choose_language()
    st.set_page_config("Sidelight", "◐", "wide", menu_items={"About": say("frame.about")})
    st.html(UPLOADER.format(button=say("frame.upload"), limit=say("frame.upload_limit", size=_largest())))
    words = (WORD.format(item=item, word=say(f"theme.{name}")) for name, item in ITEMS.items())
    st.html(f"<style>{''.join(words)}</style>")
    told = {name: say(f"frame.{name}") for name in ("missing", "shown")}
    _page(data={"code": CODES[language()], "words": told}, key="page")
    _charts(data={"save": say("frame.save_chart")}, key="charts")
    share.listen()
    return shared


def _largest() -> int:
    """MB of a file that is sent."""
    return int(st.get_option("server.maxUploadSize"))


def head(page: str, *, heard: bool = False) -> None:
    """The page's title and what it is, on one line. heard: for screen readers alone, where the page shows itself."""
    with st.container(key="said" if heard else "head", horizontal=True):
        st.title(say(f"{page}.title"), anchor=False, width="content")
        st.caption(say(f"{page}.lead"), width="content")


def ink() -> str:
    """The colour of text that is drawn inside a figure, for the theme that the person sees."""
    return "#e8e6e1" if st.context.theme.type == "dark" else "#1d2129"
