"""One large map of one answer, by a method of the reader's choice: the best supported on this very input stands first,
and each says how far it can be trusted here. Below: what was measured, and where the methods agree."""

from typing import NamedTuple

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from core.attention.agreement import disagreement, spearman
from core.attention.axes import PatchAxis
from core.attention.faithfulness import Control, Curves, Verdict, per_unit
from core.attention.methods import METHODS, Options, explain, refusal
from core.attention.subject import Subject
from core.ui import background, choices
from core.ui.download import csv_button
from core.ui.explain import checks, drawn, painted, sides, text, verdict
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import say
from core.views import explain as figures
from core.views.light import TICKS, lit_photo, times_even
from core.views.lit_words import LEGEND, lit_words
from core.views.tables import as_csv

FUSIONS = ("mean", "max", "min")
LARGE = 1000  # px, the longest side of the photo
MOST = 5  # patches or words on which the methods disagree most that are named


class Drawn(NamedTuple):
    """What was asked about, and the map that was chosen, of each patch or word."""

    target: int
    map: Tensor


def show(pair: Pair) -> None:
    pair = text.choose(pair)
    above = st.container()  # the maps, though what is below decides some of them
    options = _options()
    with above:
        pair.each("maps", lambda side: _side(side, options))
    _explanations()
    painted.then_figures()


def show_one(side: Side) -> Drawn:
    """One side by itself, on another page."""
    drawn = _side(side, Options())
    painted.then_figures()
    return drawn


def _side(side: Side, options: Options) -> Drawn:
    target = side.choose_target()
    asked = sides.subject_of(side, target)
    found = {name: _finite(one) for name, one in _maps(side, target, options).items()}
    place = st.container()  # the map stands above, but the verdicts come from what is drawn below
    fill = checks.choose_fill(side, asked)
    rough = checks.first_look(side, asked, target, found, options, fill)
    checked = checks.check(side, asked, target, found, options, fill) if rough is not None else None
    with place:
        chosen = _draw(side, asked, found, checked[0] if checked else rough or {}, is_rough=checked is None)
    if checked:
        _curves(side, asked, found, chosen, *checked[1:])
    _agreement(side, asked, found)
    _download(side, asked, found)
    return Drawn(target, per_unit(found[chosen], asked.units))


def _options() -> Options:
    with st.expander(say("explain.options"), icon=":material/tune:"):
        columns = st.columns(3)
        fusion = columns[0].segmented_control(
            say("explain.fusion"),
            FUSIONS,
            required=True,
            **choices.widget("fusion", "explain_fusion", FUSIONS, FUSIONS[0]),
            format_func=lambda name: say(f"explain.fusion_{name}"),
            help=say("explain.fusion_help"),
        )
        discard = columns[1].slider(
            say("explain.discard"),
            0,
            95,
            step=5,
            format="%d%%",
            help=say("explain.discard_help"),
            **choices.widget("discard", "explain_discard", range(0, 96, 5), 0),
        )
        depth = columns[2].slider(
            say("explain.depth"),
            0.0,
            1.0,
            step=0.01,
            help=say("explain.depth_help"),
            **choices.widget("depth", "explain_depth", [step / 100 for step in range(101)], Options.depth),
        )
    return Options(fusion, discard / 100, depth)


def _draw(side: Side, asked: Subject, found: dict[str, Tensor], told: dict[str, Verdict], is_rough: bool) -> str:
    """The map of the chosen method beside the choice; returns the method."""
    left, right = st.columns([5, 3], gap="medium")
    with right:
        chosen = _choose_method(side, found, told)
        for method in METHODS.values():
            if method.name not in found:
                st.caption(f"**{say(f'method.{method.name}')}**: {say(f'explain.{refusal(asked, method)}')}")
    with left:
        scale = side.either(
            lambda photo: _picture(photo, asked, chosen, found), lambda sentence: _words(sentence, asked, chosen, found)
        )
        _name(chosen)
        verdict.show(told.get(chosen), is_rough)
        how = [side.name, say(f"method.{chosen}"), side.measured(asked.target)]
        drawn.offer(f"map_{side.kind}", scale, None if is_rough else told.get(chosen), how)
    return chosen


def _choose_method(side: Side, found: dict[str, Tensor], told: dict[str, Verdict]) -> str:
    """One of the methods that apply, the best supported first; each says below what was measured of it."""
    usual = [name for name in dict.fromkeys((*checks.SUPPORTED[side.kind], *found)) if name in found]
    names = verdict.ranked(told, usual)
    return st.radio(
        say("explain.method"),
        names,
        format_func=lambda name: say(f"method.{name}"),
        captions=[verdict.short(told.get(name)) for name in names],
        help=say("explain.method_help"),
        **choices.widget(f"{side.kind}_method", f"method_{side.kind}", names, usual[0]),
    )


def _picture(side: PhotoSide, asked: Subject, chosen: str, found: dict[str, Tensor]) -> drawn.Scale:
    axis: PatchAxis = asked.axis  # type: ignore[assignment]
    times = times_even(found[chosen][axis.patches].reshape(axis.grid))
    scale = side.image.width / axis.image_size[0]  # a model may be given it smaller
    left, top, right, bottom = (round(scale * edge) for edge in axis.image_box)
    seen = side.image.crop((left, top, right, bottom))  # finer than what the model gets of it
    alt = say("explain.picture_alt", title=side.title, method=say(f"method.{chosen}"))
    with st.container(key="map_photo"):
        st.image(side.finished(lit_photo(seen, times, LARGE)), width="stretch", alt=alt)
    st.caption(said := say("explain.photo_scale"))
    return drawn.Scale(drawn.photo_strip(seen), TICKS, say("view.figure_caption", what=alt, said=said))


def _words(side: SentenceSide, asked: Subject, chosen: str, found: dict[str, Tensor]) -> drawn.Scale:
    rows = {name: times_even(per_unit(one, asked.units)) for name, one in found.items()}
    reach = figures.octaves(rows.values())
    with st.container(key="map_sentence"):
        st.html(lit_words(side.unit_names(asked), rows[chosen].tolist(), reach))
    low, high = figures.times(-reach), figures.times(reach)
    st.html(LEGEND.format(low=low, high=high))
    st.caption(said := say("explain.words_scale"))
    return drawn.Scale(drawn.word_strip(), [low, "1×", high], said)


def _name(name: str) -> None:
    st.markdown(f"**{say(f'method.{name}')}**", help=f"{say(f'method.{name}_help')}\n\n$${METHODS[name].equation}$$")


def _curves(side: Side, asked: Subject, found: dict[str, Tensor], chosen: str, drawn: Curves, chance: Control) -> None:
    st.markdown(f"## {say('explain.curves')}", help=say("explain.curves_help"))
    names = {name: say(f"method.{name}") for name in found}
    for place, what in zip(st.columns(2), ("deletion", "insertion"), strict=True):
        values, spread = getattr(drawn, what), getattr(chance.curves, what)
        middle, width = spread.mean(0), spread.std(0)
        series = {names[name]: row for name, row in zip(found, values.tolist(), strict=True)}
        figure = figures.curves(
            drawn.fractions.tolist(),
            series,
            ((middle - width).tolist(), (middle + width).tolist()),
            say(f"explain.{what}_x"),
            side.measured(asked.target),
            say("explain.random"),
            names[chosen],
        )
        place.caption(say(f"explain.{what}"))
        with place:
            painted.chart(figure, f"{what}_{side.kind}")


def _agreement(side: Side, asked: Subject, found: dict[str, Tensor]) -> None:
    with st.expander(say("explain.agreement"), icon=":material/handshake:"):
        st.caption(say("explain.agreement_help"))
        rows = torch.stack([per_unit(one, asked.units) for one in found.values()])
        names = [say(f"method.{name}") for name in found]
        side.either(
            lambda photo: None, lambda sentence: _every_word(sentence, asked, dict(zip(names, rows, strict=True)))
        )
        painted.chart(figures.agreement(spearman(rows), names), f"agreement_{side.kind}")
        apart = disagreement(rows)
        place = side.either(lambda photo: _beside_picture(photo, apart), lambda sentence: st.container())
        most = apart.topk(min(MOST, len(apart)))
        units = side.unit_names(asked)
        place.caption(say("explain.disagree"))
        for value, unit in zip(most.values.tolist(), most.indices.tolist(), strict=True):
            place.text(f"{units[unit]} · ±{value:.0%}")


def _every_word(side: SentenceSide, asked: Subject, rows: dict[str, Tensor]) -> None:
    """All methods over the words, a row each."""
    even = {name: times_even(row) for name, row in rows.items()}
    painted.chart(figures.method_words(even, side.unit_names(asked), say("explain.scale")), "explain_words")


def _beside_picture(side: PhotoSide, apart: Tensor) -> DeltaGenerator:
    """The photo in the light of how far the methods are apart, (patches,); what stands to the right of it."""
    left, right = st.columns(2)
    left.image(lit_photo(side.result.fitted.pixels, times_even(apart.reshape(side.result.axis.grid))), alt=side.title)
    return right


def _download(side: Side, asked: Subject, found: dict[str, Tensor]) -> None:
    """A row a position, a column a method: the methods' own numbers, not rescaled."""
    head, labels = ["position", "label", *found], asked.axis.labels
    rows = [[n, label, *(float(one[n]) for one in found.values())] for n, label in enumerate(labels)]
    csv_button(say("explain.download"), f"explanation-{side.kind}", lambda: as_csv(head, rows))


def _explanations() -> None:
    with st.expander(say("explain.methods"), icon=":material/menu_book:"):
        for method in METHODS.values():
            st.markdown(f"**{say(f'method.{method.name}')}** · [{method.paper}]({method.url})")
            st.latex(method.equation)
            st.markdown(say(f"method.{method.name}_help"))


def _maps(side: Side, target: int, options: Options) -> dict[str, Tensor]:
    """Every method that applies: (N,) each."""
    key = (side.name, side.place, target)
    found = background.awaited(
        ("gradient_maps", *key),
        say("explain.gradients"),
        lambda _: _gradient_maps(sides.subject_of(side, target)),
        (side.name,),
    )
    plain = background.awaited(
        ("plain_maps", *key, options),
        say("explain.gradients"),
        lambda _: _plain_maps(sides.subject_of(side, target), options),
        (side.name,),
    )
    return {name: (plain | found)[name] for name in METHODS if name in plain or name in found}


def _gradient_maps(asked: Subject) -> dict[str, Tensor]:
    chosen = [n for n, method in METHODS.items() if method.gradient and not refusal(asked, method)]
    if not chosen:
        return {}
    gradients = asked.gradients()
    return {n: explain(asked, n, None, gradients) for n in chosen}


def _plain_maps(asked: Subject, options: Options) -> dict[str, Tensor]:
    chosen = [n for n, method in METHODS.items() if not method.gradient and not refusal(asked, method)]
    return {n: explain(asked, n, options) for n in chosen}


def _finite(values: Tensor) -> Tensor:
    """A gradient can overflow; such a position tells nothing."""
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
