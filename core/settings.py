"""What whoever runs Sidelight may set: the environment variables `SIDELIGHT_...`, all of them, in one place.

They are read when they are asked for; `check` reads them all at the start, so that a wrong one is told before anything
depends on it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import SidelightError

ROOT = Path(__file__).resolve().parent.parent
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _flag(text: str) -> bool:
    if text.lower() not in (*YES, *NO):
        raise ValueError(text)
    return text.lower() in YES


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _key(text: str) -> str:
    if len(text) < 16:
        raise ValueError("too short to be a secret")
    return text


@dataclass(frozen=True)
class Setting:
    """One variable. read: its text to its value, ValueError where it is none. expects: what a person may write. secret:
    never repeated."""

    default: Any
    read: Callable[[str], Any]
    expects: str
    secret: bool = False


SETTINGS = {
    "DEVICE": Setting("", str, "cpu, cuda, cuda:1, mps"),
    "RUNS": Setting(ROOT / "runs", _folder, "a folder"),
    "MODELS": Setting(None, _folder, "a folder"),
    "HUB": Setting(True, _flag, "1, 0"),
    "KEEP_MB": Setting(None, _count, "500, 2000, 16000"),
    "BRING_BACK": Setting(True, _flag, "1, 0"),
    "DELETE": Setting(True, _flag, "1, 0"),
    "UPLOAD_MEGABYTES": Setting(200, _count, "1, 2, 3, ..."),
    "UPLOAD_HOURS": Setting(24, _count, "1, 2, 3, ..."),
    # Where others come: whether strangers do (else as server.address says), who handles all runs ("*": everybody), and
    # what one person, all runs together and one job may take.
    "PUBLIC": Setting(None, _flag, "1, 0"),
    "OPERATORS": Setting((), _names, "ada@example.org,bob@example.org or *"),
    "OPERATOR_KEY": Setting("", _key, "16 characters or more", secret=True),
    "RUNS_A_PERSON": Setting(None, _count, "1, 2, 3, ..."),
    "RUNS_MEGABYTES": Setting(None, _count, "500, 2000, 16000"),
    "JOB_SECONDS": Setting(None, _count, "60, 600, 3600"),
}


def setting(name: str) -> Any:
    """The value of SIDELIGHT_<name>; its default where it is not set. Raises SidelightError `setting.bad`."""
    known, text = SETTINGS[name], os.environ.get(f"SIDELIGHT_{name}", "").strip()
    if not text:
        return known.default
    try:
        return known.read(text)
    except ValueError as error:
        shown = "…" if known.secret else text
        raise SidelightError("setting.bad", name=f"SIDELIGHT_{name}", value=shown, expects=known.expects) from error


def check() -> None:
    """Raises SidelightError `setting.bad` for a value that cannot be read, `setting.unknown` for an unknown name."""
    for name in SETTINGS:
        setting(name)
    for name in sorted(os.environ):
        if name.startswith("SIDELIGHT_") and name.removeprefix("SIDELIGHT_") not in SETTINGS:
            raise SidelightError("setting.unknown", name=name, known=", ".join(f"SIDELIGHT_{one}" for one in SETTINGS))
