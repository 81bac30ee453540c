"""Who wrote it: the answer's logit as the sum of what the embedding, each head and each MLP put into the stream, beside
what switching the same heads off says."""

from functools import partial

import numpy as np
import streamlit as st
import torch

from core.attention.agreement import spearman
from core.attention.direct import Direct, direct
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.store import store
from core.ui import choices
from core.ui.clickable import clickable
from core.ui.download import csv_button
from core.ui.explain import against, sides
from core.ui.explain.sides import WHOLE, Pair, PhotoSide, Side
from core.ui.language import say
from core.ui.plain import plain
from core.views import layers as figures
from core.views.charts import AMBER, OTHER_SIDED, QUIET, TEAL, signed
from core.views.differences.figures import patch_picture
from core.views.heads import head_grid
from core.views.tables import as_csv

NAMED = 5  # positions that are named


def show(pair: Pair) -> None:
    st.markdown(say("authors.lead"))
    pair.each("authors", st.fragment(_side))


def _side(side: Side) -> None:
    target = side.choose_target()
    rival = against.choose(side, target)
    number = None if rival is None else rival.number
    asked, found = sides.subject_of(side, target, number), _direct(side, target, number)
    scale = say(side.whole_scale if target == WHOLE else "authors.logit")
    if rival is not None:
        scale = say("authors.difference", answer=rival.instead_of, rival=rival.name)
        st.caption(say("authors.difference_help", answer=plain(rival.instead_of), rival=plain(rival.name)))
    names, values = _parts(asked, found)
    st.plotly_chart(figures.parts(names, values, scale), key=f"authors_{side.kind}", config=QUIET)
    st.caption(
        say("authors.sum", total=f"{found.total:+.3f}", start=f"{found.start:+.3f}", biases=f"{found.biases:+.3f}")
    )
    written = {kind: found.heads[kind] for kind in asked.writes}
    reach = max(0.01, *(float(heads.abs().max()) for heads in written.values()))
    opened = _opened(side, written)
    for kind, heads in written.items():
        _grid(side, kind, heads, reach, opened)
    _positions(side, asked, found, opened)
    _beside_ablation(side, target, number, written)
    head = [say("authors.part"), scale]
    rows = [*zip(names, values, strict=True), *_head_rows(written)]
    csv_button(
        say("heads.download"),
        f"parts_{side.kind}",
        lambda: as_csv(head, [[name, f"{value:.5f}"] for name, value in rows]),
    )


def _direct(side: Side, target: int, rival: int | None) -> Direct:
    key = ("direct", side.name, side.place, target, rival)
    with st.spinner(say("authors.running")):
        return store().get(key, lambda: direct(sides.subject_of(side, target, rival)), (side.name,))


def _parts(asked: Subject, found: Direct) -> tuple[list[str], list[float]]:
    """In the order in which they were added: the start, then attention and MLP of each layer, then the biases."""
    names, values = [say("authors.start")], [found.start]
    for layer in range(len(found.mlps)):
        for kind, heads in found.heads.items():
            if kind in asked.writes:
                names.append(say(f"authors.attention_{kind}", layer=layer + 1))
                values.append(float(heads[layer].sum()))
        names.append(say("authors.mlp", layer=layer + 1))
        values.append(float(found.mlps[layer]))
    return [*names, say("authors.biases")], [*values, found.biases]


def _head_rows(written: dict[Kind, torch.Tensor]) -> list[tuple[str, float]]:
    return [
        (say("ablation.head", kind=say(f"ablation.{kind}"), layer=layer + 1, head=head + 1), float(heads[layer, head]))
        for kind, heads in written.items()
        for layer, head in np.ndindex(*heads.shape)
    ]


def _opened(side: Side, written: dict[Kind, torch.Tensor]) -> tuple[Kind, int, int]:
    """The head that was clicked; at first the one that wrote most of the answer."""
    places = [(kind, *place) for kind, heads in written.items() for place in np.ndindex(*heads.shape)]
    most = max(places, key=lambda place: float(written[place[0]][place[1], place[2]]))
    return choices.read(f"{side.kind}_author", {sides.head_text(side.kind, place): place for place in places}, most)


def _grid(side: Side, kind: Kind, heads: torch.Tensor, reach: float, opened: tuple[Kind, int, int]) -> None:
    words = {
        "layer": say("heads.layer"),
        "head": say("heads.head"),
        "cell": say("heads.cell", layer="{layer}", head="{head}", value="{value}"),  # the figure fills it
    }
    title = say("authors.grid", kind=say(f"ablation.{kind}"))
    figure = head_grid(
        heads,
        title,
        words=words,
        low=-reach,
        high=reach,
        ramp=OTHER_SIDED,
        sign="+",
        chosen=opened[1:] if opened[0] == kind else None,
    )
    clickable(figure, f"authors_{side.kind}_{kind}", partial(_open, side.kind, kind))


def _open(of: str, kind: Kind, marks: list[list[int]]) -> None:
    layer, head = marks[0]
    choices.write(f"{of}_author", sides.head_text(of, (kind, int(layer), int(head))), "")


def _positions(side: Side, asked: Subject, found: Direct, opened: tuple[Kind, int, int]) -> None:
    """From which positions one head took what it wrote: named, and marked where they lie."""
    kind, layer, head = opened
    keys, axis = found.keys[kind][layer, head], asked.traces[kind].key_axis
    names, strongest = side.place_names(axis), keys.abs().argsort(descending=True)[:NAMED].tolist()
    said = " · ".join(f"{plain(names[key])} {signed(float(keys[key]), 2)}" for key in strongest)
    wrote = f"{float(keys.sum()):+.2f}"
    kind_name = say(f"ablation.{kind}")
    st.caption(say("authors.taken", kind=kind_name, layer=layer + 1, head=head + 1, value=wrote, positions=said))
    side.either(
        lambda photo: _on_photo(photo, keys, strongest),
        lambda sentence: st.html(figures.signed_words(names, keys.tolist())),
    )


def _on_photo(side: PhotoSide, keys: torch.Tensor, strongest: list[int]) -> None:
    """The strongest patches in a frame; hovering says what was taken from any."""
    first = len(side.result.axis.prefix)
    marks = {key - first: TEAL if keys[key] >= 0 else AMBER for key in strongest if key >= first}
    at = say("lessons.patch_at", row="{row}", column="{column}")  # the figure fills it
    figure = patch_picture(
        side.result.fitted.pixels, side.result.axis.grid, at, marks, height=280, values=keys[first:].tolist()
    )
    st.plotly_chart(figure, key="authors_picture", config=QUIET)


def _beside_ablation(side: Side, target: int, rival: int | None, written: dict[Kind, torch.Tensor]) -> None:
    """How far what heads wrote and what the answer loses without them go together; of two answers, their difference."""
    grids = sides.worth(side, target, say("authors.ablating"), wait=True, against=rival)
    if grids is not None:
        wrote, lost = (torch.cat([one[kind].flatten() for kind in written]) for one in (written, grids))
        key = "authors.agree" if rival is None else "authors.agree_difference"
        st.markdown(say(key, value=f"{float(spearman(torch.stack([wrote, lost]))[0, 1]):.2f}"))
        st.caption(say("authors.agree_help"))
