"""Every sentence a person reads, in English and Chinese.

`assets/wording/<language>/<topic>.json` hold `{"key": "..."}` with `{name}` for values: a further language is one more
folder. The library's errors use the same files, so that a page can show them in its own language.
"""

import json
import re
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
NEGATIVE = re.compile(r"-[\d.,]+%?")
LANGUAGES = {"en": "English", "zh": "中文"}


@cache
def entries() -> dict[str, dict[str, str]]:
    """All wording: key -> language -> text. Raises ValueError where two files give the same key."""
    merged: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        for path in sorted((ASSETS / "wording" / language).glob("*.json")):
            for key, text in json.loads(path.read_text("utf-8")).items():
                texts = merged.setdefault(key, {})
                if language in texts:
                    raise ValueError(f"{language}/{path.name} repeats the key {key}")
                texts[language] = text
    return merged


def text(key: str, language: str = "en", /, **values: object) -> str:
    """The text of `key` with its `{name}` fields filled; a number below zero has a minus there, not a hyphen. Raises
    KeyError for an unknown key."""
    return entries()[key][language].format(**{name: _signed(value) for name, value in values.items()})


def _signed(value: object) -> object:
    return minus(value) if isinstance(value, str) and NEGATIVE.fullmatch(value) else value


def minus(number: str) -> str:
    """A formatted number with a minus, which is as wide as a plus, and not a hyphen."""
    return number.replace("-", "−")


def starting_with(prefix: str, language: str) -> dict[str, str]:
    """The unfilled texts whose keys start with `prefix`, the prefix cut off: what the browser fills itself."""
    found = {k: v[language] for k, v in entries().items() if k.startswith(prefix)}
    return {key.removeprefix(prefix): value for key, value in found.items()}
