"""What each head does, in five numbers on one scale for both models: on this input, or on average over the samples."""

from collections.abc import Iterator

import numpy as np
import streamlit as st

from core import samples
from core.attention.statistics import NAMES, SINK, average_statistics, queries
from core.attention.trace import AttentionTrace, Kind, Traces
from core.errors import SidelightError
from core.models.images import open_image
from core.store import store
from core.ui import background, choices, film
from core.ui.clickable import clickable
from core.ui.columns import beside
from core.ui.explain import all_heads
from core.ui.explain import sides as both
from core.ui.explain.all_heads import Found, Place
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import say, show_error
from core.ui.plain import piece_text
from core.views.film import film_sentence
from core.views.heads import head_grid
from core.views.light import lit_photo, times_even
from core.views.linked import state

KINDS: tuple[Kind, ...] = ("cross", "encoder", "decoder")
CARDS = {"photo": "image", "sentence": "sentence"}  # as the linked view's text names them
LEAST = 0.01  # a grid's scale ends here or later


def show(pair: Pair) -> None:
    st.markdown(say("heads.lead"))
    averaged, statistic, ordered = _choices()
    st.caption(say(f"heads.{statistic}_help"))
    sides = pair.present
    found = {side.kind: numbers for side in sides if (numbers := _found(side, averaged)) is not None}
    kinds = {"photo": "encoder", "sentence": choose_kind("heads_kind") if pair.sentence else "cross"}
    shown = [numbers[kinds[kind]][statistic] for kind, numbers in found.items()]
    high = max([LEAST, *(float(values.max()) for values in shown)])
    grids, opened = st.columns(2, gap="large"), beside("heads")
    for side, above, below in zip(sides, grids, opened, strict=False):
        if side.kind not in found:
            continue
        chosen = _chosen(side, kinds[side.kind], found[side.kind], statistic)
        with above:
            _grid(side, kinds[side.kind], found[side.kind], statistic, ordered, high, chosen)
        with below:
            _open(side, found[side.kind], chosen, averaged)
    if found:
        all_heads.show(sides, found, _remember)


def _choices() -> tuple[bool, str, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        names = {name: say(f"heads.over_{name}") for name in ("input", "samples")}
        over = st.segmented_control(
            say("heads.over"),
            list(names),
            format_func=names.__getitem__,
            required=True,
            help=say("heads.over_help"),
            **choices.widget("over", "heads_over", names, "input"),
        )
        titles = {name: say(f"heads.{name}") for name in NAMES}
        statistic = st.segmented_control(
            say("heads.statistic"),
            NAMES,
            format_func=titles.__getitem__,
            required=True,
            wrap=True,
            **choices.widget("statistic", "heads_statistic", NAMES, "entropy"),
        )
        ordered = st.toggle(
            say("heads.ordered"),
            help=say("heads.ordered_help"),
            **choices.widget("sorted", "heads_ordered", (False, True), False, lambda on: str(int(on))),
        )
    return over == "samples", statistic, ordered


def choose_kind(key: str) -> Kind:
    """Which of a translator's attentions; the link has it under one name for all sections."""
    names = {kind: say(f"heads.kind_{kind}") for kind in KINDS}
    return st.segmented_control(
        say("heads.kind"),
        KINDS,
        format_func=names.__getitem__,
        required=True,
        **choices.widget("attention", key, KINDS, "cross"),
    )


def _found(side: Side, averaged: bool) -> Found | None:
    """None while the average is being computed; what a person sees then is its progress."""
    if not averaged:
        key = ("head_statistics", side.name, side.place)
        return store().get(key, lambda: _of_input(side.traces), (side.name,))
    how = side.place[1]  # the size of the photos, or the language of the translations
    try:
        return background.result(
            ("heads", side.name, how),
            say(f"heads.averaging_{side.kind}"),
            lambda on_step: _averages(side, on_step),
            (side.name,),
        )
    except SidelightError as error:
        show_error(error)
        return None


def _averages(side: Side, on_step: background.OnStep) -> Found:
    return side.either(lambda photo: _photos(photo, on_step), lambda sentence: _sentences(sentence, on_step))


def _of_input(traces: Traces) -> Found:
    return {kind: average_statistics([trace]) for kind, trace in traces.items()}


def _photos(side: PhotoSide, on_step: background.OnStep) -> Found:
    """The bundled photos, as the model saw this one."""
    photos = samples.photos()

    def seen() -> Iterator[AttentionTrace]:
        for number, photo in enumerate(photos):
            on_step(number, len(photos))
            yield side.model.run(open_image(photo.path.read_bytes()), int(side.place[1]), "crop").traces["encoder"]

    return {"encoder": average_statistics(seen())}


def _sentences(side: SentenceSide, on_step: background.OnStep) -> Found:
    """The bundled sentences into this language; all of them where none was chosen for it."""
    chosen = [one.text for one in samples.sentences() if one.target == side.language]
    texts = list(dict.fromkeys(chosen or [one.text for one in samples.sentences()]))
    read = []
    for number, text in enumerate(texts):
        on_step(number, len(texts))
        read.append(side.model.translate(text, side.language))
    return {kind: average_statistics(one.traces[kind] for one in read) for kind in KINDS}


def _chosen(side: Side, kind: Kind, found: Found, statistic: str) -> Place:
    """The head that was clicked; at first the one with the largest number."""
    places = [(one, *at) for one, by in found.items() for at in np.ndindex(*by[statistic].shape)]
    offered = {both.head_text(side.kind, place): place for place in places}
    values = found[kind][statistic]
    place = choices.read(f"{side.kind}_open", offered, None)
    if place and place[0] == kind:
        return place
    return kind, *divmod(int(values.argmax()), values.shape[1])


def _remember(side: str, place: Place) -> None:
    choices.write(f"{side}_open", both.head_text(side, place))


def _grid(side: Side, kind: Kind, found: Found, statistic: str, ordered: bool, high: float, chosen: Place) -> None:
    values = found[kind][statistic]
    words = {
        "layer": say("heads.layer"),
        "head": say("heads.rank" if ordered else "heads.head"),
        "cell": say("heads.cell", layer="{layer}", head="{head}", value="{value}"),  # the figure fills it
    }
    title = f"{say(f'heads.side_{side.kind}')} · {side.attention_title(kind)}"
    figure = head_grid(
        values,
        title,
        words=words,
        low=0,
        high=high,
        chosen=chosen[1:],
        height=300,
        order=values.argsort(dim=1, descending=True, stable=True) if ordered else None,
    )

    def take(marks: list[list[int]]) -> None:
        layer, head = map(int, marks[0])
        _remember(side.kind, (kind, layer, head))

    clickable(figure, f"heads_grid_{side.kind}", take)
    st.caption(
        say(
            "heads.mean",
            value=f"{float(values.mean()):.2f}",
            low=f"{float(values.min()):.2f}",
            high=f"{float(values.max()):.2f}",
        )
    )
    say_sampled(side.traces[kind])


def say_sampled(trace: AttentionTrace) -> None:
    """Say that numbers are not of all queries, where they are not."""
    step, count = queries(trace.query_axis).step, len(trace.query_axis)
    if step > 1:
        st.caption(say("heads.sampled", count=f"{count:,}", taken=f"{-(-count // step):,}", step=step))


def _open(side: Side, found: Found, place: Place, averaged: bool) -> None:
    """One head: its numbers, what it does on this input, and the way to the linked view."""
    kind, layer, head = place
    st.markdown(f"## {say('heads.opened', layer=layer + 1, head=head + 1)}")
    numbers = {name: float(values[layer, head]) for name, values in found[kind].items()}
    st.caption(" · ".join(f"{say(f'heads.{name}')} {numbers[name]:.2f}" for name in NAMES))
    parts = {name.removeprefix(SINK): value for name, value in numbers.items() if name.startswith(SINK)}
    if parts:
        said = " · ".join(f"{say(f'heads.sink_{part}')} {value:.0%}" for part, value in parts.items())
        st.caption(say("heads.sink_parts", parts=said))
    if averaged:
        st.caption(say("heads.still_input"))
    side.either(lambda photo: _photo_map(photo, place), lambda sentence: _piece_map(sentence, place))
    st.page_link(
        "pages/compare.py",
        label=say("heads.linked"),
        icon=":material/open_in_new:",
        help=say("heads.linked_help"),
        query_params=to_linked(side, place),
    )


def _photo_map(side: PhotoSide, place: Place) -> None:
    trace, axis = side.result.traces["encoder"], side.result.axis
    _, layer, head = place
    first = len(axis.prefix)
    options = [*axis.prefix[:1], "mean"]
    query = st.segmented_control(
        say("heads.query"),
        options,
        format_func=lambda name: say("heads.query_mean") if name == "mean" else name,
        required=True,
        **choices.widget("looks", f"heads_query_{bool(first)}", options, options[0]),
    )
    weights = trace.map(layer, head)[first:].mean(0) if query == "mean" else trace.row(layer, head, 0)
    on_patches = weights[first:]
    lit = lit_photo(side.result.fitted.pixels, times_even(on_patches.reshape(axis.grid)))
    st.image(lit, width=448, alt=side.title)
    name = say("heads.query_mean") if query == "mean" else query
    st.caption(say("heads.photo_scale", query=name, share=f"{float(on_patches.sum()):.0%}"))


def _piece_map(side: SentenceSide, place: Place) -> None:
    kind, layer, head = place
    translation = side.translation
    written = translation.source if kind == "encoder" else translation.target
    read = translation.decoder_input if kind == "decoder" else translation.source
    weights = side.traces[kind].map(layer, head).cpu()
    words = {"name": say("heads.opened", layer=layer + 1, head=head + 1), "scale": say("heads.scale")}
    film.show(film_sentence([(0, weights)], _named(read.pieces), _named(written.pieces), words), "heads_pieces")
    st.caption(say(f"heads.read_{kind}"))


def _named(pieces: tuple[str, ...]) -> list[str]:
    return [piece_text(piece) for piece in pieces]


def to_linked(side: Side, place: Place) -> dict[str, str]:
    """What the link to the Compare page says: this head and its model. The inputs are kept anyway."""
    kind, layer, head = place
    depth = layer / max(1, side.traces[kind].layers - 1)
    view = state.with_head(choices.remembered("view"), depth, [CARDS[side.kind]], head)
    return {"view": view} | side.chosen_model
