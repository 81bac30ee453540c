"""One query of one head, step by step with the run's own numbers: a patch and a word side by side, the same steps."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
import torch

from core.attention.arithmetic import Arithmetic, arithmetic
from core.ui import keep
from core.ui.explain.heads import KINDS, traces
from core.ui.explain.sides import Pair, PhotoSide, SentenceSide, Side
from core.ui.language import say
from core.ui.lessons.lesson import piece_name
from core.views import arithmetic as written
from core.views.arithmetic import SHOWN, number
from core.views.charts import AMBER, TEAL, probability_bars
from core.views.lessons import patch_picture

QUIET = {"displayModeBar": False}
MARKED = 3  # keys that are framed in the picture
# A column of numbers needs room: below this width the sentence stands under the photo, step by step.
NARROW = """<style>@media (max-width: 1199px) {
.st-key-arithmetic [data-testid="stColumn"] { min-width: calc(100% - 1.5rem); } }
.st-key-arithmetic [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; }</style>"""

SOFTMAX = r"""\begin{gathered} w_j = \frac{\exp(s_j+m_j-M)}{\sum_{n=1}^{N}\exp(s_n+m_n-M)} \\[4pt]
M=\max_n(s_n+m_n) \end{gathered}"""


@dataclass(frozen=True, eq=False)
class Shown:
    """One side's chosen query. labels: what each key is called; query: what asks."""

    side: Side
    found: Arithmetic
    labels: list[str]
    query: str
    keys: list[int]
    away: float  # largest difference between the steps' weights and the trace's row


def show(pair: Pair) -> None:
    st.html(NARROW)
    st.markdown(say("arith.lead"))
    sides = [side for side in (pair.photo, pair.sentence) if side is not None]
    if len(sides) == 2:
        names = {name: say(f"arith.show_{name}") for name in ("both", "photo", "sentence")}
        which = st.segmented_control(
            say("arith.show"), list(names), format_func=names.get, default="both", required=True, key="arith_show"
        )
        sides = [side for side in sides if which in ("both", side.kind)]
    if not sides:
        return
    with st.container(key="arithmetic"):
        shown = []
        for place, side in zip(st.columns(len(sides), gap="large"), sides, strict=True):
            with place:
                shown.append(_photo(side) if isinstance(side, PhotoSide) else _sentence(side))
        _steps(shown)


def _place(side: Side, layers: int, heads: int, kind: str) -> tuple[int, int]:
    """Layer and head, at first those that are open in the section on heads."""
    opened = st.session_state.get(f"heads_at_{side.kind}")
    start = opened[1:] if opened and opened[0] == kind and opened[1] < layers and opened[2] < heads else (layers - 1, 0)
    with st.container(horizontal=True):
        return tuple(
            _numbered(say(f"arith.{what}"), count, f"arith_{what}_{side.kind}_{kind}", at)
            for what, count, at in (("layer", layers, start[0]), ("head", heads, start[1]))
        )


def _numbered(label: str, count: int, key: str, at: int) -> int:
    keep.restore(key, range(count))
    return st.selectbox(label, range(count), at, format_func=lambda n: str(n + 1), key=key)


def _shown(side: Side, kind: str, place: tuple[int, int], position: int, labels: list[str], query: str) -> Shown:
    trace = traces(side)[kind]
    found = arithmetic(trace, *place, position)
    away = float((found.weights - trace.row(*place, position).cpu()).abs().max())
    return Shown(side, found, labels, query, written.shown_keys(found), away)


def _photo(side: PhotoSide) -> Shown:
    """A patch by a click or from the keyboard, or a token before the patches."""
    st.markdown(f"#### {say('arith.show_photo')}")
    trace, axis = side.result.trace, side.result.axis
    place = _place(side, trace.layers, trace.heads, "encoder")
    rows, columns = axis.grid
    asks = [*axis.prefix, "patch"]
    keep.restore("arith_asks", asks)
    who = st.pills(
        say("arith.query"), asks, format_func=lambda name: say("arith.a_patch") if name == "patch" else name,
        default=None if "arith_asks" in st.session_state else "patch", required=True, key="arith_asks",
    )  # fmt: skip
    if not 0 <= st.session_state.get("arith_patch", -1) < rows * columns:
        st.session_state.arith_patch = rows // 2 * columns + columns // 2
    holder = st.container()
    patch = _row_and_column(rows, columns) if who == "patch" else None
    position = axis.prefix.index(who) if patch is None else len(axis.prefix) + patch
    at = say("arith.patch_at", row="{row}", column="{column}")  # filled below and by the figure
    labels = [*axis.prefix, *(at.format(row=n // columns + 1, column=n % columns + 1) for n in range(rows * columns))]
    shown = _shown(side, "encoder", place, position, labels, labels[position])
    with holder:
        _picture(side, shown, patch, at)
    return shown


def _row_and_column(rows: int, columns: int) -> int:
    now = st.session_state.arith_patch
    with st.container(horizontal=True):
        row = st.number_input(say("arith.row"), 1, rows, now // columns + 1, key=f"arith_row_{now}_{rows}") - 1
        column = (
            st.number_input(say("arith.column"), 1, columns, now % columns + 1, key=f"arith_col_{now}_{columns}") - 1
        )
    if row * columns + column != now:
        st.session_state.arith_patch = row * columns + column
        st.rerun()
    return now


def _picture(side: PhotoSide, shown: Shown, patch: int | None, at: str) -> None:
    """The query framed in teal, the patches with the largest weights in amber; a click chooses another query."""
    first = len(side.result.axis.prefix)
    strongest = [key - first for key in shown.found.strongest[: MARKED + first].tolist() if key >= first]
    marks = dict.fromkeys(strongest[:MARKED], AMBER) | ({} if patch is None else {patch: TEAL})
    figure = patch_picture(
        side.result.fitted.pixels, side.result.axis.grid, at, marks, values=shown.found.weights[first:].tolist()
    )

    def take() -> None:
        points = st.session_state.arith_picture.selection.points
        if points and "customdata" in points[0]:
            st.session_state.arith_patch = int(points[0]["customdata"])
            st.session_state.arith_asks = "patch"

    st.plotly_chart(figure, key="arith_picture", on_select=take, selection_mode="points", config=QUIET)
    st.caption(say("arith.picture_help"))


def _sentence(side: SentenceSide) -> Shown:
    """A piece as a pill; in the decoder a row is called by what it writes."""
    st.markdown(f"#### {say('arith.show_sentence')}")
    names = {kind: say(f"heads.kind_{kind}") for kind in KINDS}
    kind = st.segmented_control(
        say("heads.kind"), KINDS, format_func=names.get, default="cross", required=True, key="arith_kind"
    )
    trace, translation = traces(side)[kind], side.translation
    place = _place(side, trace.layers, trace.heads, kind)
    asks = (translation.source if kind == "encoder" else translation.target).pieces
    key = f"arith_piece_{kind}"
    keep.restore(key, range(len(asks)))
    position = st.pills(
        say("arith.query_encoder" if kind == "encoder" else "arith.query_written"), range(len(asks)),
        format_func=lambda n: piece_name(asks[n]), default=min(1, len(asks) - 1), required=True, key=key,
    )  # fmt: skip
    if kind != "encoder":
        st.caption(say("arith.just_read", piece=piece_name(translation.decoder_input.pieces[position])))
    labels = [f"{n + 1} · {piece or '␣'}" for n, piece in enumerate(trace.key_axis.pieces)]
    return _shown(side, kind, place, position, labels, asks[position] or "␣")


def _steps(shown: list[Shown]) -> None:
    usual = all(one.found.is_usual_scale for one in shown)
    scaled = r"s_j = \frac{\mathbf q\cdot\mathbf k_j}{\sqrt{d_k}}" if usual else r"s_j = a\,(\mathbf q\cdot\mathbf k_j)"
    formulas: dict[str, tuple[str, Callable[[Shown], None]]] = {
        "vectors": (r"\mathbf q,\ \mathbf k_1,\dots,\mathbf k_N\in\mathbb R^{d_k}", _vectors),
        "product": (r"\mathbf q\cdot\mathbf k_j = \sum_{c=1}^{d_k} q_c\,k_{j,c}", _product),
        "scale": (scaled, _scale),
        "mask": (r"s_j + m_j", _mask),
        "softmax": (SOFTMAX, _softmax),
        "values": (r"w_j\,\mathbf v_j,\quad \mathbf v_1,\dots,\mathbf v_N\in\mathbb R^{d_v}", _values),
        "output": (r"\mathbf o = \sum_{j=1}^{N} w_j\,\mathbf v_j", _output),
    }
    for count, (step, (formula, draw)) in enumerate(formulas.items(), 1):
        st.markdown(f"#### {count} · {say(f'arith.{step}')}")
        st.latex(formula)
        st.caption(say(f"arith.{step}_help"))
        for place, one in zip(st.columns(len(shown), gap="large"), shown, strict=True):
            with place:
                st.caption(
                    f"**{say(f'arith.show_{one.side.kind}')}** · {say('arith.query_is', query=piece_name(one.query))}"
                )
                draw(one)


def _vectors(one: Shown) -> None:
    d, count = len(one.found.q), len(one.found.k)
    st.latex(rf"N={count},\quad d_k={d},\quad \sqrt{{d_k}}={d**0.5:.3f}")
    st.code(written.vector("q", one.found.q), language=None, wrap_lines=True)
    _rows(one, {f"k[{c + 1}]": one.found.k[:, c] for c in range(min(SHOWN, d))})


def _rows(one: Shown, columns: dict[str, torch.Tensor], text: str = "") -> None:
    """The keys with the largest weights. text: a column that may hold −∞ is written, not counted."""
    lines = [
        {say("arith.key"): one.labels[key]}
        | {name: number(float(v[key])) if name == text else float(v[key]) for name, v in columns.items()}
        for key in one.keys
    ]
    decimals = {name: st.column_config.NumberColumn(format="%.3f", width="small") for name in columns if name != text}
    st.dataframe(lines, hide_index=True, column_config=decimals, height="content")


def _top(one: Shown) -> int:
    return one.keys[0]


def _product(one: Shown) -> None:
    found, top = one.found, _top(one)
    st.text(say("arith.top_key", key=one.labels[top]))
    text = written.product_sum(
        found.q, found.k[top], float(found.products[top]), say("arith.rest", count="{count}", value="{value}")
    )
    st.code(f"q·k = {text}", language=None, wrap_lines=True)
    with st.expander(say("arith.all_terms", count=len(found.q))):
        whole = written.product_sum(found.q, found.k[top], float(found.products[top]), "", len(found.q))
        st.code(f"q·k = {whole}", language=None, wrap_lines=True)


def _scale(one: Shown) -> None:
    found, top = one.found, _top(one)
    product, scaled = number(float(found.products[top])), number(float(found.scaled[top]))
    if found.is_usual_scale:
        st.latex(rf"\frac{{{product}}}{{\sqrt{{{len(found.q)}}}}} = {scaled}")
    else:
        st.latex(rf"a = {found.scale:.4g},\quad {found.scale:.4g}\cdot ({product}) = {scaled}")
    _rows(one, {"q·k": found.products, "s": found.scaled})


def _mask(one: Shown) -> None:
    hidden = int((one.found.mask == -torch.inf).sum())
    if hidden:
        st.markdown(say("arith.hidden", hidden=hidden, count=len(one.labels)))
    elif one.found.is_masked:
        st.markdown(say("arith.bias"))
    else:
        st.markdown(say("arith.no_mask", count=len(one.labels)))


def _softmax(one: Shown) -> None:
    found, top = one.found, _top(one)
    highest, total = float(found.scores.max()), float(found.shifted.sum())
    if highest > -torch.inf:
        score = number(float(found.scores[top]))
        minus = written.factor(highest)
        st.latex(
            rf"M={number(highest)},\quad \frac{{e^{{{score}-{minus}}}}}{{{total:.3f}}}"
            rf" = {number(float(found.weights[top]))}"
        )
    _rows(one, {"s": found.scaled, "m": found.mask, "exp(s+m−M)": found.shifted, "w": found.weights}, text="m")
    best = [key for key in found.strongest[: written.KEYS].tolist() if found.weights[key] > 0]
    st.plotly_chart(
        probability_bars([one.labels[key] for key in best], found.weights[best].tolist()),
        key=f"arith_bars_{one.side.kind}", config=QUIET,
    )  # fmt: skip
    st.caption(
        say("arith.covered", count=len(best), share=f"{float(found.weights[best].sum()):.0%}", all=len(one.labels))
    )


def _values(one: Shown) -> None:
    found = one.found
    st.latex(rf"d_v={found.v.shape[1]}")
    weighted = found.weights[:, None] * found.v
    _rows(one, {"w": found.weights} | {f"w·v[{c + 1}]": weighted[:, c] for c in range(min(4, found.v.shape[1]))})


def _output(one: Shown) -> None:
    found = one.found
    order = found.strongest
    text = written.product_sum(
        found.weights[order],
        found.v[order, 0],
        float(found.output[0]),
        say("arith.rest", count="{count}", value="{value}"),
        written.KEYS,
    )
    st.code(f"o[1] = {text}", language=None, wrap_lines=True)
    st.code(written.vector("o", found.output), language=None, wrap_lines=True)
    st.caption(say("arith.checked", away=f"{one.away:.1e}", deviation=f"{found.deviation:.1e}"))
    with st.container(horizontal=True):
        files = {
            "csv": lambda: written.steps_csv(found, one.labels).encode(),
            "zip": lambda: written.steps_zip(found, one.labels, one.query),
            "npz": lambda: written.steps_npz(found, one.labels),
        }
        for kind, data in files.items():
            st.download_button(
                say(f"arith.{kind}"), data, f"attention-{one.side.kind}.{kind}", icon=":material/download:",
                on_click="ignore", key=f"arith_{kind}_{one.side.kind}", help=say(f"arith.{kind}_help"),
            )  # fmt: skip
