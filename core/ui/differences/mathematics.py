"""Section 2, the mathematics: one formula for both models, with their numbers; what breaks where it is got wrong."""

import streamlit as st

from core.attention.trace import AttentionTrace
from core.differences import mathematics
from core.ui.differences import mistakes, positions
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say
from core.ui.numbers import power_of_ten

FORMULA = (
    r"Q = X W_Q, \quad K = X W_K, \quad V = X W_V",
    r"\mathrm{head}_h = \mathrm{softmax}\!\left(\frac{Q_h K_h^{\top}}{\sqrt{d_k}}\right) V_h, \quad h \le H",
    r"\mathrm{MultiHead}(X) = \left[\,\mathrm{head}_1 \mid \dots \mid \mathrm{head}_H\,\right] W_O",
)

ROOM = """<style>.st-key-symbols td:nth-child(2) { min-width: 9.5em; }</style>"""  # on a phone it scrolls
MEANINGS = ("positions", "width", "heads", "head_width", "scale", "layers", "weights")


def show(lesson: Lesson) -> None:
    st.header(say("maths.title"))
    note(say("maths.first"))
    for line in FORMULA:
        st.latex(line)
    _symbols(mathematics.symbols(lesson.vision, lesson.translator, lesson.translation))
    note(say("maths.read"))
    if not lesson.vision.traces:
        st.info(say("maths.no_trace"))
    scaled = _scaling(lesson)
    positions.show(lesson)
    if scaled:
        mistakes.show(lesson)


def _symbols(bound: tuple[mathematics.Symbols, ...]) -> None:
    rows = [
        (r"$N$", [f"{one.queries}" if one.queries == one.keys else f"{one.queries} × {one.keys}" for one in bound]),
        (r"$D$", [str(one.width) for one in bound]),
        (r"$H$", [str(one.heads) for one in bound]),
        (r"$d_k$", [str(one.head_width) for one in bound]),
        (r"$1/\sqrt{d_k}$", [f"{one.scale:.4f}" for one in bound]),
        (r"$L$", [str(one.layers) for one in bound]),
        (r"$L H N N$", [f"{one.weights:,}" for one in bound]),
    ]
    head = ["", say("maths.meaning"), *(say(f"maths.{one.name}") for one in bound)]
    said = [[name, say(f"maths.is_{key}"), *values] for key, (name, values) in zip(MEANINGS, rows, strict=True)]
    with st.container(key="symbols"):
        st.html(ROOM)
        table(head, said, texts=2)


def _scaling(lesson: Lesson) -> bool:
    """Ask, then show, what dividing by sqrt(d_k) does in the middle layer of each kind; whether it was answered."""
    found = lesson.of_both("scaling", lambda: _measure(lesson))
    st.markdown(f"### {say('maths.scaling')}")

    def check(choice: str) -> Verdict:
        one = found["encoder"]
        sharper = one.entropy_plain < one.entropy
        right = choice == ("sharper" if sharper else "flatter")
        values = {"before": f"{one.entropy:.2f}", "after": f"{one.entropy_plain:.2f}", "even": f"{one.uniform:.2f}"}
        return Verdict(right, say("maths.q_scaling_answer", **values))

    options = {name: say(f"maths.q_{name}") for name in ("sharper", "flatter", "same")}
    if not ask_option(lesson, "maths_scaling", say("maths.q_scaling"), options, check):
        return False
    table(
        [say("maths.layer"), *(_place(kind, layer) for kind, (layer, _) in _placed(lesson))],
        [
            [say("maths.spread"), *(f"{one.spread_plain:.1f} → {one.spread:.1f}" for one in found.values())],
            [say("maths.entropy"), *(f"{one.entropy_plain:.2f} → {one.entropy:.2f}" for one in found.values())],
            [say("maths.uniform"), *(f"{one.uniform:.2f}" for one in found.values())],
            [say("maths.largest"), *(f"{one.largest_plain:.0%} → {one.largest:.0%}" for one in found.values())],
            [say("maths.total"), *(f"{one.total:.4f}" for one in found.values())],
            [say("maths.deviation"), *(power_of_ten(one.deviation, 0) for one in found.values())],
        ],
    )
    note(say("maths.scaling_note"))
    return True


def _place(kind: str, layer: int) -> str:
    return f"{say(f'maths.{kind}')} · {say('lesson_arch.layer', number=layer + 1)}"


def _placed(lesson: Lesson) -> list[tuple[str, tuple[int, AttentionTrace]]]:
    """The middle layer of each kind of attention that was recorded."""
    return [(kind, (trace.layers // 2, trace)) for kind, trace in lesson.traces.items()]


def _measure(lesson: Lesson) -> dict[str, mathematics.Scaling]:
    return {kind: mathematics.scaling(trace, layer) for kind, (layer, trace) in _placed(lesson)}
