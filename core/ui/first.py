"""The home page's first answer, with everything as it is at the start, kept on disk: a server that begins anew shows it
before the models are there. It is computed anew behind it, and the view takes what differs.

What is kept is named by all that it depends on: code, releases, weights, photo, sentence, language. Nothing else is
ever read from there, and only what is whole.
"""

import hashlib
import logging
from functools import cache
from importlib.metadata import version
from pathlib import Path

from core import samples
from core.models import catalogue
from core.settings import ROOT, setting
from core.ui import choices
from core.ui.language import language
from core.wording import ASSETS

KEPT = 4  # answers: of two languages, and of the code before
CHOSEN = ("photo", "fit", "stage", "vision_model", "sentence", "source", "to", "translation_model", "pin")
MADE_BY = ("torch", "torchvision", "transformers", "timm", "numpy", "pillow", "sentencepiece")
SIZE = hashlib.sha256().digest_size

_written: set[Path] = set()
_log = logging.getLogger(__name__)


def is_asked() -> bool:
    """Whether nothing is chosen yet that would change the answer."""
    return not any(choices.remembered(name) for name in CHOSEN)


def find() -> tuple[bytes, str] | None:
    """What the browser is sent and where the view opens (`state.py`)."""
    try:
        data = _file().read_bytes()
    except OSError:
        return None
    digest, (start, _, packed) = data[:SIZE], data[SIZE:].partition(b"\n")
    return (packed, start.decode()) if hashlib.sha256(data[SIZE:]).digest() == digest else None


def keep(packed: bytes, start: str) -> None:
    """Once while this server lasts. Where it cannot be written, the next one begins without it."""
    file = _file()
    if file in _written:
        return
    _written.add(file)
    if find() == (packed, start):
        return
    data = start.encode() + b"\n" + packed
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(data).digest() + data)
        part.replace(file)
        newest = sorted(file.parent.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in newest[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("the first answer is not kept: %s", error)


def _file() -> Path:
    return catalogue.runs_folder() / ".first" / _name(language(), setting("DEVICE"))


@cache
def _name(spoken: str, device: str) -> str:
    found = hashlib.sha256(device.encode())
    files = [*(ROOT / "core").rglob("*.py"), ROOT / "pages/compare.py", *(ASSETS / "wording" / spoken).iterdir()]
    files += [samples.photos()[0].path, *samples.FOLDER.glob("*.json")]  # the sentence, and where the view opens
    for file in sorted(files):
        found.update(file.read_bytes())
    models = (catalogue.default("vision"), catalogue.default("translation"))
    found.update(repr([*((one, version(one)) for one in MADE_BY), *(one.sha256 for one in models)]).encode())
    return found.hexdigest()
