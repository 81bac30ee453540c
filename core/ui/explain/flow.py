"""Where from: the answer followed back through the heads to the input, as a graph whose edges open their heads."""

from functools import partial

import streamlit as st
import torch

from core.attention.routes import KEPT, Edge, Routes, drawn, routes, taken_away
from core.attention.trace import Kind
from core.errors import SidelightError
from core.ui import background, choices
from core.ui.clickable import clickable
from core.ui.download import csv_button
from core.ui.explain import sides
from core.ui.explain.heads import to_linked
from core.ui.explain.sides import Pair, PhotoSide, Side
from core.ui.language import say, show_error
from core.ui.plain import piece_text, plain
from core.views.flow import flow_graph
from core.views.light import lit_photo, times_even
from core.views.tables import as_csv

COUNTS = (1, 2, 4, 8)  # edges of each layer
NAMED = 6  # positions that are named
SIDE = 320  # px of the picture


def show(pair: Pair) -> None:
    st.markdown(say("flow.lead"))
    count = st.segmented_control(
        say("flow.count"), COUNTS, required=True, **choices.widget("edges", "flow_edges", COUNTS, COUNTS[1])
    )
    pair.each("flow", lambda side: st.fragment(_side)(side, count))


def _side(side: Side, count: int) -> None:
    target = side.choose_target()
    try:
        found = background.result(
            ("routes", side.name, side.place, target),
            say("flow.running"),
            lambda on_step: routes(sides.subject_of(side, target), on_step),
            (side.name,),
        )
    except SidelightError as error:
        show_error(error)
        return
    if found is not None:
        _graph(side, found, count)
        _input(side, found)
        _control(side, target, found)


def _names(side: Side) -> dict[Kind, list[str]]:
    """A decoder's position is called by what it writes."""
    found: dict[Kind, list[str]] = {"encoder": side.place_names(side.traces["encoder"].key_axis)}
    written = side.either(lambda _: (), lambda sentence: sentence.translation.target.pieces)
    return found | ({"decoder": [piece_text(piece) for piece in written]} if written else {})


def _graph(side: Side, found: Routes, count: int) -> None:
    names, edges = _names(side), drawn(found, count)
    texts = {_text(edge): edge for edge in found.edges}
    chosen = choices.read(f"{side.kind}_edge", texts, None)
    offered = dict.fromkeys(["", *map(_text, edges), *([_text(chosen)] if chosen else [])])

    def says(edge: Edge) -> str:
        return say("flow.edge", **_told(edge, names, f"{edge.share:.1%}"))

    def node(name: str, level: int, share: float) -> str:
        return say("flow.node", name=name, level=level, share=f"{share:.1%}")

    legend: dict[Kind, str] = {kind: say(f"flow.{kind}") for kind in side.traces}
    ticks = dict(names) | {"encoder": [piece_text(name) for name in side.traces["encoder"].key_axis.labels]}
    figure = flow_graph(edges, found.arrives, ticks, says, node, say("flow.layer"), legend, chosen)
    clickable(figure, f"flow_{side.kind}", partial(_open, side.kind, [_text(edge) for edge in edges]))
    least = f"{min(edge.share for edge in edges):.2%}"
    st.caption(say("flow.drawn", each=count, count=len(edges), all=len(found.edges), most=KEPT, least=least))
    st.caption(_left_out(side, found, edges))
    st.selectbox(
        say("flow.choose"),
        list(offered),
        format_func=lambda text: says(texts[text]) if text else say("flow.none"),
        **choices.widget(f"{side.kind}_edge", f"flow_edge_{side.kind}_{side.name}", offered, ""),
    )
    if chosen:
        told = _told(chosen, names, f"{chosen.share:.1%}")
        st.markdown(say("flow.opened", **{name: plain(str(value)) for name, value in told.items()}))
        st.page_link(
            "pages/compare.py",
            label=say("heads.linked"),
            icon=":material/open_in_new:",
            help=say("heads.linked_help"),
            query_params=to_linked(side, (chosen.kind, chosen.layer, chosen.head)),
        )
    head = [say(f"flow.{name}") for name in ("kind", "from", "to", "share")]
    head[1:1] = [say("heads.layer"), say("heads.head")]
    csv_button(say("heads.download"), f"flow_{side.kind}", lambda: as_csv(head, _rows(found, names)))


def _left_out(side: Side, found: Routes, edges: list[Edge]) -> str:
    """How many positions are drawn, of how many, and how much of what arrives at the input arrives there."""
    ends: dict[Kind, set[int]] = {"encoder": set(), "decoder": set()}
    for edge in edges:
        ends["encoder" if edge.kind == "encoder" else "decoder"].add(edge.query)
        ends["decoder" if edge.kind == "decoder" else "encoder"].add(edge.key)
    told: dict[str, object] = {}
    for stream, levels in found.arrives.items():
        told |= {f"{stream}_drawn": len(ends[stream]), f"{stream}_all": levels.shape[1]}
    arrived = found.arrives["encoder"][0]
    share = float(arrived[sorted(ends["encoder"])].sum() / arrived.sum().clamp_min(1e-12))
    return say(f"flow.left_out_{side.kind}", share=f"{share:.0%}", **told)


def _told(edge: Edge, names: dict[Kind, list[str]], share: str) -> dict[str, object]:
    query, key = _ends(edge, names)
    kind = say(f"ablation.{edge.kind}")
    return {"kind": kind, "layer": edge.layer + 1, "head": edge.head + 1, "query": query, "key": key, "share": share}


def _ends(edge: Edge, names: dict[Kind, list[str]]) -> tuple[str, str]:
    """What its query and its key are called."""
    writes: Kind = "encoder" if edge.kind == "encoder" else "decoder"
    reads: Kind = "decoder" if edge.kind == "decoder" else "encoder"
    return names[writes][edge.query], names[reads][edge.key]


def _text(edge: Edge) -> str:
    """What the link calls it: counted from 1."""
    return "-".join([edge.kind, *(str(n + 1) for n in (edge.layer, edge.head, edge.query, edge.key))])


def _open(of: str, texts: list[str], marks: list[int]) -> None:
    choices.write(f"{of}_edge", texts[int(marks[0])], "")


def _rows(found: Routes, names: dict[Kind, list[str]]) -> list[list[str]]:
    rows = []
    for edge in found.edges:
        query, key = _ends(edge, names)
        rows.append(
            [say(f"flow.{edge.kind}"), str(edge.layer + 1), str(edge.head + 1), key, query, f"{edge.share:.6f}"]
        )
    return rows


def _input(side: Side, found: Routes) -> None:
    """What arrives at the input."""
    arrived, names = found.arrives["encoder"][0], _names(side)["encoder"]
    strongest = arrived.argsort(descending=True)[:NAMED].tolist()
    said = " · ".join(f"{plain(names[n])}: {float(arrived[n]):.1%}" for n in strongest)
    st.markdown(say("flow.input", positions=said))
    side.either(lambda photo: _lit(photo, arrived), lambda sentence: None)


def _control(side: Side, target: int, found: Routes) -> None:
    """Whether what arrives where has to do with the answer."""
    scores = background.result(
        ("routes_control", side.name, side.place, target),
        say("flow.checking"),
        lambda _: taken_away(sides.subject_of(side, target), found.arrives["encoder"][0]),
        (side.name,),
    )
    if scores is not None:
        whole, without, others = (f"{score:.1%}" for score in scores)
        st.caption(say(f"flow.control_{side.kind}", whole=whole, without=without, others=others))


def _lit(side: PhotoSide, arrived: torch.Tensor) -> None:
    patches = arrived[side.result.axis.patches].reshape(side.result.axis.grid)
    st.image(lit_photo(side.result.fitted.pixels, times_even(patches), SIDE), width=SIDE, alt=side.title)
    st.caption(say("flow.photo"))
