"""What if: parts of the run of this input, A, in the place of the same parts of another's, B, and how much of the
answer of A comes over."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.attention import patching
from core.attention.patching import Part, Row, swap
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.errors import SidelightError
from core.store import store
from core.ui import background, choices
from core.ui.clickable import clickable
from core.ui.download import csv_button
from core.ui.explain import byhand, sides
from core.ui.explain.heads import to_linked
from core.ui.explain.other import Other, other_photo, other_sentence
from core.ui.explain.sides import WHOLE, Pair, Side
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text, plain
from core.views.charts import OTHER_SIDED, QUIET
from core.views.heads import head_grid
from core.views.patching import position_grid
from core.views.tables import as_csv

PARTS: tuple[Part, ...] = ("output", "pattern")
LOOKS = 2.0  # seconds between two looks at what is being computed
Answers = tuple[float, float, list[int]]  # of A and of B, and the rivals
Rows = list[Row]
Table = list[tuple[str, str]]  # what was put in, and its recovery


def show(pair: Pair) -> None:
    st.markdown(say("whatif.lead"))
    names = {part: say(f"whatif.{part}") for part in PARTS}
    part = st.segmented_control(
        say("whatif.part"),
        PARTS,
        format_func=names.__getitem__,
        required=True,
        help=say("whatif.part_help"),
        **choices.widget("put", "whatif_part", PARTS, PARTS[0]),
    )
    pair.each("whatif", lambda side: st.fragment(_side)(side, part))


def _side(side: Side, part: Part) -> None:
    _patching(side, part)
    byhand.show(side)


def _patching(side: Side, part: Part) -> None:
    try:
        target = side.choose_target()
        other = side.either(other_photo, other_sentence)
        key = (side.name, side.place, other.place, target)
        answers = _answers(side, other, target, key)
        st.markdown(_told(side, target, answers))
        table = [*_heads(side, other, target, key, part, answers), *_positions(side, other, target, key)]
    except SidelightError as error:
        show_error(error)
        return
    head = [say("whatif.what"), say("whatif.recovery")]
    csv_button(say("heads.download"), f"patching_{side.kind}", lambda: as_csv(head, table))


def _answers(side: Side, other: Other, target: int, key: tuple) -> Answers:
    def make() -> Answers:
        found = swap(sides.subject_of(side, target), other.subject(target))
        return found.a, found.b, [] if found.rivals is None else found.rivals.tolist()

    with st.spinner(say("whatif.running")):
        return store().get(("whatif_answers", *key), make, (side.name,))


def _told(side: Side, target: int, answers: Answers) -> str:
    """What is measured, in A and in B."""
    a, b, rivals = answers
    numbers = {"a": f"{a:+.3f}", "b": f"{b:+.3f}"}
    if target == WHOLE:
        return say("whatif.margin_pieces" if rivals else "whatif.cosine", **numbers)
    names = side.either(
        lambda photo: [class_name(photo.model.classes[n]) for n in (target, rivals[0])],
        lambda sentence: [
            piece_text(piece)
            for piece in (
                sentence.translation.target.pieces[target],
                *sentence.model.pieces(torch.tensor(rivals)),
            )
        ],
    )
    return say("whatif.margin", answer=plain(names[0]), rival=plain(names[1]), **numbers)


def _measured(
    side: Side,
    key: tuple,
    title: str,
    total: int,
    make: Callable[[], Iterator[Row]],
    wait: bool,
    draw: Callable[[Rows], None],
) -> Rows | None:
    """All rows, or None while some are to come; those that are there are drawn meanwhile. wait: Start begins it."""
    growing: Rows = store().get(("whatif_growing", *key), list, (side.name,))

    def work(on_step: background.OnStep) -> Rows:
        growing.clear()
        for row in make():
            growing.append(row)
            on_step(len(growing), total)
        return list(growing)

    found = background.result(("whatif", *key), title, work, (side.name,), wait=wait)
    if found is None and background.goes_on(("whatif", *key)):
        st.fragment(lambda: draw(list(growing)), run_every=LOOKS)()
    return found


def _heads(side: Side, other: Other, target: int, key: tuple, part: Part, answers: Answers) -> Table:
    asked = sides.subject_of(side, target)

    def make() -> Iterator[Row]:
        return patching.heads(swap(sides.subject_of(side, target), other.subject(target)), part)

    def draw(rows: Rows) -> None:
        _grids(side, asked, rows, None)

    total = sum(asked.depth.values())
    rows = _measured(side, ("heads", part, *key), say("whatif.measuring_heads"), total, make, False, draw)
    if rows is None:
        return []
    opened = _opened(side, rows)
    _grids(side, asked, rows, opened)
    _open_head(side, rows, opened, answers)
    return [
        (_head_name((row.kind, row.layer, head)), f"{value:.4f}")
        for row in rows
        for head, value in enumerate(row.recovery.tolist())
    ]


def _head_name(head: tuple[Kind, int, int]) -> str:
    kind, layer, number = head
    return say("ablation.head", kind=say(f"ablation.{kind}"), layer=layer + 1, head=number + 1)


def _values(asked: Subject, rows: Rows) -> dict[Kind, Tensor]:
    """(L, H) of each kind, NaN where it is not known yet."""
    found = {kind: torch.full((trace.layers, trace.heads), torch.nan) for kind, trace in asked.traces.items()}
    for row in rows:
        found[row.kind][row.layer] = row.recovery
    return found


def _reach(rows: Rows) -> float:
    return max([0.05, *(float(row.recovery.abs().max()) for row in rows)])


def _grids(side: Side, asked: Subject, rows: Rows, opened: tuple[Kind, int, int] | None) -> None:
    cell = say("heads.cell", layer="{layer}", head="{head}", value="{value}")  # the figure fills it
    words = {"layer": say("heads.layer"), "head": say("heads.head"), "cell": cell}
    for kind, values in _values(asked, rows).items():
        figure = head_grid(
            values,
            say("whatif.grid", kind=say(f"ablation.{kind}")),
            words=words,
            low=-_reach(rows),
            high=_reach(rows),
            ramp=OTHER_SIDED,
            sign="+",
            chosen=opened[1:] if opened and opened[0] == kind else None,
        )
        if opened:
            clickable(figure, f"whatif_{side.kind}_{kind}", partial(_open, side.kind, kind))
        else:
            st.plotly_chart(figure, key=f"whatif_growing_{side.kind}_{kind}", config=QUIET)


def _opened(side: Side, rows: Rows) -> tuple[Kind, int, int]:
    """The head that was clicked; at first the one by which most comes over."""
    places = {(row.kind, row.layer, head): float(value) for row in rows for head, value in enumerate(row.recovery)}
    most = max(places, key=places.__getitem__)
    return choices.read(f"{side.kind}_patched", {sides.head_text(side.kind, place): place for place in places}, most)


def _open(of: str, kind: Kind, marks: list[list[int]]) -> None:
    layer, head = marks[0]
    choices.write(f"{of}_patched", sides.head_text(of, (kind, int(layer), int(head))), "")


def _open_head(side: Side, rows: Rows, opened: tuple[Kind, int, int], answers: Answers) -> None:
    """What one head carries over, beside what a head at random does and what nothing does."""
    kind, layer, head = opened
    own = next(float(row.recovery[head]) for row in rows if (row.kind, row.layer) == (kind, layer))
    a, b, _ = answers
    st.markdown(
        say(
            "whatif.opened", head=_head_name(opened), b=f"{b:+.3f}", now=f"{b + own * (a - b):+.3f}", share=f"{own:.0%}"
        )
    )
    every = np.concatenate([row.recovery.numpy() for row in rows])
    low, high = np.quantile(every, [0.05, 0.95])
    values = {"mean": f"{every.mean():+.1%}", "low": f"{low:+.1%}", "high": f"{high:+.1%}"}
    st.caption(say("whatif.controls", idle=f"{max(row.idle for row in rows):.3%}", **values))
    st.page_link(
        "pages/compare.py",
        label=say("heads.linked"),
        icon=":material/open_in_new:",
        help=say("heads.linked_help"),
        query_params=to_linked(side, opened),
    )


def _groups(asked: Subject) -> dict[Kind, dict[str, list[int]]]:
    """By stream and name; all positions come last."""
    found: dict[Kind, dict[str, list[int]]] = {"encoder": asked.axis.groups()}
    if "decoder" in asked.traces:
        found["decoder"] = asked.traces["decoder"].query_axis.groups()
    every = say("whatif.every")
    return {kind: groups | {every: sorted(sum(groups.values(), []))} for kind, groups in found.items()}


def _positions(side: Side, other: Other, target: int, key: tuple) -> Table:
    asked = sides.subject_of(side, target)
    groups = _groups(asked)

    def make() -> Iterator[Row]:
        found = swap(sides.subject_of(side, target), other.subject(target))
        return patching.positions(found, {kind: list(named.values()) for kind, named in groups.items()})

    def draw(rows: Rows) -> None:
        reach = _reach(rows)
        for kind, named in groups.items():
            values = torch.full((asked.depth[kind], len(named)), torch.nan)
            for row in rows:
                if row.kind == kind:
                    values[row.layer] = row.recovery
            cell = say("whatif.cell", layer="{layer}", name="{name}", value="{value}")  # the figure fills it
            words = {"layer": say("heads.layer"), "position": say(f"whatif.position_{side.kind}"), "cell": cell}
            title = say("whatif.by_position", kind=say(f"ablation.{kind}"))
            figure = position_grid(values, list(named), title, words, reach)
            st.plotly_chart(figure, key=f"whatif_position_{side.kind}_{kind}", config=QUIET)

    total = sum(asked.depth[kind] for kind in groups)
    rows = _measured(side, ("positions", *key), say("whatif.measuring_positions"), total, make, True, draw)
    if rows is None:
        return []
    draw(rows)
    st.caption(say("whatif.positions_help"))
    return [
        (f"{say(f'ablation.{row.kind}')} · {say('layers.after', layer=row.layer + 1)} · {name}", f"{value:.4f}")
        for row in rows
        for name, value in zip(groups[row.kind], row.recovery.tolist(), strict=True)
    ]
