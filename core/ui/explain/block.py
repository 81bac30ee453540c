"""The whole layer at one position, step by step, and after the last one the logits: a patch and a word side by side."""

from dataclasses import dataclass

import streamlit as st
import torch

from core.attention.trace import Kind
from core.attention.walk import Step, Walk, walk
from core.errors import SidelightError
from core.store import store
from core.ui.columns import beside
from core.ui.differences.lesson import piece_name
from core.ui.download import csv_button
from core.ui.explain import sides
from core.ui.explain.query import Shown
from core.ui.explain.sides import WHOLE, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say, show_error
from core.ui.numbers import power_of_ten
from core.ui.plain import piece_text, plain
from core.views import arithmetic as numbers
from core.views import block as written

TOP = 5  # logits
MISSING = {"first_norm", "end_norm", "cross", "answer"}  # places of which it is said why a model has no such step
PARTS = ("first", "cross", "mlp", "end", "answer")
ROLES = ("norm", "qkv", "attention", "projection", "expand", "activation", "contract", "residual")
FORMULAS = {
    "norm": r"\mathbf y = \boldsymbol\gamma \odot \frac{\mathbf x-\mu}{\sqrt{\sigma^2+\varepsilon}} + \boldsymbol\beta",
    "query": r"\mathbf q = W_Q\,\mathbf x + \mathbf b_Q",
    "qkv": r"\begin{gathered} \mathbf q = W_Q\,\mathbf x + \mathbf b_Q \\ \mathbf k = W_K\,\mathbf x + \mathbf b_K \\ "
    r"\mathbf v = W_V\,\mathbf x + \mathbf b_V \end{gathered}",
    "attention": r"\mathbf h = [\mathbf o^1;\dots;\mathbf o^H],\quad \mathbf o = \sum_{j} w_j\,\mathbf v_j",
    "projection": r"\mathbf h \leftarrow W_O\,\mathbf h + \mathbf b_O",
    "residual": r"\mathbf x \leftarrow \mathbf x + \mathbf h",
    "expand": r"\mathbf h = W_1\,\mathbf x + \mathbf b_1",
    "activation": r"\mathbf h \leftarrow \varphi(\mathbf h)",
    "contract": r"\mathbf h \leftarrow W_2\,\mathbf h + \mathbf b_2",
    "pool": r"\mathbf x = \frac1N \sum_i \mathbf x_i",
    "linear": r"\mathbf h = W\,\mathbf x + \mathbf b",
    "head": r"\boldsymbol\ell = W\,\mathbf x + \mathbf b",
    "bias": r"\boldsymbol\ell \leftarrow \boldsymbol\ell + \mathbf b",
}


@dataclass(frozen=True, eq=False)
class Told:
    """One side's steps with the lines that compute them. slots: as `written.slots`. read: what the head reads, where
    that is not what was chosen."""

    shown: Shown
    steps: tuple[Step, ...]
    lines: list[str]
    slots: dict[tuple[str, str], list[int]]
    is_post: bool
    is_last: bool
    read: str = ""


def show(shown: list[Shown]) -> None:
    st.markdown(say("block.lead", parameters=f"`{written.PARAMETERS}`"))
    told = [found for one in shown if (found := _told(one)) is not None]
    if not told:
        return
    orders = {"post" if one.is_post else "pre" for one in told}
    st.info(say(f"block.order_{'both' if len(orders) == 2 else orders.pop()}"))
    every = list(dict.fromkeys(slot for one in told for slot in one.slots))
    order = [(part, role) for part in PARTS for role in ROLES if part != "answer" and (part, role) in every]
    order += [slot for slot in every if slot[0] == "answer"]  # as each head has them
    for count, slot in enumerate(order, 1):
        part, role = slot
        st.markdown(f"### {count} · {say(f'block.{part}_{role}')}")
        told_as = "query" if slot == ("cross", "qkv") else role
        st.latex(FORMULAS[told_as])
        st.caption(say(f"block.{told_as}_help"))
        for place, one in zip(beside(f"block_{part}_{role}", len(told)), told, strict=True):
            with place:
                _slot(one, slot)
    for place, one in zip(beside("block_end", len(told)), told, strict=True):
        with place:
            _end(one)


def _told(one: Shown) -> Told | None:
    """Nothing where the layer's steps are not known; the page says so."""
    kind, layer, _, position = one.place
    trace = one.side.traces[kind]
    try:
        found = _walk(one.side, kind, layer, position)
        reads = one.side.either(lambda photo: int(photo.result.reader.argmax()), lambda sentence: position)
        answer = found.answer if reads == position else _walk(one.side, kind, layer, reads).answer
    except SidelightError as error:
        show_error(error)
        return None
    steps = (*found.steps, *answer)
    call = trace.calls[layer]
    lines = written.lines(steps, call.query.shape[1], call.scale, reads, found.is_post)
    read = one.side.place_names(trace.query_axis)[reads] if answer and reads != position else ""
    return Told(one, steps, lines, written.slots(steps), found.is_post, found.is_last, read)


def _walk(side: Side, kind: Kind, layer: int, position: int) -> Walk:
    target = side.either(lambda photo: _answer(photo), lambda sentence: WHOLE)
    key = ("walk", side.name, side.place, kind, layer, position)
    with st.spinner(say("block.running")):
        return store().get(
            key, lambda: walk(sides.subject_of(side, target), side.model.module, kind, layer, position), (side.name,)
        )


def _answer(side: PhotoSide) -> int:
    """The likeliest class; the representation of a model without classes."""
    return int(side.result.probabilities.argmax()) if side.model.classes else WHOLE


def _slot(one: Told, slot: tuple[str, str]) -> None:
    part, role = slot
    query = piece_name(one.shown.query)
    st.caption(f"**{say(f'arith.show_{one.shown.side.kind}')}** · {say('arith.query_is', query=query)}")
    if slot not in one.slots:
        missing = "answer" if part == "answer" and not one.is_last else part if part == "cross" else f"{part}_{role}"
        st.caption(say(f"block.none_{missing}") if missing in MISSING else say("block.none"))
        return
    if part == "answer" and one.read:
        st.caption(say("block.read_elsewhere", read=plain(one.read), query=query))
    chosen = one.slots[slot]
    st.code("\n".join(one.lines[number] for number in chosen), language="python", wrap_lines=True)
    for number in chosen:
        _numbers(one, number)


def _numbers(one: Told, number: int) -> None:
    """The first component written out, and the first few of what the step gave, under the name that its line has."""
    step = one.steps[number]
    text = written.written(step, say("arith.rest", count="{count}", value="{value}"))
    if step.role in ("head", "bias"):
        st.code(text, language=None, wrap_lines=True)
        _logits(one, step)
        return
    name = one.lines[number].splitlines()[-1].split(" = ")[0]
    size = say("block.size", count=len(step.did.found))
    parts = ["" if step.role in ("key", "value") else text, f"{numbers.vector(name, step.did.found)}  {size}"]
    st.code("\n".join(part for part in parts if part), language=None, wrap_lines=True)


def _logits(one: Told, step: Step) -> None:
    top = step.did.found.topk(min(TOP, len(step.did.found)))
    names = _names(one.shown.side, top.indices)
    lines = [
        {say("block.answer"): name, say("block.logit"): value}
        for name, value in zip(names, top.values.tolist(), strict=True)
    ]
    decimals = {say("block.logit"): st.column_config.NumberColumn(format="%.3f")}
    st.dataframe(lines, hide_index=True, column_config=decimals, height="content")


def _names(side: Side, answers: torch.Tensor) -> list[str]:
    def classes(photo: PhotoSide) -> list[str]:
        known = photo.model.classes
        return [class_name(known[n]) if known else str(n + 1) for n in answers.tolist()]

    def pieces(sentence: SentenceSide) -> list[str]:
        return [piece_text(piece) for piece in sentence.model.pieces(answers)]

    return side.either(classes, pieces)


def _end(one: Told) -> None:
    away = power_of_ten(max(step.did.deviation for step in one.steps))
    logits = [step.did.found for step in one.steps if step.role in ("head", "bias")]
    if logits:
        name = _names(one.shown.side, logits[-1].argmax()[None])[0]
        st.caption(say("block.checked", away=away, name=plain(name)))
    else:
        st.caption(say("block.checked_layer", away=away))
    kind = one.shown.side.kind
    csv_button(say("block.csv"), f"block_{kind}", lambda: written.steps_csv(one.steps))
