"""By hand: keys that a person shuts or gives another share, one edit after the other, and the new answer beside the old
one. Each edit stands in the link, as those of the linked view do, and is taken back by itself."""

import html
from collections.abc import Sequence

import streamlit as st
import torch

from core.attention.byhand import Edit, elsewhere
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.store import store
from core.ui import byhand
from core.ui.clickable import clickable
from core.ui.download import csv_button
from core.ui.explain import sides
from core.ui.explain.ablation import TOP, marked
from core.ui.explain.sides import WHOLE, PhotoSide, SentenceSide, Side
from core.ui.language import class_name, say
from core.ui.plain import piece_text, plain
from core.views import explain as figures
from core.views.charts import AMBER, QUIET
from core.views.differences.figures import patch_picture
from core.views.patching import pieces_before_after
from core.views.tables import as_csv

DRAWS = 3  # of other keys, for the control
SIDE = 260  # px of the picture


def show(side: Side) -> None:
    st.markdown(f"## {say('byhand.title')}")
    st.caption(say("byhand.lead"))
    asked = sides.subject_of(side, WHOLE)
    edits = byhand.edits_of(side, asked)
    _form(side, asked, edits)
    if edits:
        st.session_state[_key(side, "kept")] = edits
        st.multiselect(
            say("byhand.shut"),
            edits,
            format_func=lambda edit: byhand.name_of(side, asked, edit),
            key=_key(side, "kept"),
            on_change=_keep,
            args=(side.kind, _key(side, "kept")),
        )
        side.either(lambda photo: _photo(photo, asked, edits), lambda sentence: _sentence(sentence, asked, edits))


def _key(side: Side, name: str) -> str:
    return f"byhand_{name}_{side.kind}_{side.name}_{hash(side.place)}"


def _keep(of: str, key: str) -> None:
    byhand.write(of, st.session_state[key])


def _form(side: Side, asked: Subject, edits: Sequence[Edit]) -> None:
    """Which attention, layer, head, query and keys; nothing is shut before the button is pressed."""
    kind = _kind(side, asked)
    trace = asked.traces[kind]
    left, right = st.columns(2)
    with left:
        layer = _one_or_all(side, "layer", trace.layers, kind)
    with right:
        head = _one_or_all(side, "head", trace.heads, kind)
    queries, keys = side.place_names(trace.query_axis), side.place_names(trace.key_axis)
    query = st.selectbox(
        say("byhand.query"),
        [None, *range(len(queries))],
        format_func=lambda n: say("byhand.all") if n is None else _numbered(side, queries, n),
        key=_key(side, f"query_{kind}"),
    )
    box = _key(side, f"keys_{kind}")
    side.either(lambda photo: _pick_on(photo, box), lambda sentence: None)
    chosen = st.multiselect(
        say("byhand.keys"),
        range(len(keys)),
        format_func=lambda n: _numbered(side, keys, n),
        placeholder=say("byhand.choose"),
        key=box,
    )
    share = st.slider(
        say("byhand.share"), 0, 100, 0, format="%d%%", help=say("byhand.share_help"), key=_key(side, "to")
    )
    rows = None if query is None else (query,)
    now = Edit(kind, layer, head, rows, tuple(sorted(chosen)), share / 100)
    with st.container(horizontal=True):
        st.button(
            say("byhand.set", share=share) if share else say("byhand.do"),
            key=_key(side, "do"),
            icon=":material/tune:" if share else ":material/block:",
            disabled=not chosen or now in edits,
            on_click=_add,
            args=(side.kind, edits, now, box),
        )
        st.button(
            say("byhand.undo"),
            key=_key(side, "undo"),
            icon=":material/undo:",
            disabled=not edits,
            on_click=byhand.write,
            args=(side.kind, edits[:-1]),
        )


def _kind(side: Side, asked: Subject) -> Kind:
    kinds = sorted(asked.traces, key=lambda kind: kind != asked.last)  # where the answer is read from comes first
    if len(kinds) == 1:
        return kinds[0]
    names = {kind: say(f"heads.kind_{kind}") for kind in kinds}
    chosen = st.segmented_control(
        say("heads.kind"),
        kinds,
        default=kinds[0],
        format_func=names.__getitem__,
        required=True,
        key=_key(side, "kind"),
    )
    return chosen or kinds[0]


def _one_or_all(side: Side, what: str, count: int, kind: Kind) -> int | None:
    return st.selectbox(
        say(f"byhand.{what}"),
        [None, *range(count)],
        format_func=lambda n: say("byhand.all") if n is None else str(n + 1),
        key=_key(side, f"{what}_{kind}"),
    )


def _numbered(side: Side, names: Sequence[str], position: int) -> str:
    """A word may stand twice."""
    return side.either(lambda _: names[position], lambda _: f"{position + 1} · {names[position]}")


def _pick_on(side: PhotoSide, box: str) -> None:
    """The photo: a click on a patch chooses it as a key, or takes it back."""
    axis = side.result.axis
    first = axis.patches.start
    chosen = [key - first for key in st.session_state.get(box, ()) if key >= first]
    at = say("lessons.patch_at", row="{row}", column="{column}")  # the figure fills it
    figure = patch_picture(side.result.fitted.pixels, axis.grid, at, dict.fromkeys(chosen, AMBER), SIDE, gap=1)

    def take(marks: list[int]) -> None:
        key, before = int(marks[0]) + first, list(st.session_state.get(box, ()))
        st.session_state[box] = [n for n in before if n != key] if key in before else [*before, key]

    clickable(figure, _key(side, "picture"), take)
    st.caption(say("byhand.picture"))


def _add(of: str, edits: Sequence[Edit], now: Edit, box: str) -> None:
    byhand.write(of, [*edits, now])
    st.session_state[box] = []


def _controls(asked: Subject, edits: Sequence[Edit]) -> list[list[Edit]]:
    draw = torch.Generator().manual_seed(0)
    return [[elsewhere(edit, asked, draw) for edit in edits] for _ in range(DRAWS)]


def _photo(side: PhotoSide, asked: Subject, edits: Sequence[Edit]) -> None:
    if not side.model.classes:
        st.markdown(say("byhand.cosine", value=f"{byhand.cosine(asked, edits):.3f}"))
        others = [byhand.cosine(asked, one) for one in _controls(asked, edits)]
        st.caption(say("byhand.control", value=f"{sum(others) / DRAWS:.3f}"))
        return
    before, after = side.result.probabilities, byhand.class_chances(side, asked, edits)
    answer = int(before.argmax())
    shown = torch.maximum(before, after).topk(min(TOP, len(before))).indices.tolist()
    names = [class_name(side.model.classes[n]) for n in (answer, int(after.argmax()))]
    shares = {"before": f"{float(before[answer]):.1%}", "after": f"{float(after[answer]):.1%}"}
    key = "byhand.photo" if names[0] == names[1] else "byhand.photo_changed"
    st.markdown(say(key, answer=plain(names[0]), now=plain(names[1]), **shares))
    labels = [class_name(side.model.classes[n]) for n in shown]
    was, is_now = ([float(one[n]) for n in shown] for one in (before, after))
    heads = (say("byhand.before"), say("byhand.after"))
    st.plotly_chart(figures.before_after(labels, was, is_now, heads), key=_key(side, "bars"), config=QUIET)
    rows = [
        [class_name(name), f"{p:.6g}", f"{q:.6g}"]
        for name, p, q in zip(side.model.classes, before.tolist(), after.tolist(), strict=True)
    ]
    _download(side, edits, [say("layers.class"), *heads], rows)

    def drawn() -> list[float]:
        return [float(byhand.class_chances(side, asked, one)[answer]) for one in _controls(asked, edits)]

    key_of = ("byhand_control", side.name, side.place, tuple(edit.text for edit in edits))
    others = store().get(key_of, drawn, (side.name,))
    st.caption(say("byhand.control", value=f"{sum(others) / DRAWS:.1%}"))


def _download(side: Side, edits: Sequence[Edit], head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The answer before and after, each line with the edits as the link writes them."""
    told = ",".join(edit.text for edit in edits)
    table = [[*row, told] for row in rows]
    csv_button(say("heads.download"), f"byhand_{side.kind}", lambda: as_csv([*head, say("byhand.shut")], table))


def _sentence(side: SentenceSide, asked: Subject, edits: Sequence[Edit]) -> None:
    """Each written piece before and after, then what is written anew."""
    assert asked.asked is not None
    written = asked.asked.cpu()

    def sure(shut: Sequence[Edit]) -> torch.Tensor:
        return byhand.sureness(asked, byhand.piece_chances(asked, shut))

    after = byhand.piece_chances(asked, edits)
    was, now = sure(()), byhand.sureness(asked, after)
    would = [piece_text(piece) for piece in side.model.pieces(after.argmax(-1))]
    words = [piece_text(piece) for piece in side.translation.target.pieces]
    changed = int((after.argmax(-1) != written).sum())
    st.markdown(say("byhand.sentence", changed=changed, count=len(words)))
    heads = [say(f"byhand.{name}") for name in ("before", "after", "would")]
    st.html(pieces_before_after(words, was.tolist(), now.tolist(), would, heads))
    rows = [
        [word, f"{p:.6g}", f"{q:.6g}", other]
        for word, p, q, other in zip(words, was.tolist(), now.tolist(), would, strict=True)
    ]
    _download(side, edits, [say("layers.written"), *heads], rows)
    means = [float(one.log().mean().exp()) for one in (was, now)]
    others = [float(sure(one).log().mean().exp()) for one in _controls(asked, edits)]
    st.caption(say("byhand.sure", before=f"{means[0]:.1%}", after=f"{means[1]:.1%}"))
    st.caption(say("byhand.control", value=f"{sum(others) / DRAWS:.1%}"))
    if st.toggle(say("byhand.anew"), key=_key(side, "anew")):
        text = byhand.written_anew(side, asked, edits)
        for name, line in zip(heads[:2], marked(side.translation.text, text), strict=True):
            st.html(f"<p style='margin:0;opacity:.75'>{html.escape(name)}</p><p>{line}</p>")
