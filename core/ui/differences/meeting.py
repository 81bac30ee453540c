"""Section 9, where the two meet: the captioner tells a scene, the translator reads what it told, and both
cross-attentions stand side by side."""

import streamlit as st
import torch

from core import samples
from core.attention.trace import AttentionTrace
from core.differences import meeting
from core.differences.meeting import Read
from core.errors import SidelightError
from core.finetune.data.bundled import every_picture
from core.models.captioning import Caption
from core.models.translation import Translation
from core.scenes import Language, Layout, render
from core.scenes.pointing import cover, pointing
from core.scenes.text import read
from core.ui import choices, work
from core.ui.bridge import run
from core.ui.differences.lesson import Lesson, note, piece_name
from core.ui.differences.measure import cell, table
from core.ui.differences.pick import place
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say, show_error
from core.ui.plain import piece_text
from core.views.light import lit_photo, times_even
from core.views.lit_words import lit_words

LANGUAGE: Language = "en"  # of the caption: what the bundled translator reads
FIRST = 1  # of the samples: both decoders read the things themselves there
SHOWN, REACH = 400, 3  # px of the scene; doublings of an even share that light a word fully
ALIKE = 1.5  # times: nearer than that, neither share is larger


def show(lesson: Lesson) -> None:
    st.markdown(say("meet.lead"))
    layout = _choose()
    scene = render(layout, every_picture())
    try:
        name, _ = work.captioner_or_bundled(run.NAME)
        caption = run.told(name, scene, "stretch", LANGUAGE).awaited()
        first = caption.text.partition(". ")[0].removesuffix(".") + "."  # small translators are lost in the next ones
        translation = work.translate(lesson.translation_name, first, lesson.target)
    except SidelightError as error:
        show_error(error)
        return
    told = [[say("meet.tells"), cell(caption.text)], [say("meet.translates"), cell(translation.text)]]
    table(["", say("meet.text")], told, texts=2)
    found = {name: both for name, *both in meeting.meetings(caption, translation, LANGUAGE)}
    if not found:
        st.info(say("meet.none"))
    else:
        _named(lesson, layout, caption, translation, found)
    _same(caption, translation)
    link = {"scene": st.session_state.meet_scene}
    st.page_link("pages/bridge.py", label=say("meet.more"), icon=":material/arrow_forward:", query_params=link)


def _choose() -> Layout:
    texts = samples.scenes()
    chosen = st.segmented_control(
        say("bridge.scene"),
        texts,
        format_func=lambda text: say("bridge.scene_numbered", number=texts.index(text) + 1),
        required=True,
        **choices.widget("meet", "meet_scene", texts, texts[FIRST]),
    )
    layout = read(chosen, len(every_picture()))
    assert layout, "only samples are offered"
    return layout


def _named(lesson: Lesson, layout: Layout, caption: Caption, translation: Translation, found: dict[str, list]) -> None:
    """A thing's name as both write it, and what each read then."""
    name = st.segmented_control(
        say("meet.name"),
        list(found),
        format_func=lambda one: say(f"class.{one}"),
        required=True,
        **choices.widget("meet_name", "meet_name", list(found), next(iter(found))),
    )
    position, looked, wrote = found[name]
    (patch, share), (piece, share2) = looked.strongest, wrote.strongest
    ratio = share2 / share
    truth = "same" if 1 / ALIKE < ratio < ALIKE else "piece" if ratio > 1 else "patch"
    told = say(
        "meet.told",
        patch=_position(caption, patch),
        share=f"{share:.1%}",
        even=f"{1 / len(looked.row):.1%}",
        piece=piece_name(translation.source.pieces[piece]),
        share2=f"{share2:.1%}",
        even2=f"{1 / len(wrote.row):.1%}",
    )
    options = {one: say(f"meet.{one}") for one in ("patch", "piece", "same")}
    thing = say(f"class.{name}")
    question = say("meet.ask", name=thing)
    key = f"meet_{samples.scenes().index(st.session_state.meet_scene)}_{name}"
    if not ask_option(lesson, key, question, options, lambda one: Verdict(one == truth, told)):
        return
    left, right = st.columns(2, gap="large")
    with left:
        _heading("meet.captioner_writes", caption, looked)
        axis = caption.source
        times = times_even(looked.row[axis.patches].reshape(axis.grid))
        st.image(
            lit_photo(render(layout, every_picture()), times, SHOWN),
            width=SHOWN,
            alt=say("meet.captioner_writes", piece=thing),
        )
        covered = cover(layout, name, axis.grid)
        if covered is not None:
            on, lies = pointing(looked.row[axis.patches], covered)
            values = {"name": thing, "share": f"{lies:.0%}", "area": f"{float(covered.mean()):.0%}"}
            st.caption(say("meet.on" if on else "meet.beside", **values))
    with right:
        _heading("meet.translator_writes", translation, wrote)
        st.html(
            lit_words([piece_text(one) for one in translation.source.pieces], times_even(wrote.row).tolist(), REACH)
        )
        st.caption(say("meet.right" if wrote.strongest[0] == position else "meet.wrong", piece=thing))
    st.caption(say("meet.light"))


def _heading(key: str, written: Caption | Translation, what: Read) -> None:
    st.markdown(f"**{say(key, piece=piece_name(written.target.pieces[what.step]))}**")


def _position(caption: Caption, key: int) -> str:
    """A patch by its place; CLS by its name."""
    axis = caption.source
    return axis.labels[key] if axis.special[key] else place(key - axis.patches.start, axis.grid)


def _same(caption: Caption, translation: Translation) -> None:
    """What is the same in both, and what differs, with this run's numbers."""
    st.markdown(f"### {say('meet.compared')}")
    rows, columns = caption.source.grid
    keys = say("meet.grid", rows=rows, columns=columns, count=len(caption.source))
    row = say("meet.row", count=len(translation.source))
    orders = [meeting.going_on(traces["cross"]) for traces in (caption.traces, translation.traces)]
    every = [
        ("queries", *(say("meet.pieces", count=len(one.target)) for one in (caption, translation))),
        ("keys", keys, row),
        ("maps", *(_maps(one.traces["cross"]) for one in (caption, translation))),
        ("marks", *(f"{_on_marks(one.traces['cross'], one.source.special):.0%}" for one in (caption, translation))),
        ("order", *(say("meet.steps", count=a, all=b) for a, b in orders)),
        ("places", say("meet.places_patches"), say("meet.places_pieces")),
    ]
    cells = [[f"**{say(f'meet.{name}')}**", one, other] for name, one, other in every]
    table(["", say("meet.captioner"), say("meet.translator")], cells, texts=3)
    st.latex(r"\mathrm{softmax}\big(\mathbf{q}_t\mathbf{K}^\top/\sqrt{d_k}\big)\,\mathbf{V}")
    note(say("meet.symbols"))
    note(say("meet.note"))


def _maps(cross: AttentionTrace) -> str:
    size = f"{len(cross.query_axis)} × {len(cross.key_axis)}"
    return say("meet.of_size", layers=cross.layers, heads=cross.heads, size=size)


def _on_marks(cross: AttentionTrace, special: tuple[bool, ...]) -> float:
    return float(meeting.last_map(cross)[:, torch.tensor(special)].sum(-1).mean())
