"""What the page Bridge shows, from the picture to each section."""

import math
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.attention.parts import SINK, sinks
from core.attention.trace import AttentionTrace
from core.models.captioning import Caption, Captioner
from core.models.vision_language import LONGEST_PROMPT, VisionLanguage
from core.scenes import LANGUAGES, Language
from core.scenes.words import name_chances
from core.store import store
from core.ui import beams, choices, inputs, linked, steps, work
from core.ui.bridge import heads, match, paint, picture, run, where
from core.ui.bridge.picture import Picture
from core.ui.copyable import copyable
from core.ui.language import language, say
from core.ui.plain import piece_text, plain
from core.views.linked import state
from core.views.linked.cards import Card, Doubt

SECTIONS = ("where", "paint", "heads", "steps", "match")
NAMED = 6  # sinks that are named
LONGEST = 300  # characters of a caption that is typed


def choose() -> tuple[Picture, run.Told]:
    """The picture and how it is told: the captioner, its language, beams, a caption to be judged; all on one line."""
    left, right = inputs.line()
    with left:
        chosen = picture.choose()
    with right:
        words = st.container(horizontal=True, key="bridge_words", gap="xsmall", vertical_alignment="center")
        behind = inputs.settings(inputs.short_title("captioning", choices.remembered("captioner")))
        with behind:
            name = inputs.choose_model("captioning", "captioner")
    name, model = work.captioner_or_bundled(name)
    count = 1  # beams of a vision-language model, which writes the likeliest piece at each step
    if not model.prompted:
        count = behind.slider(say("translation.beams"), 1, 5, **choices.widget("beams", "beams", range(1, 6), 1))
    with words:
        spoken, prompt = (_language(model), "") if not model.prompted else ("en", _prompt())
        with st.popover(say("bridge.claim"), icon=":material/edit_note:", key="bridge_claim"):
            claim = st.text_input(
                say("bridge.claim_label"), help=say("bridge.claim_help"), **choices.typed("claim", "claim", "", LONGEST)
            )
            st.button(say("bridge.claim_clear"), key="claim_clear", on_click=choices.write, args=("claim", "", ""))
    return chosen, run.told(name, chosen.image, chosen.fit, spoken, count, claim.strip(), prompt)


def _prompt() -> str:
    usual = say("bridge.prompt_usual")
    typed = st.text_input(
        say("bridge.prompt"),
        help=say("bridge.prompt_help"),
        label_visibility="collapsed",
        **choices.typed("prompt", "bridge_prompt", usual, LONGEST_PROMPT),
    )
    return typed.strip() or usual


def _language(model: Captioner | VisionLanguage) -> Language:
    """What it writes, where it can be told; else names of things are looked for in English."""
    offered = [code for code in LANGUAGES if code in model.languages]
    if not offered:
        return "en"
    usual: Language = "zh" if language() == "zh" else "en"
    return st.segmented_control(
        say("bridge.language"),
        offered,
        format_func=lambda code: say(f"bridge.language_{code}"),
        required=True,
        label_visibility="collapsed",
        wrap=False,
        **choices.widget("tell", "bridge_language", offered, usual),
    )


def show(chosen: Picture, told: run.Told) -> None:
    """Raises SidelightError."""
    caption = told.awaited()
    if told.claim:
        _judge(told, caption)
    _open(chosen, told, caption)
    card = _prompted(chosen, told, caption) if caption.context else _told(chosen, caption)
    card = card and replace(card, doubts=_doubts(chosen, told, caption))
    linked.show([card], f"bridge_{st.session_state.get('moves', 0)}")
    if caption.context:
        st.caption(say("bridge.prompted_note"))
    if not told.claim:
        copyable(caption.text, "caption_text")
    fitting = [one for one in SECTIONS if one != "heads" or "encoder" in caption.traces]
    section = inputs.choose_section("bridge", fitting, "bridge")
    if section == "where":
        where.show(chosen, told)
    elif section == "paint":
        paint.show(chosen, told)
    elif section == "heads":
        heads.show(chosen, told)
    elif section == "match":
        match.show(chosen)
    else:
        st.header(say("translation.steps"))
        steps.show(caption.steps)
        if not (told.claim or told.prompt):  # a typed caption was not searched, an answer is with one beam
            beams.show("bridge", told.tree)


def _told(chosen: Picture, caption: Caption) -> Card | None:
    return linked.card(
        caption.traces,
        linked.photo_title(say("bridge.card", title=chosen.title), caption.source),
        chosen.image,
        written=caption.target,
        named=chosen.boxes,
        sure=[step.probability for step in caption.steps],
    )


def _prompted(chosen: Picture, told: run.Told, caption: Caption) -> Card:
    """Of a model whose one attention reads the photo, the prompt and what it writes."""
    prompt, *others = caption.context
    pictures = [caption.traces["cross"], *(one for one in others if one.key_axis.input_place)]
    shown = _grid(pictures) if len(pictures) > 1 else pictures[0]
    rest = [one for one in (pictures[0], *others) if one is not shown]
    drawn = store().get(
        ("sinks", *told.key, shown.key_axis.input_place), lambda: sinks([shown, prompt, *rest])[:2], (told.name,)
    )
    _sinks(shown, prompt, drawn)
    title = say("bridge.prompted", model=plain(work.captioner(told.name).name), title=chosen.title)
    return linked.parts(
        (shown, prompt, caption.traces["decoder"]),
        rest,
        linked.photo_title(title, shown.key_axis),  # type: ignore[arg-type]
        chosen.image,
        named=chosen.boxes,
        sure=[step.probability for step in caption.steps],
        sinks=drawn,
    )


def _sinks(photo: AttentionTrace, prompt: AttentionTrace, drawn: Sequence[tuple[int, ...]]) -> None:
    """Which patches and tokens draw attention from every word, where there are any, and that they can be hidden."""
    axis, asked = photo.key_axis, prompt.key_axis
    cells = [axis.labels[n].split(",") for n in drawn[0]]
    names = [say("lessons.patch_at", row=row, column=column) for row, column in cells]
    names += [f"“{plain(piece_text(asked.labels[n]))}”" for n in drawn[1]]
    if names:
        told = say("list.comma").join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])
        st.caption(
            say("bridge.sinks", names=told, times=f"{SINK:g}", hide=say("view.hide_sinks"), where=say("view.more"))
        )


def _grid(grids: list[AttentionTrace]) -> AttentionTrace:
    """Tiles, or the whole photo small, as the model was given both."""
    offered = range(len(grids))
    names = [dict(zip(("rows", "columns"), one.key_axis.grid, strict=True)) for one in grids]
    number = st.segmented_control(
        say("bridge.grids"),
        offered,
        format_func=lambda n: say("bridge.grid_whole" if n else "bridge.grid_fine", **names[n]),
        required=True,
        label_visibility="collapsed",
        **choices.widget("grid", "bridge_grid", offered, 0, choices.from_one),
    )
    return grids[number]


def _judge(told: run.Told, caption: Caption) -> None:
    """How probable the typed caption is to the model, beside its own."""
    own = replace(told, claim="").awaited()
    st.markdown(
        say(
            "bridge.judged",
            typed=plain(caption.text),
            score=f"{math.exp(caption.score):.1%}",
            own=plain(own.text),
            own_score=f"{math.exp(own.score):.1%}",
        )
    )


def _doubts(chosen: Picture, told: run.Told, caption: Caption) -> tuple[Doubt, ...]:
    """What it is not sure of, where that was measured; the bundled one's of a photo of the world what it knows."""
    found: list[Doubt] = []
    if chosen.layout is None and told.name == run.NAME:
        found.append(Doubt(say("bridge.knows_short"), say("bridge.knows")))
    least = None if told.claim else work.captioner(told.name).unsure
    if least is not None:
        chances = name_chances(caption.target, caption.steps, told.language)
        doubtful = [f"{say(f'class.{name}')} {chance:.0%}" for name, chance in chances.items() if chance < least]
        if doubtful:
            text = say("bridge.unsure", names=say("list.comma").join(doubtful))
            found.append(Doubt(text, text, say("bridge.unsure_help", least=f"{least:.0%}")))
    return tuple(found)


def _open(chosen: Picture, told: run.Told, caption: Caption) -> None:
    """A first visit, and each new picture or language, begins with a name locked (`where.first_asked`); what the link
    says wins."""
    before = st.session_state.get("bridge_opened", told.key if choices.said("view") else None)
    st.session_state.bridge_opened = told.key
    if told.key == before:
        return
    step, depth = where.first_asked(chosen, told)
    places = {"caption": f"t{caption.target.words[step]}", "merge": ""}  # counted in whole words
    choices.write("view", state.moved(choices.remembered("view"), depth, places), "")
    st.session_state.moves = st.session_state.get("moves", 0) + 1
