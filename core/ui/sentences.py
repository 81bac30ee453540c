"""The sentence that is read and the languages it is read in and written in, kept across pages."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from core import samples, wording
from core.models import languages
from core.ui import choices
from core.ui.language import language, say

LONGEST = 2000  # characters of a sentence, which stands in the URL; models read fewer, and say so by their pieces
Named = Callable[[Sequence[str], str], dict[str, str]]  # languages' codes, the interface's language: names by code
TARGETS = ("deu", "fra", "ces", "cmn_Hans")


def choose(targets: tuple[str, ...] = TARGETS, sources: tuple[str, ...] = ()) -> tuple[str, str | None]:
    """The sentence and its target language (None for a model with one direction), with the source language where the
    model must be told it (`core.models.languages`). All on one line."""
    with st.container(horizontal=True, key="sentences", gap="xsmall", vertical_alignment="center"):
        sentence = typed(label_visibility="collapsed")
        examples = st.popover(say("input.examples"), icon=":material/format_quote:", key="examples")
        source = _language("source", "source", sources, languages.names) if len(sources) > 1 else None  # usual first
        target = _language("to", "target", targets, _usual_first) if targets else None
        if source and target:
            target = languages.pair(source, target)
    if len(sentence) >= LONGEST:
        st.caption(say("input.full", limit=f"{LONGEST:,}"))
    with examples:
        for number, example in enumerate(_examples(target)):
            st.button(example.text, key=f"example_{number}", type="tertiary", on_click=_use, args=(example.text,))
    return sentence, target


def typed(label_visibility: Literal["visible", "collapsed"] = "visible") -> str:
    """A sentence alone, for a page where the target is settled otherwise."""
    first = _first_caption()
    return st.text_input(
        say("input.sentence"),
        placeholder=first,
        label_visibility=label_visibility,
        **choices.typed("sentence", "sentence", first, LONGEST),
    )


def describe(photo: samples.Photo) -> None:
    """Take the sentence that describes it, unless the person has typed one of their own."""
    ours = {one.caption for one in samples.photos()} | {one.text for one in samples.sentences()}
    if (choices.remembered("sentence") or _first_caption()) in ours:
        _use(photo.caption)


def _language(name: str, key: str, codes: Sequence[str], named: Named) -> str:
    """One of these by its name. The link says "de", whatever a model calls German; the model's own code where it tells
    two of a kind apart."""
    names, short = named(codes, language()), {code: languages.iso(code) for code in codes}
    counts = Counter(short.values())
    older = {title: code for one in wording.LANGUAGES for code, title in named(codes, one).items()}
    return st.selectbox(
        say(f"input.{key}"),
        list(names),
        format_func=names.__getitem__,
        label_visibility="collapsed",
        width=144,
        **choices.widget(
            name,
            key,
            names,
            next(iter(names)),
            lambda code: short[code] if counts[short[code]] == 1 else code,
            also=older | {code: code for code in codes},
        ),
    )


def _usual_first(targets: Sequence[str], interface: str) -> dict[str, str]:
    """Names by code, those of the bundled model's languages first, the others by name."""
    names = languages.names(targets, interface)
    usual = [languages.iso(code) for code in TARGETS]
    known = {code: usual.index(languages.iso(code)) for code in names if languages.iso(code) in usual}
    named = {code: _target_name(code, interface) if code in TARGETS else name for code, name in names.items()}
    return dict(sorted(named.items(), key=lambda item: (known.get(item[0], len(usual)), item[1])))


def _examples(target: str | None) -> list[samples.Sentence]:
    """Sentences with this target; all are English, so none where another language is read."""
    source, written = languages.parts(target)
    if source and languages.iso(source) != "en":
        return []
    wanted = languages.iso(written) if written else None
    return [one for one in samples.sentences() if wanted in (None, languages.iso(one.target))]


def _first_caption() -> str:
    return samples.photos()[0].caption


def _use(sentence: str) -> None:
    choices.write("sentence", sentence, _first_caption())


def target_name(target: str) -> str:
    """What a target is called in the interface's language."""
    return _target_name(target, language())


def _target_name(target: str, interface: str) -> str:
    written = languages.parts(target)[1] or target
    if target in TARGETS:
        return wording.text(f"target.{target}", interface)
    return languages.names([written], interface)[written]
