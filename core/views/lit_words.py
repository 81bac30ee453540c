"""Words in the light of a map: amber behind what has more than an even share, paler letters for what has less, as in
the linked view (linked/row.js)."""

import math
from collections.abc import Sequence
from html import escape

LIT, ON_LIT = "#ffae2b", "#111111"
HOT = 0.5  # of the light, from which letters on it are dark in either theme
PALEST = 0.6  # opacity of the letters of a word that counts least
STYLE = "padding:0.1em 0.25em;border-radius:0.3em;overflow-wrap:anywhere"
LEGEND = (
    '<div style="display:flex;align-items:center;gap:0.6em;font-size:0.85rem">{low}'
    '<span style="width:9rem;height:0.7em;border-radius:3px;'
    f'background:linear-gradient(90deg,transparent 50%,{LIT})"></span>{{high}}</div>'
)


def lit_words(words: Sequence[str], times: Sequence[float], reach: int) -> str:
    """HTML of the words as a sentence. times: of each, over the mean. reach: as many doublings of the mean are lit
    fully, and as many halves are palest."""
    shown = "".join(_word(word, one, reach) for word, one in zip(words, times, strict=True))
    return f'<p style="font-size:1.5rem;line-height:1.9;margin:0">{shown}</p>'


def _word(word: str, times: float, reach: int) -> str:
    place = max(-1.0, min(1.0, math.log2(max(times, 1e-9)) / reach))
    light, pale = max(0.0, place), max(0.0, -place)
    colour = (
        f"color:{ON_LIT}"
        if light > HOT
        else f"color:color-mix(in srgb,currentColor {100 - 100 * (1 - PALEST) * pale:.0f}%,transparent)"
    )
    back = f"background:color-mix(in srgb,{LIT} {100 * light:.0f}%,transparent)"
    return f'<span style="{STYLE};{colour};{back}" title="{times:.2f}×">{escape(word.strip())}</span> '
