"""The tree of a beam search, and what one that keeps a single beam writes in its place."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from core.models.beams import BeamTree
from core.ui import choices
from core.ui.frame import ink
from core.ui.language import say
from core.ui.plain import piece_text, plain
from core.views.beams import beam_figure
from core.views.charts import QUIET

COLUMNS = 8  # steps that are shown at once
USUAL = 3


@st.fragment
def show(name: str, tree: Callable[[int], BeamTree]) -> None:
    """name: of the page, by which its widgets are told apart. tree: of so many beams; it is held as long as the page
    stands open, so it holds names alone."""
    st.header(say("beams.title"))
    left, right = st.columns(2, gap="large")
    count = left.slider(say("beams.count"), 2, 5, **choices.widget("beam", f"{name}_beams", range(2, 6), USUAL))
    found = tree(count)
    last = 1 + max(node.step for node in found.nodes)
    first = 0
    if last > COLUMNS:
        most = last - COLUMNS + 1
        chosen = choices.widget("from", f"{name}_from_{most}", range(1, most + 1), 1)
        first = right.slider(say("beams.from"), 1, most, **chosen) - 1
    words = {fate: say(f"beams.{fate}") for fate in ("best", "kept", "finished", "pruned")}
    words["cell"] = say("beams.cell", piece="{piece}", chance="{chance}", score="{score}")
    words["ink"] = ink()
    named = replace(found, nodes=tuple(replace(node, piece=piece_text(node.piece)) for node in found.nodes))
    st.plotly_chart(beam_figure(named, first, min(COLUMNS, last), words), key=f"{name}_tree", config=QUIET)
    _tell(count, found, tree(1))


def _tell(beams: int, found: BeamTree, greedy: BeamTree) -> None:
    tally = {fate: sum(node.fate == fate for node in found.nodes) for fate in ("best", "kept", "pruned", "finished")}
    st.latex(r"s(y_{1:t})=\sum_{k=1}^{t}\ln P(y_k\mid y_{<k},\mathbf{x})")
    st.caption(say("beams.symbols"))
    st.caption(say("beams.help", beams=beams, nodes=len(found.nodes), **tally, **_worth(found)))
    if greedy.output == found.output:
        st.caption(say("beams.greedy_same"))
    else:
        st.caption(say("beams.greedy_other", text=plain(greedy.text), **_worth(greedy)))


def _worth(tree: BeamTree) -> dict[str, str]:
    """The winner's score, and what that is a piece."""
    path = [node for node in tree.nodes if node.fate == "best"]
    return {"score": f"{path[-1].score:.2f}", "mean": f"{path[-1].score / len(path):.2f}"}
