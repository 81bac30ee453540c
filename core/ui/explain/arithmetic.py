"""One query of one head, step by step with the run's own numbers: a patch and a word side by side, the same steps."""

from collections.abc import Callable
from typing import Any

import streamlit as st
import torch

from core.ui import choices
from core.ui.columns import beside
from core.ui.differences.lesson import piece_name
from core.ui.explain import block
from core.ui.explain.query import Shown, choose_in_photo, choose_in_sentence
from core.ui.explain.sides import Pair
from core.ui.language import say
from core.ui.numbers import power_of_ten
from core.views import arithmetic as written
from core.views.arithmetic import SHOWN, number
from core.views.charts import QUIET, probability_bars

PILLS = """<style>
.st-key-arithmetic [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; }</style>"""

SOFTMAX = r"""\begin{gathered} w_j = \frac{\exp(s_j+m_j-M)}{\sum_{n=1}^{N}\exp(s_n+m_n-M)} \\[4pt]
M=\max_n(s_n+m_n) \end{gathered}"""


def show(pair: Pair) -> None:
    st.html(PILLS)
    sides = pair.present
    if len(sides) == 2:
        names = {name: say(f"arith.show_{name}") for name in ("both", "photo", "sentence")}
        which = st.segmented_control(
            say("arith.show"),
            list(names),
            format_func=names.__getitem__,
            required=True,
            **choices.widget("show", "arith_show", names, "both"),
        )
        sides = [side for side in sides if which in ("both", side.kind)]
    formed = [side for side in sides if any(trace.is_formed for trace in side.traces.values())]
    if formed:
        st.info(say("arith.formed"))
    sides = [side for side in sides if side not in formed]
    if not sides:
        return
    parts = {name: say(f"block.part_{name}") for name in ("head", "block")}
    part = st.segmented_control(
        say("block.part"),
        list(parts),
        format_func=parts.__getitem__,
        required=True,
        **choices.widget("walk", "arith_part", parts, "head"),
    )
    if part == "head":
        st.markdown(say("arith.lead"))
    with st.container(key="arithmetic"):
        shown = []
        for place, side in zip(beside("choices", len(sides)), sides, strict=True):
            with place:
                shown.append(side.either(choose_in_photo, choose_in_sentence))
        (block.show if part == "block" else _steps)(shown)


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
        st.markdown(f"### {count} · {say(f'arith.{step}')}")
        st.latex(formula)
        st.caption(say(f"arith.{step}_help"))
        for place, one in zip(beside(step, len(shown)), shown, strict=True):
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
    lines = [{say("arith.key"): one.labels[key]} | _cells(columns, key, text) for key in one.keys]
    decimals = {name: st.column_config.NumberColumn(format="%.3f", width="small") for name in columns if name != text}
    st.dataframe(lines, hide_index=True, column_config=decimals, height="content")


def _cells(columns: dict[str, torch.Tensor], key: int, text: str) -> dict[str, Any]:
    return {name: number(float(v[key])) if name == text else float(v[key]) for name, v in columns.items()}


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
        key=f"arith_bars_{one.side.kind}",
        config=QUIET,
    )
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
    st.caption(say("arith.checked", away=power_of_ten(one.away), deviation=power_of_ten(found.deviation)))
    with st.container(horizontal=True):
        files = {
            "csv": lambda: written.steps_csv(found, one.labels).encode(),
            "zip": lambda: written.steps_zip(found, one.labels, one.query),
            "npz": lambda: written.steps_npz(found, one.labels),
        }
        for kind, data in files.items():
            st.download_button(
                say(f"arith.{kind}"),
                data,
                f"attention-{one.side.kind}.{kind}",
                icon=":material/download:",
                on_click="ignore",
                key=f"arith_{kind}_{one.side.kind}",
                help=say(f"arith.{kind}_help"),
            )
