"""When does it know: what each model would already answer after each of its layers, side by side over their depth.

The layer that is looked at is the film's of the linked view, where it is moved too.
"""

from collections.abc import Sequence
from functools import partial

import streamlit as st
import torch

from core.attention.lens import Lens, States, chances_of, lens
from core.attention.tuned import Tuned
from core.errors import SidelightError
from core.models.lenses import tuned_lens
from core.models.states import translation_states, vision_states
from core.store import store
from core.ui import choices, evidence, linked
from core.ui.download import csv_button
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text, plain
from core.views import layers as figures
from core.views.charts import QUIET
from core.views.differences.charts import depth_lines
from core.views.light import by_share, lit_photo, tinted_photo
from core.views.tables import as_csv

WATCHED = 5  # classes in the river: the answer, those that were likeliest on the way, then those that were near it
SIDE = 448  # px of the picture
OWN = -1  # in place of a class: each patch's likeliest
ALIKE = 0.75  # from where on patches that are surer than this, and as many of them, are said to be alike


def show(pair: Pair) -> None:
    st.markdown(say("layers.lead"))
    is_tuned = _choose_lens(pair)
    distances: dict[str, list[float]] = {}

    def draw(side: Side) -> None:
        try:
            lens_of = _lens_of(side, is_tuned)
            found: Lens = side.either(lambda photo: _photo(photo, lens_of), lambda one: _sentence(one, lens_of))
            distances[say(f"heads.side_{side.kind}")] = found.distance.mean(1).tolist()
        except SidelightError as error:
            show_error(error)

    pair.each("layers", draw)
    if distances:
        st.markdown(f"## {say('layers.distance')}")
        lines = {name: [(n / (len(kl) - 1), one) for n, one in enumerate(kl)] for name, kl in distances.items()}
        figure = depth_lines(lines, say("layers.depth"), say("layers.nats"))
        st.plotly_chart(figure, key="layers_distance", config=QUIET)
        st.caption(say("layers.distance_help"))


def _choose_lens(pair: Pair) -> bool:
    """Plain, or tuned where one of the two models has such a lens."""
    if not any(tuned_lens(side.name) for side in pair.present):
        return False
    names = {name: say(f"layers.{name}") for name in ("plain", "tuned")}
    chosen = st.segmented_control(
        say("layers.lens"),
        list(names),
        format_func=names.__getitem__,
        required=True,
        help=say("layers.lens_help"),
        **choices.widget("lens", "layers_lens", names, "plain"),
    )
    return chosen == "tuned"


def _lens_of(side: Side, is_tuned: bool) -> Tuned | None:
    """The side's tuned lens where it is asked for; what it is worth is said, or that there is none."""
    found = tuned_lens(side.name) if is_tuned else None
    if is_tuned and found is None:
        st.caption(say("layers.no_tuned"))
    if found is None:
        return None
    plain_kl, tuned_kl = (f"{value:.2f}" for value in found[1].mean)
    st.caption(say(f"layers.gain_{side.kind}", count=f"{found[1].count:,}", plain=plain_kl, tuned=tuned_kl))
    return found[0]


def _photo_states(side: PhotoSide, lens_of: Tuned | None) -> tuple[States, States]:
    with st.spinner(say("layers.running")):
        key = ("states", side.name, side.place, lens_of is not None)
        return store().get(key, lambda: vision_states(side.model, side.result, lens_of), (side.name,))


def _sentence_states(side: SentenceSide, lens_of: Tuned | None) -> States:
    def make() -> States:
        source, _ = side.model.source_pieces(side.text, side.language)
        return translation_states(side.model, source, side.translation, lens_of)

    with st.spinner(say("layers.running")):
        return store().get(("states", side.name, side.place, lens_of is not None), make, (side.name,))


def _photo(side: PhotoSide, lens_of: Tuned | None) -> Lens:
    """The answer as a river over the layers, and one class on every patch of one layer."""
    whole, each = _photo_states(side, lens_of)
    heat, classes = side.model.temperature, side.model.classes
    found = lens(whole, heat)
    on_the_way = found.top[:, 0, 0].flip(0).tolist()  # the last layer's first
    watched = list(dict.fromkeys([*on_the_way, *found.top[-1, 0].tolist()]))[:WATCHED]
    names, layers = [class_name(classes[number]) for number in watched], _layers(len(found.top))
    evidence.tell(side.model, side.result)
    st.markdown(f"## {say('layers.answer', answer=plain(names[0]))}")
    st.markdown(_settled(int(found.settled), plain(names[0]), len(layers)))
    place, picture = st.empty(), st.container()
    with picture, st.container(horizontal=True, vertical_alignment="bottom"):
        layer = st.select_slider(
            say("layers.layer"),
            range(len(layers)),
            format_func=layers.__getitem__,
            **choices.widget(
                "lens_layer", "layers_layer", range(len(layers)), _layer(layers), then=partial(_scrub, layers)
            ),
        )
        offered = [watched[0], OWN, *(n for n in range(len(classes)) if n != watched[0])]
        asked = st.selectbox(
            say("layers.shown"),
            offered,
            format_func=lambda n: say("layers.own") if n == OWN else class_name(classes[n]),
            **choices.widget("lens_class", f"layers_class_{side.name}", offered, watched[0], _class_text),
        )
    chances = chances_of(whole, torch.tensor(watched), heat)[:, 0]
    figure = figures.river(chances, names, say("layers.others"), layers, layer, say("layers.chance"))
    place.plotly_chart(figure, key="layers_river", config=QUIET)
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


def _layer(layers: Sequence[str]) -> int:
    """Where the film stands, of the embedding and the layers after it."""
    return 1 + linked.chosen().layer(len(layers) - 1)


def _scrub(layers: Sequence[str]) -> None:
    """The film follows; before its first layer, at the embedding, it stays where it is."""
    if layer := st.session_state["layers_layer"]:
        linked.scrub((layer - 1) / max(len(layers) - 2, 1))


def _class_text(number: int) -> str:
    return "own" if number == OWN else str(number)


def _patches(side: PhotoSide, each: States, layer: int, asked: int, temperature: float) -> None:
    """On every patch the probability of one class as light, or its likeliest class as a colour."""
    one = States(each.states[layer : layer + 1], each.head, each.answers)
    first, grid, classes = len(side.result.axis.prefix), side.result.axis.grid, side.model.classes
    every = torch.arange(len(classes)) if asked == OWN else torch.tensor([asked])
    chances = chances_of(one, every, temperature)[0, first:]  # (patches, classes)
    name = _layers(len(each.states))[layer]
    if asked == OWN:
        likeliest = chances.max(1)
        told = likeliest.indices.bincount(minlength=len(classes)).argsort(descending=True)[: len(figures.HUES)].tolist()
        hue_of = dict(zip(told, figures.HUES, strict=False))
        hues = [[hue_of.get(n, figures.OTHER) for n in row] for row in likeliest.indices.reshape(grid).tolist()]
        picture = tinted_photo(side.result.fitted.pixels, hues, likeliest.values.reshape(grid), SIDE)
        st.image(picture, width=SIDE, alt=side.title)
        counts = [(hue_of[n], class_name(classes[n]), int((likeliest.indices == n).sum())) for n in told]
        st.html(figures.key_of_hues([one for one in counts if one[2]]))
        spoken = say("list.comma").join(f"{plain(name)} {count}" for _, name, count in counts if count)
        st.caption(say("layers.patches_own", layer=name, counts=spoken))
        return
    own = chances[:, 0]
    st.image(lit_photo(side.result.fitted.pixels, by_share(own.reshape(grid)), SIDE), width=SIDE, alt=side.title)
    told_of = {"answer": plain(class_name(classes[asked])), "low": f"{float(own.min()):.0%}"}
    st.caption(say("layers.patches", **told_of, high=f"{float(own.max()):.0%}", layer=name))
    if float((own > ALIKE).float().mean()) > ALIKE:
        st.caption(say("layers.patches_alike"))


def _sentence(side: SentenceSide, lens_of: Tuned | None) -> Lens:
    """What the decoder would write at each place after each of its layers."""
    found = lens(_sentence_states(side, lens_of))
    layers, pieces = _layers(len(found.top)), side.translation.target.pieces
    names = [[side.model.pieces(ids) for ids in layer] for layer in found.top]  # (L + 1, n, k)
    st.markdown(f"## {say('layers.answer', answer=plain(side.translation.text))}")
    early = int((found.settled < len(layers) - 1).sum())
    st.markdown(say("layers.settled_pieces", early=early, count=len(pieces), last=len(layers) - 1))
    hovers = [
        [
            "\n".join([*_likeliest(names[row][n], found.chances[row, n].tolist()), _rank(found, row, n, pieces[n])])
            for n in range(len(pieces))
        ]
        for row in range(len(layers))
    ]
    cells = [[piece_text(one[0]) for one in row] for row in names]
    written = [piece_text(one) for one in pieces]
    st.html(figures.pieces_by_layer(cells, found.chances[:, :, 0], hovers, written, layers, _layer(layers)))
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


def _rank(found: Lens, layer: int, place: int, piece: str) -> str:
    """Where the piece that is written in the end stands after this layer."""
    chance = f"{float(found.answer[layer, place]):.1%}"
    return say("layers.rank", piece=piece_text(piece), rank=int(found.rank[layer, place]) + 1, chance=chance)


def _layers(count: int) -> list[str]:
    return [say("layers.embedding"), *(say("layers.after", layer=layer) for layer in range(1, count))]


def _settled(layer: int, answer: str, count: int) -> str:
    if layer == count - 1:
        return say("layers.settled_last", answer=answer)
    return say("layers.settled", answer=answer, layer=layer)
