"""Photos that people brought, kept in this server's memory for a while, so that a reload, Back and other pages still
have them. Whoever has a photo's id can see it: the id cannot be guessed, and stands in its owner's link alone."""

import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from core.settings import setting

OWN = "up-"  # so begins what the link calls a person's own photo, its id follows
BYTES = 16  # of an id
_NAMED = re.compile(rf"\b{OWN}[\w-]{{{-(-8 * BYTES // 6)}}}")


@dataclass(frozen=True)
class Upload:
    """A file as it came. used: when it was asked for last, in seconds."""

    name: str
    data: bytes
    used: float


_kept: OrderedDict[str, Upload] = OrderedDict()  # by id, in the order of their use
_lock = Lock()


def keep(name: str, data: bytes) -> str:
    """The id under which it is kept; what was not asked for the longest makes room."""
    token = secrets.token_urlsafe(BYTES)
    with _lock:
        _kept[token] = Upload(name, data, time.monotonic())
        _drop_old()
    return token


def find(token: str) -> Upload | None:
    """None where it was forgotten, its time is over, or others needed its room."""
    with _lock:
        _drop_old()
        found = _kept.pop(token, None)
        if found:
            _kept[token] = Upload(found.name, found.data, time.monotonic())
        return found


def named(text: str) -> bool:
    """Whether a part of a link names a person's own photo: its photo, or what is pinned."""
    return bool(_NAMED.search(text))


def forget(token: str) -> None:
    with _lock:
        _kept.pop(token, None)


def _drop_old() -> None:
    """The newest stays, however large it is: its owner is looking at it."""
    oldest, room = time.monotonic() - 3600 * setting("UPLOAD_HOURS"), 10**6 * setting("UPLOAD_MEGABYTES")
    while _kept:
        token, first = next(iter(_kept.items()))
        crowded = len(_kept) > 1 and sum(len(one.data) for one in _kept.values()) > room
        if first.used > oldest and not crowded:
            return
        del _kept[token]
