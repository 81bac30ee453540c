"""Section 7, cost: what both models take on this machine, how it grows, and what makes it less."""

import math

import streamlit as st
import torch

from core.differences import cost
from core.ui import background, choices
from core.ui.differences import choose, precisions
from core.ui.differences.lesson import Lesson, note
from core.ui.differences.measure import large, table, title
from core.ui.differences.quiz import Verdict, ask_option
from core.ui.language import say
from core.ui.numbers import power_of_ten
from core.views.charts import QUIET
from core.views.differences.charts import lines, pairs_of_bars, powers

PARTS = ("now", "growth", "fused", "precision", "choose")


def show(lesson: Lesson) -> None:
    st.markdown(say("cost.lead"))
    chosen = st.segmented_control(
        say("cost.parts"),
        PARTS,
        format_func=lambda name: say(f"cost.{name}"),
        default=None,
        required=True,
        label_visibility="collapsed",
        **choices.widget("cost", "cost_part", PARTS, PARTS[0]),
    )
    parts = {"now": _now, "growth": _growth, "fused": _fused, "precision": precisions.show, "choose": choose.show}
    parts[chosen or PARTS[0]](lesson)


def _runs(lesson: Lesson) -> dict[str, cost.Run]:
    """The photo's pass; the sentence's search; and one pass over the finished translation."""
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)
    output = torch.tensor([lesson.translation.ids[:-1]], device=source.device)
    pixels = lesson.vision_model.pixels(lesson.vision.fitted.pixels)
    return {
        "see": lambda: lesson.vision_model.forward(pixels),
        "read": cost.read_along(lesson.translator, source, output),
        "search": lambda: lesson.translator.search(source),
    }


def _now(lesson: Lesson) -> None:
    runs = _runs(lesson)
    counted = lesson.of_both("operations", lambda: {name: cost.operations(run) for name, run in runs.items()})

    def check(choice: str) -> Verdict:
        one, two = counted["see"].total, counted["search"].total
        ratio = one / two
        actual = "more" if ratio > 3 else "less" if ratio < 1 / 3 else "alike"
        return Verdict(
            choice == actual, say("cost.q_flops_answer", photo=large(one), sentence=large(two), ratio=f"{ratio:.2g}")
        )

    options = {name: say(f"cost.q_{name}") for name in ("more", "alike", "less")}
    if not ask_option(lesson, "cost_flops", say("cost.q_flops"), options, check):
        return
    model = lesson.vision_model
    seconds = 2 + 6 * model.operations(len(lesson.vision.axis)) / model.rate()
    found = background.result(
        ("here", lesson.run),
        title("here", seconds),
        lambda on_step: _measure(runs, background.shares(on_step)),
        lesson.models,
        wait=True,
    )
    modules = {"see": lesson.vision_model.module, "read": lesson.translator.module, "search": lesson.translator.module}
    sizes = {
        "see": f"{len(lesson.vision.axis)}",
        "read": f"{len(lesson.translation.source)} + {len(lesson.translation.target)}",
        "search": f"{len(lesson.translation.source)} + {len(lesson.translation.target)}",
    }
    rows = [
        [say("cost.positions"), *(sizes[name] for name in runs)],
        [say("cost.parameters"), *(large(cost.learnt(modules[name])) for name in runs)],
        [say("cost.weights"), *(f"{cost.weight_bytes(modules[name]) / 1e6:.1f} MB" for name in runs)],
        [say("cost.flops"), *(large(counted[name].total) for name in runs)],
        [say("cost.attention_flops"), *(f"{counted[name].share:.1%}" for name in runs)],
    ]
    if found:
        rows += [
            [say("cost.latency"), *(f"{found[name][0].seconds * 1000:.0f} ms" for name in runs)],
            [say("cost.attention_time"), *(f"{found[name][0].share:.1%}" for name in runs)],
            [say("cost.memory"), *(f"{found[name][1] / 1e6:.1f} MB" for name in runs)],
            [say("cost.rate"), *(large(counted[name].total / found[name][0].seconds) for name in runs)],
        ]
    table(["", *(say(f"cost.{name}") for name in runs)], rows)
    note(say("cost.flops_note"))
    if found:
        values = {
            "ratio": f"{found['search'][0].seconds / found['read'][0].seconds:.0f}",
            "n": len(lesson.translation.target),
            "work": f"{counted['search'].total / counted['read'].total:.1f}",
        }
        note(say("cost.parallel", **values))
    st.caption(_machine(lesson))


def _machine(lesson: Lesson) -> str:
    return say(
        "cost.machine", device=str(lesson.vision_model.device), threads=torch.get_num_threads(), torch=torch.__version__
    )


def _measure(runs: dict[str, cost.Run], tell: cost.Tell) -> dict[str, tuple[cost.Timing, int]]:
    found = {}
    for number_, (name, run) in enumerate(runs.items()):
        with cost.MEASURING:
            found[name] = cost.timing(run), cost.peak_bytes(run)
        tell((number_ + 1) / len(runs))
    return found


def _growth(lesson: Lesson) -> None:
    model = lesson.vision_model
    sizes = cost.vision_sizes(model)
    note(say("cost.growth_why"))
    positions = [(side // model.patch) ** 2 + len(model.prefix) for side in sizes]
    seconds = 6 + 5 * sum(model.operations(n) for n in positions) / model.rate()
    source, _ = lesson.translator.source_pieces(lesson.sentence, lesson.target)

    def compute(on_step: background.OnStep) -> tuple:
        tell = background.shares(on_step)
        seen = cost.vision_growth(model, sizes, lambda share: tell(share / 2))
        return seen, *cost.text_growth(lesson.translator, source, tell=lambda share: tell(0.5 + share / 2))

    key = ("growth", lesson.vision_name, lesson.sentence_run)
    found = background.result(key, title("growth", seconds), compute, lesson.models, wait=True)
    if found is None:
        return
    seen, at_once, stepwise = found
    points = {
        say("cost.see"): [(p.positions, p.seconds) for p in seen],
        say("cost.read"): [(p.positions, p.seconds) for p in at_once],
        say("cost.write"): list(stepwise),
    }
    work = {
        say("cost.see"): [(p.positions, p.operations) for p in seen],
        say("cost.read"): [(p.positions, p.operations) for p in at_once],
    }
    left, right = st.columns(2, gap="large")
    with left:
        fits = _fits(points)
        st.markdown(f"**{say('cost.time')}**")
        st.plotly_chart(powers(points, fits, say("cost.n"), say("cost.seconds")), key="growth_time", config=QUIET)
    with right:
        st.markdown(f"**{say('cost.share')}**")
        shares = {
            say("cost.see"): [(p.positions, p.attention_operations) for p in seen],
            say("cost.read"): [(p.positions, p.attention_operations) for p in at_once],
        }
        figure = lines(shares, say("cost.n"), say("cost.share_flops"), log=True)
        st.plotly_chart(figure, key="growth_share", config=QUIET)
        spent = {
            say("cost.see"): [(p.positions, p.attention_time) for p in seen],
            say("cost.read"): [(p.positions, p.attention_time) for p in at_once],
        }
        figure = lines(spent, say("cost.n"), say("cost.share_time"), log=True)
        st.plotly_chart(figure, key="growth_share_time", config=QUIET)
    work_fits = _fits(work)
    table(
        ["", say("cost.power_time"), say("cost.power_flops"), say("cost.power_size")],
        [
            [name, *(_power(fits.get(name))), *(_power(work_fits.get(name))), _by_size(name, work_fits, seen)]
            for name in points
        ],
    )
    note(say("cost.growth_note"))
    if lesson.vision.traces and seen[-1].attention_operations:  # each position with each, all of it counted
        crossing = seen[-1].crossing
        note(say("cost.growth_crossing", cross=f"{crossing:,}", side=f"{math.sqrt(crossing) * model.patch:.0f}"))


def _fits(points: dict) -> dict[str, tuple[float, float]]:
    return {name: cost.power(pairs) for name, pairs in points.items() if len({x for x, _ in pairs}) > 1}


def _power(fit: tuple[float, float] | None) -> tuple[str]:
    return (_raised("N", fit[1]) if fit else "–",)


def _by_size(name: str, fits: dict, seen: tuple) -> str:
    """The power by which a picture's cost grows with its side; a sentence's N is its size already."""
    if name not in fits:
        return "–"
    if name != say("cost.see"):
        return _raised(rf"\text{{{say('cost.pieces')}}}", fits[name][1])
    return _raised(rf"\text{{{say('cost.side')}}}", cost.power([(p.size, p.operations) for p in seen])[1])


def _raised(base: str, power: float) -> str:
    return f"${base}^{{{power:.2f}}}$"


def _fused(lesson: Lesson) -> None:
    model = lesson.vision_model
    note(say("cost.fused_why"))
    if not model.can_unfuse:
        st.info(say("cost.no_fused"))
        return
    every = cost.vision_sizes(model, 520)
    sizes = sorted({every[len(every) // 3], every[-1]})
    positions = [(side // model.patch) ** 2 + len(model.prefix) for side in sizes]
    seconds = 2 + 12 * sum(model.operations(n) for n in positions) / model.rate()
    found = background.result(
        ("unfused", lesson.vision_name),
        title("unfused", seconds),
        lambda on_step: cost.unfused(model, sizes, background.shares(on_step)),
        (lesson.vision_name,),
        wait=True,
    )
    if found is None:
        return
    labels = [f"{one.size} px, N = {one.positions:,}" for one in found]
    left, right = st.columns(2, gap="large")
    names = say("cost.fused_one"), say("cost.unfused_one")
    with left:
        series = {names[0]: [one.fused * 1000 for one in found], names[1]: [one.unfused * 1000 for one in found]}
        st.plotly_chart(pairs_of_bars(labels, series, say("cost.time_ms")), key="fused_time", config=QUIET)
    with right:
        series = {names[0]: [o.fused_bytes / 1e6 for o in found], names[1]: [o.unfused_bytes / 1e6 for o in found]}
        st.plotly_chart(pairs_of_bars(labels, series, say("cost.memory_mb")), key="fused_memory", config=QUIET)
    last = found[-1]
    values = {
        "px": last.size,
        "time": f"{last.unfused / last.fused:.2f}",
        "memory": f"{last.unfused_bytes / last.fused_bytes:.1f}",
        "difference": power_of_ten(max(one.difference for one in found), 0),
    }
    note(say("cost.fused_note", **values))
