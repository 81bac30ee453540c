"""What phones of a class ask this server: a page of its own, light and without a session, what is asked, and their
predictions (`core/differences/room.py` keeps them)."""

import json

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from streamlit import config

from core import wording
from core.differences.room import ROOMS
from core.ui.component import BROWSER

PATH = "class"
WORDS = ("code", "join", "wait", "choose", "given", "late", "over", "gone", "closed", "lost")  # that a phone says
LARGEST = 300  # bytes of an answer
NUMBER = 40  # characters of a phone's number


def routes() -> list[Route]:
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    begin = f"/{base}" if base else ""
    page = _page(begin)

    async def enter(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"cache-control": "no-cache"})

    return [
        Route(f"{begin}/{PATH}", enter),
        Route(f"{begin}/{PATH}/{{code}}", _look),
        Route(f"{begin}/{PATH}/{{code}}", _take, methods=["POST"]),
        Route(f"{begin}/{PATH}/{{code}}/picture", _picture),
    ]


def _page(base: str) -> str:
    words = {
        language: {name: wording.text(f"phone.{name}", language) for name in WORDS} for language in wording.LANGUAGES
    }
    text = (BROWSER / "phone.html").read_text("utf-8")
    text = text.replace('"WORDS_HERE"', json.dumps(words)).replace('"BASE_HERE"', json.dumps(base))
    return text.replace("SCRIPT_HERE", (BROWSER / "phone.js").read_text("utf-8"))


async def _look(request: Request) -> Response:
    """What is asked, or was asked last with its answer, and what this phone has said."""
    room, phone = ROOMS.find(request.path_params["code"]), request.query_params.get("phone", "")
    if room is None or not 0 < len(phone) <= NUMBER:
        return JSONResponse({}, 404)
    room.hello(phone)
    with room.lock:
        question, number, answer, given = room.question, room.number, room.outcome, room.given.get(phone)
    told = None
    if question:
        told = {name: getattr(question, name) for name in ("text", "options", "grid", "asked")}
    language = question.language if question else None
    return JSONResponse({"number": number, "question": told, "answer": answer, "given": given, "language": language})


async def _take(request: Request) -> Response:
    """A prediction. Whatever is none is refused."""
    room = ROOMS.find(request.path_params["code"])
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            return Response(status_code=413)
    try:
        said = json.loads(body)
        phone, number, choice = said["phone"], said["number"], said["choice"]
    except (ValueError, KeyError, TypeError):
        return Response(status_code=400)
    if not (isinstance(phone, str) and type(number) is int and type(choice) is int):
        return Response(status_code=400)
    taken = room is not None and room.answer(phone, number, choice)
    return Response(status_code=204 if taken else 409)


async def _picture(request: Request) -> Response:
    room = ROOMS.find(request.path_params["code"])
    question = room.question if room else None
    if question is None or not question.picture:
        return Response(status_code=404)
    return Response(question.picture, media_type="image/webp", headers={"cache-control": "max-age=600"})
