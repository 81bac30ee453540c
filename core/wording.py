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


def large(value: float, language: str = "en") -> str:
    """A number of which three digits count, in the signs of a language, from which no line breaks it off: 22.1 M,
    5.7 k; 2210 万, 5700."""
    signs = text("number.signs", language).split()
    base = 10 ** int(text("number.digits", language))
    for power in range(len(signs), 0, -1):
        if abs(value) >= 0.9995 * base**power:  # what three digits round up to it
            return f"{_three(value / base**power)}\u00a0{signs[power - 1]}"
    return _three(value)


def _three(value: float) -> str:
    return f"{float(f'{value:.3g}'):.15g}"


def starting_with(prefix: str, language: str) -> dict[str, str]:
    """The unfilled texts whose keys start with `prefix`, the prefix cut off: what the browser fills itself."""
    found = {k: v[language] for k, v in entries().items() if k.startswith(prefix)}
    return {key.removeprefix(prefix): value for key, value in found.items()}
