"""The HTML document that the browser gets first. Streamlit's own names no app, brings no style and is English: what a
page says of these arrives a third of a second after its words, which then jump, and where the server is, a page other
than the first finds out by asking for what is not there. Here all of it is told in the document itself.
"""

import json
from pathlib import Path

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from streamlit import config, file_util

from core.ui import visitor
from core.ui.component import BROWSER
from core.wording import ASSETS


class Word(StringConvertor):
    """One part of an address that names no file."""

    regex = "[^./]+"


def routes() -> list[Route]:
    """Of the first page, of every other by its name, and of a name that was mistyped: Streamlit says so on the first
    page, which is to look like itself."""
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    pages = sorted(page.stem for page in (ASSETS.parent / "pages").glob("*.py"))
    found = document(pages)

    async def answer(request: Request) -> Response:
        name = request.path_params.get("name")
        text = document([*pages, name]) if name else found
        return visitor.greeted(request, HTMLResponse(text, headers={"cache-control": "no-cache, private"}))

    begin = f"/{base}" if base else ""
    register_url_convertor("word", Word())
    return [Route(f"{begin}/{page}", answer) for page in ["", *pages, "{name:word}"]]


def document(pages: list[str]) -> str:
    """Streamlit's document with our title, its language, where its server is, and the frame's style, which goes before
    its own."""
    script = (BROWSER / "document.js").read_text("utf-8").replace("PAGES", json.dumps(pages).replace("<", "\\u003c"))
    style = (BROWSER / "frame.css").read_text("utf-8")
    text = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")
    for old, new in (
        ("<title>Streamlit</title>", "<title>Sidelight</title>"),
        ("</head>", f"<script>{script}</script></head>"),
        ("</body>", f"<style>{style}</style></body>"),
    ):
        if old not in text:
            raise ValueError(f"this release of Streamlit has no {old} in its document")
        text = text.replace(old, new, 1)
    return text
