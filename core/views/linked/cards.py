"""What the linked view draws: a card is axes, and traces that lead from one to another.

    photo --encoder--> photo      source --encoder--> source      photo --encoder--> photo
                                  target --decoder--> target      words --decoder--> words
                                  target --cross----> source      words --cross----> photo

The browser knows three kinds of axes and one rule for pointing (pointing.js), so that any such card is drawn, asked,
linked, saved and exported.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from core.attention.axes import Box, PatchAxis, TokenAxis
from core.attention.trace import AttentionTrace, Traces

UNSURE = 0.5  # a probability below which a word is, of a model whose words were never measured


@dataclass(frozen=True)
class Named:
    """A position of an axis that can be chosen by its name; None where only its box is drawn. box: on the photo."""

    position: int | None
    label: str
    box: Box | None = None


@dataclass(frozen=True)
class Grid:
    """Patches on `photo`, upright RGB. named: positions chosen by name, besides those before the patches."""

    photo: Image.Image
    axis: PatchAxis
    named: tuple[Named, ...] = ()
    key: str = ""

    def __len__(self) -> int:
        return len(self.axis)

    @property
    def start(self) -> int:
        """What is asked at first: the first token before the patches, else the patch in the middle."""
        rows, columns = self.axis.grid
        return 0 if self.axis.prefix else rows // 2 * columns + columns // 2


@dataclass(frozen=True)
class Row:
    """Words in their order. marked: positions that are the answer, or that the model wrote. sure: the probability that
    the model gave each position when it wrote it; empty where that is not known. unsure: below it a word is."""

    axis: TokenAxis
    marked: tuple[int, ...] = ()
    key: str = ""
    sure: tuple[float, ...] = ()
    unsure: float = UNSURE

    def __len__(self) -> int:
        return len(self.axis)


@dataclass(frozen=True)
class Objects:
    """What a decoder looks for in a photo: `count` queries. named: those that found something."""

    count: int
    named: tuple[Named, ...] = ()
    key: str = ""

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True)
class Pooled:
    """Keys on a coarser grid over the photo of the card's first axis, whose patches read them."""

    axis: PatchAxis
    key: str = "k"

    def __len__(self) -> int:
        return len(self.axis)


CardAxis = Grid | Row | Objects | Pooled


@dataclass(frozen=True)
class Lead:
    """Where a trace leads: from its queries to its keys, both by the place of their axis on the card.

    written: its rows write the positions of their axis: row t writes output t and has just read output t - 1; the view
    offers both readings. behind: how many keys stand before the first position of the axis, 1 for a decoder that reads
    a start mark first. layers: those that are sent, all by default. sinks: keys with content that can be hidden beside
    those without.
    """

    trace: AttentionTrace
    queries: int = 0
    keys: int = 0
    written: bool = False
    behind: int = 0
    layers: tuple[int, ...] | None = None
    sinks: tuple[int, ...] = ()

    @property
    def crosses(self) -> bool:
        return self.queries != self.keys


@dataclass(frozen=True)
class Doubt:
    """Why an answer is not to be relied on. short: on a line with others. why: how that is known."""

    short: str
    text: str
    why: str = ""


@dataclass(frozen=True)
class Card:
    """A link calls a position by the key of its axis and its number there: "57", "s3", "t0". Axes of one key count on,
    one after the other. also: what no axis of the card shows of an attention that its leads are parts of."""

    axes: tuple[CardAxis, ...]
    leads: tuple[Lead, ...]
    title: str
    note: str = ""
    also: tuple[AttentionTrace, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def kind(self) -> str:
        """What its heading, links and files call it."""
        rows = sum(isinstance(axis, Row) for axis in self.axes)
        if any(isinstance(axis, Grid) for axis in self.axes):
            return "caption" if rows else "image"
        return "sentence" if rows > 1 else "text"

    @property
    def begins(self) -> int:
        """The axis that is asked where nothing is chosen: one that is written, else the first that asks."""
        return next((lead.queries for lead in self.leads if lead.written), self.leads[0].queries)

    def stack(self, lead: Lead) -> str:
        """What the grid of a trace's layers and heads is called: a key of the wording under "view."."""
        if isinstance(self.axes[lead.queries], Grid):
            return "image"
        return "text" if self.kind == "text" else lead.trace.kind

    def place(self, at: str) -> tuple[int, int]:
        """The axis and the number there of a position as a link calls it; where the view starts, if there is none."""
        if found := re.fullmatch(r"([a-z]?)(\d{1,9})", at, re.ASCII):
            number = int(found[2])
            for place, axis in enumerate(self.axes):
                if axis.key != found[1]:
                    continue
                if number < len(axis):
                    return place, number
                number -= len(axis)
        axis = self.axes[self.begins]
        return self.begins, axis.start if isinstance(axis, Grid) else 0

    def asked(self, at: str) -> tuple[Lead, int]:
        """The trace that answers for a position, and its row there. On words it is the one that joins the axes."""
        axis, number = self.place(at)
        words = isinstance(self.axes[axis], Row)
        leads = [lead for lead in self.leads if words or lead.queries == axis]
        if not leads:  # pooled keys ask nothing
            return self.leads[0], 0
        return max(leads, key=lambda lead: lead.crosses), number


def card_of(
    traces: Traces,
    title: str,
    photo: Image.Image | None = None,
    written: TokenAxis | None = None,
    named: Sequence[Named] = (),
    marked: Sequence[int] = (),
    sure: Sequence[float] = (),
    unsure: float = UNSURE,
) -> Card:
    """The card of one result, whatever its modality.

    traces: by kind. photo: where there are patches. written: the outputs, one a row of `cross`; without them its rows
    are objects. named: positions on the photo, or objects. marked: positions of a text that are shown as its answer.
    sure: the probability of each output, if that is known; unsure: below it a word is.
    Raises ValueError without a trace, and for patches without a photo.
    """
    if not traces:
        raise ValueError("a card needs a trace")
    cross = traces.get("cross")
    read = (cross or next(iter(traces.values()))).key_axis
    if cross and photo is not None and isinstance(cross.query_axis, PatchAxis) and isinstance(read, PatchAxis):
        return Card((Grid(photo, cross.query_axis), Pooled(read)), (Lead(cross, 0, 1),), title)
    objects = cross is not None and written is None
    first: CardAxis
    if isinstance(read, TokenAxis):
        first = Row(read, tuple(marked), "s" if cross else "")
    elif photo is None:
        raise ValueError("patches need their photo")
    else:
        first = Grid(photo, read, tuple(one for one in named if not objects or one.position is None))
    if cross is None:
        return Card((first,), tuple(Lead(trace) for trace in traces.values()), title)
    second = (
        Objects(len(cross.query_axis), tuple(one for one in named if one.position is not None))
        if written is None
        else Row(written, key="t", sure=tuple(sure), unsure=unsure)
    )
    leads = (_lead(trace, written is not None) for trace in traces.values())
    return Card((first, second), tuple(leads), title)


def _lead(trace: AttentionTrace, written: bool) -> Lead:
    """Where a trace leads if the second axis reads the first, and is written word by word or is a set of objects."""
    if trace.kind == "encoder":
        return Lead(trace)
    own = trace.kind == "decoder"
    return Lead(trace, 1, int(own), written, int(own and written))


def reading_card(
    photo: AttentionTrace,
    prompt: AttentionTrace,
    own: AttentionTrace,
    also: Sequence[AttentionTrace],
    image: Image.Image,
    title: str,
    sure: Sequence[float] = (),
    named: Sequence[Named] = (),
    sinks: Sequence[tuple[int, ...]] = ((), ()),
) -> Card:
    """The card of words whose one attention reads a photo, a prompt and themselves. photo, prompt, own: its parts,
    whose rows write the words. also: parts that are not shown. sinks: of the photo and of the prompt. Raises ValueError
    for axes of other kinds."""
    patches, asked, words = photo.key_axis, prompt.key_axis, own.key_axis
    if not isinstance(patches, PatchAxis) or not isinstance(asked, TokenAxis) or not isinstance(words, TokenAxis):
        raise ValueError("a photo, a prompt and words are needed")
    axes = (Grid(image, patches, tuple(named)), Row(asked, key="s"), Row(words, key="t", sure=tuple(sure)))
    leads = tuple(
        Lead(trace, 2, keys, written=True, sinks=tuple(n for n in drawn if not trace.key_axis.special[n]))
        for keys, (trace, drawn) in enumerate(zip((photo, prompt, own), (*sinks, ()), strict=True))
    )
    return Card(axes, leads, title, also=tuple(also))


def names_of(cards: Sequence[Card]) -> list[str]:
    """What a link calls each card: "image", "sentence", "image2", ..."""
    names: list[str] = []
    for card in cards:
        count = 1 + sum(name.rstrip("0123456789") == card.kind for name in names)
        names.append(f"{card.kind}{count}" if count > 1 else card.kind)
    return names
