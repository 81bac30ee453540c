"""Every method's map of one answer, beside each how far it can be trusted on this very input, and where they agree."""

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from core.attention.agreement import disagreement, spearman
from core.attention.faithfulness import Control, Curves, Verdict, control, curves, order, per_unit, verdicts
from core.attention.methods import METHODS, Options, refusal
from core.attention.subject import Subject
from core.ui import background, choices
from core.ui.download import csv_button
from core.ui.explain import painted, sides
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import say
from core.views import explain as figures
from core.views.light import lit_photo, times_even
from core.views.tables import as_csv

FUSIONS = ("mean", "max", "min")
COLUMNS = 3  # of pictures
MOST = 5  # patches or words on which the methods disagree most that are named
SURE = 0.99  # a share of random maps above this is told as more than it: ten random orders cannot tell more


def show(pair: Pair) -> None:
    options = _options()
    pair.each("maps", lambda side: _side(side, options))
    _explanations()
    painted.then_figures()


def _side(side: Side, options: Options) -> None:
    target = side.choose_target()
    asked = sides.subject_of(side, target)
    found = {name: sides.finite(one) for name, one in sides.maps(side, target, options).items()}
    place = st.container()  # the maps stand above, but their verdicts come from what is drawn below
    fill = _choose_fill(side, asked)
    checked = _check(side, asked, target, found, options, fill)
    with place:
        _draw(side, asked, found, checked[0] if checked else {})
    if checked:
        _curves(side, asked, found, *checked[1:])
    _agreement(side, asked, found)
    _download(side, asked, found)


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


def _choose_fill(side: Side, asked: Subject) -> str:
    names = {fill: say(f"explain.fill_{fill}") for fill in asked.fills}
    return st.segmented_control(
        say(f"explain.fill_{side.kind}"),
        asked.fills,
        required=True,
        format_func=names.__getitem__,
        help=say("explain.fill_help"),
        **choices.widget(f"{side.kind}_fill", f"explain_fill_{side.kind}", asked.fills, asked.fills[0]),
    )


def _check(
    side: Side, asked: Subject, target: int, found: dict[str, Tensor], options: Options, fill: str
) -> tuple[dict[str, Verdict], Curves, Control] | None:
    """Deletion and insertion of random orders, which serve all methods, then of the methods."""
    if int(asked.units.max()) < 1:
        st.info(say("explain.too_short"))
        return None
    key = (side.name, side.place, target, fill)
    chance = background.result(
        ("control", *key),
        say(f"explain.checking_random_{side.kind}"),
        lambda on_step: control(sides.subject_of(side, target), fill, on_step=on_step),
        (side.name,),
    )
    if chance is None:
        return None
    orders = [order(one, asked.units) for one in found.values()]
    drawn = background.result(
        ("curves", *key, options),
        say(f"explain.checking_{side.kind}"),
        lambda on_step: curves(sides.subject_of(side, target), orders, fill, on_step=on_step),
        (side.name,),
    )
    if drawn is None:
        return None
    return dict(zip(found, verdicts(drawn, chance), strict=True)), drawn, chance


def _draw(side: Side, asked: Subject, found: dict[str, Tensor], told: dict[str, Verdict]) -> None:
    given = (asked, found, told)
    side.either(lambda photo: _pictures(photo, *given), lambda sentence: _words(sentence, *given))


def _pictures(side: PhotoSide, asked: Subject, found: dict[str, Tensor], told: dict[str, Verdict]) -> None:
    st.caption(say("explain.photo_scale"))
    grid, count = side.result.axis.grid, len(side.result.axis.prefix)
    places = [column for _ in range(-(-len(METHODS) // COLUMNS)) for column in st.columns(COLUMNS)]
    for place, method in zip(places, METHODS.values(), strict=False):
        with place:
            _name(method.name)
            if method.name not in found:
                st.caption(say(f"explain.{refusal(asked, method)}"))
                continue
            times = times_even(found[method.name][count:].reshape(grid))
            st.image(lit_photo(side.result.fitted.pixels, times), width="stretch")
            _verdict(told.get(method.name))


def _words(side: SentenceSide, asked: Subject, found: dict[str, Tensor], told: dict[str, Verdict]) -> None:
    st.caption(say("explain.words_scale"))
    rows = {say(f"method.{name}"): times_even(per_unit(one, asked.units)) for name, one in found.items()}
    figure = figures.method_words(rows, sides.unit_names(asked), say("explain.scale"))
    painted.chart(figure, "explain_words")
    for method in METHODS.values():
        left, right = st.columns([1, 2])
        with left:
            _name(method.name)
        with right:
            if method.name in found:
                _verdict(told.get(method.name))
            else:
                st.caption(say(f"explain.{refusal(asked, method)}"))


def _name(name: str) -> None:
    st.markdown(f"**{say(f'method.{name}')}**", help=f"{say(f'method.{name}_help')}\n\n$${METHODS[name].equation}$$")


def _verdict(verdict: Verdict | None) -> None:
    """One sentence: better than which share of random maps."""
    if verdict is None:  # as tall as what will stand there
        st.markdown(f":gray[{say('explain.unchecked')}]", help=say("explain.better_help"))
        return
    if verdict.share > SURE:
        text, colour = say("explain.better_most"), "green"
    else:
        text = say("explain.better", share=f"{verdict.share:.0%}")
        colour = "green" if verdict.share > 0.95 else "orange" if verdict.share > 0.5 else "red"
    numbers = say(
        "explain.areas",
        gap=f"{verdict.gap:+.3f}",
        insertion=f"{verdict.insertion:.3f}",
        deletion=f"{verdict.deletion:.3f}",
    )
    st.markdown(f":{colour}[{text}]", help=f"{numbers}\n\n{say('explain.better_help')}")


def _curves(side: Side, asked: Subject, found: dict[str, Tensor], drawn: Curves, chance: Control) -> None:
    st.markdown(f"##### {say('explain.curves')}", help=say("explain.curves_help"))
    best = list(found)[int(drawn.gap.argmax())]
    names = {name: say(f"method.{name}") for name in found}
    chosen = st.selectbox(
        say("explain.method"),
        list(found),
        format_func=names.__getitem__,
        **choices.widget(f"{side.kind}_method", f"curves_{side.kind}_{best}", found, best),
    )
    for place, what in zip(st.columns(2), ("deletion", "insertion"), strict=True):
        values, spread = getattr(drawn, what), getattr(chance.curves, what)
        middle, width = spread.mean(0), spread.std(0)
        series = {names[name]: row for name, row in zip(found, values.tolist(), strict=True)}
        figure = figures.curves(
            drawn.fractions.tolist(),
            series,
            ((middle - width).tolist(), (middle + width).tolist()),
            say(f"explain.{what}_x"),
            say("explain.sure"),
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
        painted.chart(figures.agreement(spearman(rows), names), f"agreement_{side.kind}")
        apart = disagreement(rows)
        place = side.either(lambda photo: _beside_picture(photo, apart), lambda sentence: st.container())
        most = apart.topk(min(MOST, len(apart)))
        units = sides.unit_names(asked)
        place.caption(say("explain.disagree"))
        for value, unit in zip(most.values.tolist(), most.indices.tolist(), strict=True):
            place.text(f"{units[unit]} · ±{value:.0%}")


def _beside_picture(side: PhotoSide, apart: Tensor) -> DeltaGenerator:
    """The photo in the light of how far the methods are apart, (patches,); what stands to the right of it."""
    left, right = st.columns(2)
    left.image(lit_photo(side.result.fitted.pixels, times_even(apart.reshape(side.result.axis.grid))))
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
