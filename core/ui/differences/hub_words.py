"""Other tasks, those that guess words: going on from a beginning, filling a blank, and the twins, of which one sees
what follows and the other does not."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core import samples
from core.models import catalogue
from core.models.decoding import Step
from core.models.filling import BLANK, Guessed
from core.models.generation import Continuation, Generator
from core.models.pieces import clean
from core.ui import linked, steps, work
from core.ui.differences.lesson import Lesson
from core.ui.language import language, say
from core.ui.plain import piece_text, plain
from core.views.charts import QUIET, pair_bars, probability_bars
from core.views.differences.figures import piece_bars

LONGEST = 4000  # characters that are typed
READS, WRITES = (catalogue.named(task)[0] for task in ("fill", "generate"))


def typed(name: str, height: int = 160) -> str:
    """A text of one's own, a passage at first."""
    text = samples.passages()[name]
    return st.text_area(say(f"lesson_hub.{name}_text"), text, height, LONGEST, key=f"hub_{name}_text")


def generate(lesson: Lesson, name: str) -> None:
    prompt = typed("prompt", 68)
    left, right = st.columns(2)
    count = left.slider(say("lesson_hub.pieces"), 5, 100, 30, key="hub_pieces")
    heat = right.slider(say("lesson_hub.heat"), 0.0, 1.5, 0.0, 0.1, key="hub_heat", help=say("lesson_hub.heat_help"))
    nucleus = left.slider(
        say("lesson_hub.top_p"),
        0.05,
        1.0,
        1.0,
        0.05,
        disabled=not heat,
        help=say("lesson_hub.top_p_help"),
        key="hub_top_p",
    )
    seed = int(right.number_input(say("lesson_hub.seed"), 0, 9999, 0, key="hub_seed", disabled=not heat))
    found: Continuation | None = work.hub_answer(
        "generate",
        name,
        (prompt, count, heat, nucleus, seed),
        lambda model, on_step: model.go_on(prompt, count, heat, seed, nucleus, on_step=on_step),
    )
    if found is None:
        return
    st.markdown(f"{plain(prompt.strip())} **{plain(found.text.strip())}**")
    pieces = [step.piece for step in found.steps]
    figure = piece_bars(pieces, [step.probability for step in found.steps], say("lesson_task.step_probability"))
    st.plotly_chart(figure, key="hub_steps", config=QUIET)
    _instead(name, found)
    written = range(found.prompt, len(found.axis))
    linked.show([linked.card(found.traces, _title(name), marked=written)], "hub_text")


def _instead(name: str, found: Continuation) -> None:
    """One step, what else might have been written there, and a button for each to go on from it."""
    with st.expander(say("lesson_hub.steps")):
        at = _position("hub_step", [step.piece for step in found.steps], say("lesson_hub.step"))
        st.caption(say("lesson_hub.instead"))
        with st.container(horizontal=True):
            for choice, (piece, chance) in enumerate(found.steps[at].alternatives):
                st.button(
                    f"{piece_text(piece)} {chance:.1%}",
                    key=f"hub_instead_{choice}",
                    on_click=partial(_take, name, found, at, choice),
                )
        steps.show(found.steps, "lesson_hub.steps_help")


def _take(name: str, found: Continuation, step: int, choice: int) -> None:
    model: Generator = work.hub_model("generate", name)
    st.session_state["hub_prompt_text"] = model.instead(found, step, choice)


def fill(lesson: Lesson, name: str) -> None:
    text = typed("blank", 68)
    st.caption(say("lesson_hub.blank_help"))
    found: Guessed | None = work.hub_answer("fill", name, (text,), lambda model, _: model.fill(text))
    if found is None:
        return
    st.markdown(_filled(BLANK.split(clean(text)), [piece_text(step.piece) for step in found.steps]))
    for number, step in enumerate(found.steps):
        _guesses(step, f"hub_blank_{number}")
    if len(found.steps) > 1:
        st.caption(say("lesson_hub.blanks"))
    linked.show([linked.card(found.traces, _title(name), marked=found.positions)], "hub_text")


def both(lesson: Lesson, name: str) -> None:
    """The same sentence, each piece of it guessed by either twin, and the attention of both."""
    st.markdown(say("lesson_hub.both_lead"))
    text = typed("twins", 68)
    both_ways = guesses(text)
    if both_ways is None:
        return
    reads, writes = both_ways
    pieces = [step.piece for step in reads.steps]
    ways = {"both": reads, "before": writes}
    shares = {say(f"lesson_hub.from_{way}"): [step.probability for step in found.steps] for way, found in ways.items()}
    st.plotly_chart(pair_bars(pieces, shares, say("lesson_hub.right")), key="hub_pair", config=QUIET)
    st.markdown(say("lesson_hub.both_mean", both=f"{reads.nats:.2f}", before=f"{writes.nats:.2f}"))
    at = _position("hub_at", pieces, say("lesson_hub.at"), len(pieces) // 3)
    for place, (way, found) in zip(st.columns(2), ways.items(), strict=True):
        with place:
            st.markdown(say(f"lesson_hub.guess_{way}", piece=plain(piece_text(pieces[at]))))
            _guesses(found.steps[at], f"hub_guess_{way}")
    st.caption(say("lesson_hub.both_attention"))
    cards = [
        linked.card(found.traces, catalogue.title(card, language()), marked=[reads.positions[at]])
        for card, found in ((READS, reads), (WRITES, writes))
    ]
    linked.show(cards, "hub_text")


def guesses(text: str) -> tuple[Guessed, Guessed] | None:
    """Each piece of a text as the twin that reads both ways and the one that writes guess it; None while they do.
    Raises SidelightError."""
    reads: Guessed | None = work.hub_answer("fill", READS.key, (text, "each"), lambda model, _: model.guess(text))
    writes: Guessed | None = work.hub_answer("generate", WRITES.key, (text, "each"), lambda model, _: model.guess(text))
    return (reads, writes) if reads and writes else None


def vocabulary_size() -> int:
    """Of the twins, which have one."""
    model: Generator = work.hub_model("generate", WRITES.key)
    return model.module.config.vocab_size


def _filled(parts: Sequence[str], words: Sequence[str]) -> str:
    """The text with these words where it was cut, in bold."""
    told = plain(parts[0])
    for before, word, after in zip(parts, words, parts[1:], strict=False):
        told += " " * before.endswith(" ") + f"**{plain(word)}**" + " " * after.startswith(" ") + plain(after)
    return told


def _title(name: str) -> str:
    card = catalogue.language_model(name)
    return catalogue.title(card, language()) if card else name


def _guesses(step: Step, key: str) -> None:
    names = [piece_text(piece) for piece, _ in step.alternatives]
    figure = probability_bars(names, [chance for _, chance in step.alternatives])
    st.plotly_chart(figure, key=key, config=QUIET)


def _position(key: str, pieces: Sequence[str], label: str, start: int = 0) -> int:
    """One of the pieces, by its number."""
    if len(pieces) < 2:
        return 0
    numbers = range(len(pieces))
    # What was chosen for another text may be beyond this one. Set anew in any case, as in `choices.typed`.
    chosen = st.session_state.get(key)
    st.session_state[key] = chosen if chosen in numbers else start
    return st.select_slider(label, numbers, format_func=lambda n: f"{n + 1} · {piece_text(pieces[n])}", key=key)
