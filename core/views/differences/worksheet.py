"""What was asked and answered, as a document of its own that a browser prints."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from PIL import Image

from core.views.differences.figures import data_uri

STYLE = """
body { font: 11pt/1.45 Georgia, "Songti SC", "Noto Serif CJK SC", serif; max-width: 46rem; }
body { margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 17pt; } h2 { font-size: 13pt; margin: 1.6rem 0 0.2rem; }
section { break-inside: avoid; margin: 0.9rem 0; padding-left: 0.8rem; border-left: 3px solid #0f8f86; }
section p { margin: 0.25rem 0; } .goal, .facts { color: #555; }
ul { list-style: none; padding: 0; margin: 0.3rem 0; } li { display: grid; grid-template-columns: 1.2rem 15rem 1fr; }
meter { width: 8rem; } img { max-width: 15rem; display: block; margin: 0.4rem 0; }
.line { border-bottom: 1px solid #888; height: 1.6rem; }
button { font: inherit; padding: 0.3rem 1rem; } @media print { button { display: none; } body { margin: 0 auto; } }
"""


@dataclass(frozen=True)
class Entry:
    """A question as it stands in a section. options: in Markdown; empty where a patch is asked for. chosen: what was
    said, answer: what the run says, both empty while they are not. counts: of a class, by option. picture: makes
    what is seen of it, where it is asked of one."""

    section: str
    question: str
    options: Sequence[str] = ()
    chosen: str = ""
    answer: str = ""
    counts: Counter[int] = field(default_factory=Counter)
    picture: Callable[[], Image.Image] | None = None


def document(
    language: str,
    title: str,
    facts: str,
    sections: Mapping[str, str],
    entries: Sequence[Entry],
    words: Mapping[str, str],
) -> str:
    """HTML. facts: of the run, one line. sections: goals by section, in order; those without an entry are left out.
    words: "print", "chosen", "run", "class", "own"."""
    parts = [
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{STYLE}</style><button onclick='print()'>{escape(words['print'])}</button>",
        f'<h1>{escape(title)}</h1><p class="facts">{escape(facts)}</p>',
    ]
    for name, goal in sections.items():
        asked = [one for one in entries if one.section == name]
        if asked:
            parts.append(f'<h2>{escape(name)}</h2><p class="goal">{_html(goal)}</p>')
            parts += [_entry(one, words) for one in asked]
    return "\n".join(parts)


def _entry(one: Entry, words: Mapping[str, str]) -> str:
    total = one.counts.total()
    rows = []
    for n, option in enumerate(one.options):
        share = f'<meter max="{total}" value="{one.counts[n]}"></meter> {one.counts[n]}' if total else ""
        mark = "☒" if one.chosen == option else "☐"
        rows.append(f"<li><span>{mark}</span><span>{_html(option)}</span><span>{share}</span></li>")
    parts = [f"<p><b>{_html(one.question)}</b></p>", f"<ul>{''.join(rows)}</ul>" if rows else ""]
    if one.picture:
        parts.append(f'<img src="{data_uri(one.picture())}" alt="">')
    if total:
        parts.append(f"<p>{escape(words['class'])} {total}</p>")
    if one.chosen and not one.options:
        parts.append(f"<p>{escape(words['chosen'])} {_html(one.chosen)}</p>")
    if one.answer:
        parts.append(f"<p>{escape(words['run'])} {_html(one.answer)}</p>")
    parts.append(f'<p>{escape(words["own"])}</p><div class="line"></div><div class="line"></div>')
    return f"<section>{''.join(parts)}</section>"


def _html(markdown: str) -> str:
    """The little Markdown of a sentence: bold, slanted, and signs that are meant as they stand."""
    kept: list[str] = []

    def keep(sign: re.Match[str]) -> str:
        kept.append(escape(sign[1]))
        return f"\0{len(kept) - 1}\0"

    text = escape(re.sub(r"\\([!-/:-@\[-`{-~])", keep, markdown.replace("\0", "")))
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)
    return re.sub("\0(\\d+)\0", lambda place: kept[int(place[1])], text)
