"""Who asks: the signed-in person where Streamlit's login is set up, else the browser, known by a cookie.

The cookie is a random name that this server signed, so that nobody can make one up or take another's. Runs keep a keyed
hash of it, which leads back to nobody. An operator, named in the settings, sees and handles all runs.
"""

import contextlib
import hashlib
import hmac
import ipaddress
import json
import os
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from streamlit import config

from core.models.catalogue import runs_folder
from core.settings import setting

COOKIE, OPERATOR = "sidelight_visitor", "sidelight_operator"
KEPT = 365 * 24 * 3600  # seconds


def owner() -> str:
    """Of this visitor, as runs keep it. Where cookies are refused, it lasts as long as the visit."""
    if who := _signed_in():
        return _hash("person", "\0".join(str(who.get(key)) for key in ("iss", "sub", "email")))
    browser = _proved(COOKIE, st.context.cookies) or st.session_state.setdefault("owner", secrets.token_hex(16))
    return _hash("browser", browser)


def is_operator() -> bool:
    """By the address that the login vouches for, by the key, or because everybody is."""
    named = setting("OPERATORS")
    who = _signed_in()
    if "*" in named or (who and who.get("email_verified") is not False and who.get("email") in named):
        return True
    return bool(setting("OPERATOR_KEY")) and _proved(OPERATOR, st.context.cookies) == _of_key()


def sees(run: Path) -> bool:
    """Whether this visitor may know of a run: one's own, and what nobody owns, as the command line makes it."""
    return _owner_of(run) in ("", owner()) or is_operator()


def is_others(run: Path) -> bool:
    """Whether it is here and somebody else's, of which this visitor may know no more."""
    return (run / "job.json").is_file() and _owner_of(run) != "?" and not sees(run)


def handles(run: Path) -> bool:
    """Whether this visitor may pause, cancel, finish, delete and download it. What nobody owns is everybody's where no
    stranger comes."""
    whose = _owner_of(run)
    return whose == owner() or is_operator() or (not whose and not is_public())


def sees_model(name: str) -> bool:
    """Of what a run left, as of the run; every other model is everybody's."""
    run = runs_folder() / name
    return not (run / "job.json").is_file() or sees(run)


def is_others_model(name: str) -> bool:
    return is_others(runs_folder() / name)


def is_public() -> bool:
    """Whether strangers come here: as the settings say, else where it listens on more than this machine."""
    said = setting("PUBLIC")
    return said if said is not None else not _is_this_machine(str(config.get_option("server.address") or ""))


def greeted(request: Request, response: Response) -> Response:
    """The response with a cookie for whoever has none, and one for an operator who brings the key."""
    if not _proved(COOKIE, request.cookies):
        _give(request, response, COOKIE, secrets.token_hex(16))
    if knows_key(request.query_params.get("operator", "")):
        _give(request, response, OPERATOR, _of_key())
    return response


def knows_key(text: str) -> bool:
    key = setting("OPERATOR_KEY")
    return bool(key) and hmac.compare_digest(text.encode(), key.encode())


def is_from_here(request: Request) -> bool:
    """Whether it comes from this machine and no proxy handed it on."""
    forwarded = {"x-forwarded-for", "forwarded", "x-real-ip"} & set(request.headers)
    return not forwarded and _is_this_machine(request.client.host if request.client else "")


def _signed_in() -> Mapping[str, object] | None:
    who = st.user.to_dict()
    return who if who.get("is_logged_in") else None


def name() -> str:
    """Of the signed-in person, as the login says it; empty where nobody is."""
    who = _signed_in() or {}
    return str(who.get("name") or who.get("email") or who.get("sub") or "")


def must_sign_in() -> bool:
    """Where a login is set up, everybody is asked for it."""
    return st.user.to_dict().get("is_logged_in") is False


def _owner_of(run: Path) -> str:
    try:
        return str(json.loads((run / "job.json").read_text("utf-8")).get("owner", ""))
    except (OSError, ValueError, TypeError, AttributeError):  # gone, or not to be read: an operator's
        return "?"


def _give(request: Request, response: Response, name: str, text: str) -> None:
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
    place = "/" + str(config.get_option("server.baseUrlPath")).strip("/")
    signed = f"{text}.{_hash(name, text)}"
    response.set_cookie(name, signed, KEPT, path=place, secure=secure, httponly=True, samesite="lax")


def _proved(name: str, cookies: Mapping[str, str]) -> str:
    """What this cookie says, if it was signed here, or nothing."""
    text, _, mark = str(cookies.get(name, "")).rpartition(".")
    return text if hmac.compare_digest(mark.encode(), _hash(name, text).encode()) else ""


def _of_key() -> str:
    return _hash("key", setting("OPERATOR_KEY"))


def _hash(use: str, text: str) -> str:
    """use: hashes of one use are worth nothing for another."""
    return hashlib.blake2b(f"{use}\0{text}".encode(), key=_secret(runs_folder()), digest_size=16).hexdigest()


@cache
def _secret(root: Path) -> bytes:
    """Of a folder of runs; of this process where nothing can be written there."""
    path = root / ".salt"
    try:
        if not path.exists():
            root.mkdir(parents=True, exist_ok=True)
            unfinished = root / f".salt.{os.getpid()}.{secrets.token_hex(4)}"
            unfinished.touch(0o600)
            unfinished.write_bytes(os.urandom(32))
            with contextlib.suppress(FileExistsError):
                os.link(unfinished, path)  # the first one stays
            unfinished.unlink()
        return path.read_bytes()
    except OSError:
        return secrets.token_bytes(32)


def _is_this_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
