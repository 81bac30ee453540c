"""What is pinned as A in the linked view, where it has other inputs than B: the link names them, so that a reload and
whoever opens a link see the same. What of them is chosen in the view stands in its own text."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import partial
from typing import ClassVar, cast
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from PIL import Image

from core.attention.axes import PatchAxis
from core.attention.trace import Traces
from core.errors import SidelightError
from core.models import languages, unsure
from core.models.images import Fit
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel
from core.ui import byhand, choices, doubts, inputs, linked, photos, sentences, stages, work
from core.ui.language import say, show_error
from core.views.linked import state
from core.views.linked.cards import UNSURE, Card


@dataclass(frozen=True)
class PhotoSeen:
    """model: its key. photo, stage: as the link says them. size: px."""

    kind: ClassVar[str] = "photo"
    model: str
    size: int
    photo: str = ""
    fit: Fit = "crop"
    stage: str = ""

    def card_of(self, title: str, image: Image.Image, traces: Traces, axis: PatchAxis) -> Card | None:
        named = f"{inputs.short_title('vision', self.model)} · {title}"
        return linked.card(traces, linked.photo_title(named, axis), image)

    def card(self) -> Card | None:
        """Raises SidelightError where its photo or its model is gone."""
        title, image = photos.named(self.photo)
        model = cast(VisionModel | None, work.model("vision", self.model))
        if not model:
            return None
        size = self.size if self.size in model.sizes else work.side(model)
        result = work.run_image(self.model, image, size, self.fit)
        traces = stages.named(result, self.stage)
        return self.card_of(title, image, traces, stages.axis_of(result, traces))

    def choose(self) -> None:
        choices.write("photo", self.photo)
        choices.write("vision_model", self.model)
        choices.write("size", str(self.size))
        choices.write("fit", self.fit)
        choices.write("stage", self.stage)


@dataclass(frozen=True)
class SentenceRead:
    """model: its key. target: as the model calls it; empty where there is none."""

    kind: ClassVar[str] = "sentence"
    model: str
    sentence: str
    target: str
    beams: int = work.BEAMS
    limit: int = work.LIMIT
    top_k: int = work.TOP

    def card_of(self, translation: Translation) -> Card | None:
        model, target = inputs.short_title("translation", self.model), self.target or None
        card = linked.card(
            translation.traces,
            " · ".join(filter(None, (linked.sentence_title(target), model))),
            written=translation.target,
            sure=[step.probability for step in translation.steps],
            unsure=measure.word if (measure := unsure.measure_of(self.model)) else UNSURE,
        )
        return card and replace(card, doubts=doubts.of(self.model, translation, self.sentence, target))

    def card(self) -> Card | None:
        """Raises SidelightError where its model is gone."""
        if not cast(Translator | None, work.model("translation", self.model)):
            return None
        how = self.beams, self.limit, self.top_k
        return self.card_of(work.translate(self.model, self.sentence, self.target or None, *how))

    def choose(self) -> None:
        source, written = languages.parts(self.target)
        chosen = {"sentence": self.sentence, "translation_model": self.model, "source": source, "to": written}
        numbers = {"beams": self.beams, "limit": self.limit, "top_k": self.top_k}
        for name, text in (chosen | numbers).items():
            if text:
                choices.write(name, str(text))


Input = PhotoSeen | SentenceRead
KINDS: dict[str, type[PhotoSeen] | type[SentenceRead]] = {one.kind: one for one in (PhotoSeen, SentenceRead)}
CARDS = {"photo": "image", "sentence": "sentence"}  # what a link calls the card of each kind
COUNTS = {"size": 4096, "beams": 10, "limit": 200, "top_k": 10}  # of each number, the most that a link may say


def text_of(shown: Sequence[Input]) -> str:
    def said(one: Input) -> dict[str, str]:
        return {
            field.name: str(getattr(one, field.name))
            for field in fields(one)
            if getattr(one, field.name) != field.default
        }

    return "|".join(urlencode({"kind": one.kind} | said(one)) for one in shown)


def read(text: str) -> dict[str, Input]:
    """By kind. Anything may stand in a link: what cannot be read is left out."""
    found: dict[str, Input] = {}
    for part in text.split("|"):
        said = dict(parse_qsl(part, keep_blank_values=True))
        kind = KINDS.get(said.pop("kind", ""))
        if not kind:
            continue
        values = {name: _number(name, value) if name in COUNTS else value for name, value in said.items()}
        names, needed = (
            {field.name for field in fields(kind) if every or field.default is MISSING} for every in (True, False)
        )
        known = said.get("fit", photos.FITS[0]) in photos.FITS and len(said.get("sentence", "")) <= sentences.LONGEST
        if known and needed <= values.keys() <= names and None not in values.values():
            found[kind.kind] = kind(**values)  # type: ignore[arg-type]
    return found


def _number(name: str, text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text[:9]) <= COUNTS[name] else None


def show(shown: Sequence[tuple[Card | None, Input]], name: str) -> bytes:
    """Draw the cards in the linked view, each with what it was made of, so that it can be pinned. Returns what the
    browser gets."""
    both = [(card, made_of) for card, made_of in shown if card]
    made = tuple(made_of for _, made_of in both)
    held = linked.pinned()
    kept = read(choices.said("pin") or "") if held else {}
    if not held:
        _forget()
    try:
        old = tuple(_old(card, one, kept.get(one.kind, one), held) for card, one in both) if held else ()
    except SidelightError as error:
        st.markdown(say("view_page.unpinned"))
        show_error(error)
        linked.unpin()
        _forget()
        old = ()
        st.session_state.swaps = st.session_state.get("swaps", 0) + 1
    told, swapped = partial(_told, made), partial(_swapped, made, kept)
    beside = linked.Beside(old if any(old) else (), told=told, swapped=swapped)
    return linked.show([card for card, _ in both], f"{name}_{st.session_state.get('swaps', 0)}", beside)


def _old(card: Card, now: Input, then: Input, held: state.Chosen) -> Card | None:
    """What A has in place of a card; None where that is the same."""
    own = card if then == now else then.card() or card
    leads = tuple(linked.at_layer(lead, held) if lead.layers else lead for lead in own.leads)
    if own is card and leads == own.leads:
        return None
    return replace(own, leads=leads)


def _forget() -> None:
    choices.write("pin", "", "")
    choices.said("pin")  # so that it leaves the link


def _told(made: tuple[Input, ...], text: str) -> None:
    """Once it is pinned, the link says of what it was made."""
    if state.pinned(text) is None:
        choices.write("pin", "", "")
    elif not choices.remembered("pin"):
        choices.write("pin", text_of(made))


def _swapped(made: tuple[Input, ...], kept: dict[str, Input], text: str) -> None:
    """A's inputs are chosen, with what was changed by hand in them, and what was chosen is pinned."""
    choices.write("pin", text_of(made))
    view, edits = state.by_hand(text)
    choices.write("view", view, "")
    for one in kept.values():
        one.choose()
    for kind, card in CARDS.items():
        byhand.take(kind, edits.get(card, ""))
    st.session_state.pop("opened", None)  # the view opens where A was
    st.session_state.swaps = st.session_state.get("swaps", 0) + 1
