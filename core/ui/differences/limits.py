"""Strengths and limits, each as a small experiment on one's own photo and sentence."""

from collections.abc import Sequence

import streamlit as st

from core import wording
from core.differences import limits, moved
from core.models.vision import VisionResult
from core.ui import choices
from core.ui.differences import learning
from core.ui.differences.lesson import Lesson, joined, note
from core.ui.differences.measure import cell, table
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import class_name, say
from core.ui.plain import plain
from core.views.charts import QUIET
from core.views.differences.charts import lines
from core.views.differences.figures import patch_picture
from core.views.light import lit_photo, times_even

CUT = 0.5  # agreement: what is called little
SIDE = 240  # px, of the pictures


PARTS = ("now", "few", "sharing")


def show(lesson: Lesson) -> None:
    st.markdown(say("limits.lead"))
    chosen = st.segmented_control(
        say("limits.parts"),
        PARTS,
        format_func=lambda name: say(f"limits.{name}"),
        required=True,
        label_visibility="collapsed",
        **choices.widget("limits", "limits_part", PARTS, PARTS[0]),
    )
    {"now": _now, "few": learning.few, "sharing": learning.shared}[chosen](lesson)


def _now(lesson: Lesson) -> None:
    _memory(lesson)
    st.divider()
    _moved(lesson)
    st.divider()
    st.markdown(f"### {say('limits.shift')}")
    note(say("limits.shift_why"))
    _photo(lesson)
    st.divider()
    _sentence(lesson)


def _memory(lesson: Lesson) -> None:
    st.markdown(f"### {say('limits.parallel')}")
    rows = []
    for name, trace in lesson.traces.items():
        maps, vectors = limits.memory(trace)
        steps = len(lesson.translation.target) if name in ("decoder", "cross") else 1
        size = f"{len(trace.query_axis)}\u00a0×\u00a0{len(trace.key_axis)}"
        rows.append([say(f"maths.{name}"), size, str(steps), f"{wording.large(maps)}B", f"{wording.large(vectors)}B"])
    table(["", "N × N", say("limits.steps"), say("limits.maps"), say("limits.vectors")], rows)
    note(say("limits.parallel_note", n=len(lesson.translation.target)))


def _moved(lesson: Lesson) -> None:
    """What the photo's places give when the camera moves: of the convolution, and after all layers."""
    st.markdown(f"### {say('limits.moved')}")
    side = lesson.vision.fitted.pixels.width
    most = moved.most(lesson.vision_model, side)
    note(say("limits.moved_why", most=most))

    def found() -> moved.Moved:
        return lesson.of_picture("moved", lambda: moved.moved(lesson.vision_model, lesson.image, side))

    def check(choice: str) -> Verdict:
        last = found().attention[-1]
        values = {"convolution": f"{found().convolution[-1]:.3f}", "attention": f"{last:.3f}"}
        return Verdict(choice == ("same" if last > 0.999 else _much(last)), say("limits.q_moved_answer", **values))

    options = {name: say(f"limits.q_{name}") for name in ("same", "keeps", "some", "loses")}
    if not ask_option(lesson, "limits_moved", say("limits.q_moved", most=most), options, check):
        return
    series: dict[str, Sequence[tuple[float, float | None]]] = {
        say("limits.by_convolution"): list(zip(found().moves, found().convolution, strict=True)),
        say("limits.by_attention"): list(zip(found().moves, found().attention, strict=True)),
    }
    if bare := found().bare:
        series[say("limits.by_bare")] = list(zip(found().moves, bare, strict=True))
    st.plotly_chart(lines(series, say("limits.moves"), say("limits.agreement_photo")), key="limits_moved", config=QUIET)
    note(say("limits.moved_note"))


def _photo(lesson: Lesson) -> None:
    st.markdown(f"**{say('limits.photo')}**")
    kind = (
        st.segmented_control(
            say("limits.kind"),
            limits.KINDS,
            format_func=lambda name: say(f"limits.{name}"),
            default=None,
            required=True,
            label_visibility="collapsed",
            **choices.widget("kind", "limits_kind", limits.KINDS, limits.KINDS[0]),
        )
        or limits.KINDS[0]
    )

    def shifted(strength: float) -> limits.Photo:
        return lesson.of_picture(
            ("photo_shift", kind, strength),
            lambda: limits.photo_shift(lesson.vision_model, lesson.vision, kind, strength),
        )

    def check(choice: str) -> Verdict:
        mid = shifted(0.5).shift.agreement
        return Verdict(choice == _much(mid), say("limits.q_photo_answer", agreement=f"{mid:.3f}"))

    options = {name: say(f"limits.q_{name}") for name in ("keeps", "some", "loses")}
    question = say("limits.q_photo", kind=say(f"limits.{kind}").lower())
    if not ask_option(lesson, f"limits_photo_{kind}", question, options, check):
        return
    strength = _share("strength", say("limits.strength"))
    found = shifted(strength)
    curve = [shifted(step).shift for step in limits.STRENGTHS]
    _pictures(lesson.vision, found)
    series: dict[str, Sequence[tuple[float, float | None]]] = {
        say("limits.agreement_photo"): [(s.strength, s.agreement) for s in curve],
        say("limits.drift"): [(s.strength, s.drift) for s in curve],
    }
    if curve[0].certainty is not None:
        label = plain(class_name(lesson.vision.predictions[0].label))
        series[say("limits.certainty_photo", label=label)] = [(s.strength, s.certainty) for s in curve]
    figure = lines(series, say("limits.strength"), "", strength).update_xaxes(tickformat=".0%")
    st.plotly_chart(figure, key="limits_photo_curve", config=QUIET)
    shift = found.shift
    said = say("limits.photo_says", label=plain(class_name(shift.said))) if shift.said else ""
    drift = "–" if shift.drift is None else f"{shift.drift:.2f}"
    note(joined(said, say("limits.photo_note", agreement=f"{shift.agreement:.2f}", drift=drift)))


def _pictures(clean: VisionResult, spoilt: limits.Photo) -> None:
    """The spoilt photo, and where either looks, as light on it."""
    one, two, three = st.columns(3)
    one.image(spoilt.image, width=SIDE, alt=say("limits.corrupted"))
    one.caption(say("limits.corrupted"))
    at, before = say("lessons.patch_at", row="{row}", column="{column}"), limits.reading_map(clean)
    lit = ((two, "before", clean.fitted.pixels, before), (three, "after", spoilt.image, spoilt.attention))
    for place, name, photo, values in lit:
        if values is not None:
            shown = lit_photo(photo, times_even(values))
            numbers = values.flatten().tolist()
            figure = patch_picture(shown, clean.axis.grid, at, height=SIDE + 8, values=numbers, gap=0)
            figure.update_xaxes(constraintoward="left")
            place.plotly_chart(figure, key=f"limits_{name}", config=QUIET)
            place.caption(say(f"limits.map_{name}"))


def _sentence(lesson: Lesson) -> None:
    st.markdown(f"**{say('limits.sentence')}**")

    def shifted(share: float) -> tuple[str, limits.Shift]:
        return lesson.of_sentence(
            ("sentence_shift", share),
            lambda: limits.sentence_shift(lesson.translator, lesson.translation, lesson.sentence, lesson.target, share),
        )

    def check(choice: str) -> Verdict:
        changed, mid = shifted(0.5)
        values = {"agreement": f"{mid.agreement:.3f}", "source": plain(changed), "said": plain(mid.said)}
        return Verdict(choice == _much(mid.agreement), say("limits.q_sentence_answer", **values))

    options = {name: say(f"limits.q_{name}") for name in ("keeps", "some", "loses")}
    question = say("limits.q_sentence", letters=limits.LEAST_LETTERS)
    if not ask_option(lesson, "limits_sentence", question, options, check):
        return
    label = say("limits.share", letters=limits.LEAST_LETTERS)
    share = _share("share", label)
    changed, shift = shifted(share)
    curve = [shifted(step)[1] for step in limits.STRENGTHS]
    table(
        ["", say("limits.source"), say("limits.translation")],
        [
            [say("limits.clean"), cell(lesson.sentence), cell(lesson.translation.text)],
            [say("limits.misspelt"), _marked(lesson.sentence, changed), cell(shift.said)],
        ],
        texts=3,
    )
    series: dict[str, Sequence[tuple[float, float | None]]] = {
        say("limits.agreement_sentence"): [(s.strength, s.agreement) for s in curve],
        say("limits.certainty_sentence"): [(s.strength, s.certainty) for s in curve],
        say("limits.drift_cross"): [(s.strength, s.drift) for s in curve],
    }
    figure = lines(series, label, "", share).update_xaxes(tickformat=".0%")
    st.plotly_chart(figure, key="limits_sentence_curve", config=QUIET)
    drift = "–" if shift.drift is None else f"{shift.drift:.2f}"
    values = {"agreement": f"{shift.agreement:.2f}", "certainty": f"{shift.certainty:.0%}", "drift": drift}
    note(say("limits.sentence_note", **values))


def _share(name: str, label: str) -> float:
    """A slider over 0 to 100 %."""
    chosen = choices.widget(name, f"limits_{name}", range(0, 101, 5), 50)
    return st.slider(label, 0, 100, step=5, format="%d%%", **chosen) / 100


def _much(agreement: float) -> str:
    return "keeps" if agreement > 0.9 else "some" if agreement > CUT else "loses"


def _marked(sentence: str, changed: str) -> str:
    """The misspelt sentence, its changed words bold."""
    pairs = zip(sentence.split(" "), changed.split(" "), strict=True)
    return " ".join(f"**{cell(new)}**" if new != old and cell(new) else cell(new) for old, new in pairs)
