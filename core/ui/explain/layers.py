"""When does it know: what each model would already answer after each of its layers, side by side over their depth."""

from collections.abc import Sequence

import streamlit as st
import torch

from core.attention.lens import Lens, States, chances_of, lens
from core.errors import SidelightError
from core.models.states import translation_states, vision_states
from core.store import store
from core.ui import choices
from core.ui.download import csv_button
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text, plain
from core.views import layers as figures
from core.views.charts import QUIET
from core.views.differences.charts import depth_lines
from core.views.light import lit_photo
from core.views.tables import as_csv

WATCHED = 5  # classes in the river: the answer, those that were likeliest on the way, then those that were near it
SIDE = 448  # px of the picture


def show(pair: Pair) -> None:
    st.markdown(say("layers.lead"))
    distances: dict[str, list[float]] = {}

    def draw(side: Side) -> None:
        try:
            found: Lens = side.either(_photo, _sentence)
            distances[say(f"heads.side_{side.kind}")] = found.distance.mean(1).tolist()
        except SidelightError as error:
            show_error(error)

    pair.each("layers", draw)
    if distances:
        st.markdown(f"##### {say('layers.distance')}")
        lines = {name: [(n / (len(kl) - 1), one) for n, one in enumerate(kl)] for name, kl in distances.items()}
        figure = depth_lines(lines, say("layers.depth"), say("layers.nats"))
        st.plotly_chart(figure, key="layers_distance", config=QUIET)
        st.caption(say("layers.distance_help"))


def _photo_states(side: PhotoSide) -> tuple[States, States]:
    with st.spinner(say("layers.running")):
        key = ("states", side.name, side.place)
        return store().get(key, lambda: vision_states(side.model, side.result), (side.name,))


def _sentence_states(side: SentenceSide) -> States:
    def make() -> States:
        source, _ = side.model.source_pieces(side.text, side.language)
        return translation_states(side.model, source, side.translation)

    with st.spinner(say("layers.running")):
        return store().get(("states", side.name, side.place), make, (side.name,))


def _photo(side: PhotoSide) -> Lens:
    """The answer as a river over the layers, and one class on every patch of one layer."""
    whole, each = _photo_states(side)
    heat, classes = side.model.temperature, side.model.classes
    found = lens(whole, heat)
    on_the_way = found.top[:, 0, 0].flip(0).tolist()  # the last layer's first
    watched = list(dict.fromkeys([*on_the_way, *found.top[-1, 0].tolist()]))[:WATCHED]
    names, layers = [class_name(classes[number]) for number in watched], _layers(len(found.top))
    st.markdown(f"##### {say('layers.answer', answer=plain(names[0]))}")
    st.markdown(_settled(int(found.settled), plain(names[0]), len(layers)))
    place, picture = st.empty(), st.container()
    with picture, st.container(horizontal=True, vertical_alignment="bottom"):
        layer = st.select_slider(
            say("layers.layer"),
            range(len(layers)),
            format_func=layers.__getitem__,
            **choices.widget("lens_layer", "layers_layer", range(len(layers)), len(layers) - 1),
        )
        asked = st.selectbox(
            say("layers.class"),
            range(len(classes)),
            format_func=lambda n: class_name(classes[n]),
            **choices.widget("lens_class", f"layers_class_{side.name}", range(len(classes)), watched[0], str),
        )
    place.plotly_chart(
        figures.river(chances_of(whole, torch.tensor(watched), heat)[:, 0], names, layers, layer, say("layers.chance")),
        key="layers_river",
        config=QUIET,
    )
    with picture:
        _patches(side, each, layer, asked, heat)
    rows = [
        [layers[n], class_name(classes[int(i)]), f"{float(p):.4f}"]
        for n in range(len(layers))
        for i, p in zip(found.top[n, 0], found.chances[n, 0], strict=True)
    ]
    head = [say("layers.layer"), say("layers.class"), say("layers.chance")]
    csv_button(say("heads.download"), "layers_photo", lambda: as_csv(head, rows))
    return found


def _patches(side: PhotoSide, each: States, layer: int, asked: int, temperature: float) -> None:
    one = States(each.states[layer : layer + 1], each.head, each.answers)
    first, grid = len(side.result.axis.prefix), side.result.axis.grid
    chances = chances_of(one, torch.tensor([asked]), temperature)[0, first:, 0]
    even = 1 / len(side.model.classes)
    st.image(lit_photo(side.result.fitted.pixels, chances.reshape(grid) / even, SIDE), width=SIDE)
    st.caption(
        say(
            "layers.patches",
            answer=plain(class_name(side.model.classes[asked])),
            low=f"{float(chances.min()):.0%}",
            high=f"{float(chances.max()):.0%}",
            layer=_layers(len(each.states))[layer],
        )
    )


def _sentence(side: SentenceSide) -> Lens:
    """What the decoder would write at each place after each of its layers."""
    found = lens(_sentence_states(side))
    layers, pieces = _layers(len(found.top)), side.translation.target.pieces
    names = [[side.model.pieces(ids) for ids in layer] for layer in found.top]  # (L + 1, n, k)
    st.markdown(f"##### {say('layers.answer', answer=plain(side.translation.text))}")
    early = int((found.settled < len(layers) - 1).sum())
    st.markdown(say("layers.settled_pieces", early=early, count=len(pieces), last=len(layers) - 1))
    hovers = [
        ["\n".join(_likeliest(names[row][n], found.chances[row, n].tolist())) for n in range(len(pieces))]
        for row in range(len(layers))
    ]
    cells = [[piece_text(one[0]) for one in row] for row in names]
    written = [piece_text(one) for one in pieces]
    st.html(figures.pieces_by_layer(cells, found.chances[:, :, 0], hovers, written, layers))
    st.caption(say("layers.pieces"))
    rows = [
        [layers[row], str(n + 1), pieces[n], name, f"{chance:.4f}"]
        for row in range(len(layers))
        for n in range(len(pieces))
        for name, chance in zip(names[row][n], found.chances[row, n].tolist(), strict=True)
    ]
    head = [say(f"layers.{name}") for name in ("layer", "position", "written", "would_write", "chance")]
    csv_button(say("heads.download"), "layers_sentence", lambda: as_csv(head, rows))
    return found


def _likeliest(names: Sequence[str], chances: Sequence[float]) -> list[str]:
    return [f"{chance:.1%} {piece_text(name)}" for name, chance in zip(names, chances, strict=True)]


def _layers(count: int) -> list[str]:
    return [say("layers.embedding"), *(say("layers.after", layer=layer) for layer in range(1, count))]


def _settled(layer: int, answer: str, count: int) -> str:
    if layer == count - 1:
        return say("layers.settled_last", answer=answer)
    return say("layers.settled", answer=answer, layer=layer)
