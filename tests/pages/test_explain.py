"""The Explain page: each section on both sides, what cannot be explained, and work that goes on beside the page."""

import json
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import samples, wording
from core.attention.ablation import importance, without
from core.attention.faithfulness import Verdict, order
from core.attention.methods import METHODS, explain
from core.models.images import open_image
from core.models.subjects import photo_subject
from core.models.vision import load_vision
from core.ui import background, work
from core.ui.explain import checks, verdict
from core.ui.explain.ablation import marked
from core.ui.explain.sides import head_text
from tests.pages.test_pages import opened as page
from tests.waiting import PATIENCE, until

CLASSIFIER = "vision-cifar10"
CAT = next(photo.path for photo in samples.photos() if photo.path.stem == "cat")
SECTIONS = ("maps", "heads", "ablation", "arithmetic")


def opened(section: str, language: str = "en", **state: object) -> AppTest:
    """On a photo of one of the model's classes, so that a class is asked for."""
    return page("explain", lang=language, explain=section, **{"photo": CAT.stem} | state)


def settled(app: AppTest) -> AppTest:
    """Run again, as the browser does, until no progress is left; not while what it waits for goes on."""
    end = time.monotonic() + PATIENCE
    while app.get("progress") and time.monotonic() < end:
        until(lambda: not background._works, "the end of all work")
        app.run()
    assert not app.get("progress"), "still at it"
    return app


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page itself, on 112 px: 64 patches."""
    monkeypatch.setattr(work, "SIDE", 112)


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.text, *app.info])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_drawn_in_both_languages(section: str, language: str) -> None:
    app = opened(section, language)
    assert not app.exception
    assert app.title[0].value == {"en": "From looking to explaining", "zh": "从“看哪里”到“为什么”"}[language]
    assert app.session_state["explain"] == section


def method(app: AppTest, side: str) -> tuple[list[str], list[str]]:
    """Which methods are offered, in their order, and what is told of each."""
    box = app.radio(key=f"method_{side}")
    return list(box.options), list(box.proto.captions)


def test_maps_come_before_their_checks_and_before_any_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "result", lambda *given, **how: None)  # all of it is still to come
    unchecked = wording.text("explain.unchecked_short", "en")
    app = opened("maps")
    for _ in range(2):
        assert not app.exception and len(app.get("image")) == 1 + 1, "one map, and where the methods disagree"
        assert [one for side in ("photo", "sentence") for one in method(app, side)[1]] == [unchecked] * (10 + 9)
        assert "of random maps" not in "".join(one.value for one in app.markdown)
        app.run()  # as the browser asks once it has painted that
    assert len(app.get("plotly_chart")) == 3, "all methods over the words, and both sides' agreement"
    assert not opened("maps").get("plotly_chart"), "in the first run of a session"


def test_what_reads_alike_has_one_colour_and_the_preselected_one_stands_first_among_equals() -> None:
    def beats(share: float) -> Verdict:
        return Verdict(0.0, 0.0, share, share, 0.0, 1.0, 1.0, 0.5, 0.5)

    assert verdict.short(beats(0.9496)) == verdict.short(beats(0.9504))
    assert verdict.short(beats(0.9504)).startswith(":green[") and verdict.short(beats(0.944)).startswith(":orange[")
    judged = {"raw": beats(0.7), "relevance": beats(0.963), "rollout": beats(0.958), "value_norm": beats(0.961)}
    assert verdict.ranked(judged, ["rollout", "gradient", "raw", "value_norm", "relevance"]) == [
        *("rollout", "relevance", "value_norm", "raw", "gradient")
    ]


def test_every_map_is_checked_on_this_input_and_the_best_supported_stands_first() -> None:
    app = settled(opened("maps"))
    assert not app.exception
    for side, count in (("photo", 10), ("sentence", 9)):
        told = method(app, side)[1]
        assert len(told) == count and all("of random maps" in one for one in told)
    assert "only" in texts(app), "and one that says why it does not apply"
    model, photo = load_vision(CLASSIFIER), open_image(CAT.read_bytes())
    first = model.run(photo, 112, "crop").predictions[0].label
    asked = photo_subject(model, photo, 112, "crop", model.classes.index(first))
    orders = [order(torch.nan_to_num(explain(asked, name)), asked.units) for name in METHODS]
    found = checks.curves(asked, orders, asked.fills[0])
    chance = checks.control(asked, asked.fills[0])
    judged = dict(zip(METHODS, checks.verdicts(found, chance), strict=True))
    best = verdict.ranked(judged, [*dict.fromkeys((*checks.SUPPORTED["photo"], *METHODS))])
    assert method(app, "photo")[0] == [wording.text(f"method.{name}", "en") for name in best]

    number = list(METHODS).index(app.radio(key="method_photo").value)
    areas = {name: f"{float(getattr(found, name)[number]):.3f}" for name in ("insertion_area", "deletion_area")}
    wanted = wording.text(
        "explain.areas",
        "en",
        gap=f"{float(found.gap[number]):+.3f}",
        insertion=areas["insertion_area"],
        deletion=areas["deletion_area"],
    )
    assert wanted in [one.help.split("\n")[0] for one in app.markdown if "of random maps" in one.value]
    halves = [one.value for one in app.caption if one.value.startswith("Without the first half")]
    assert len(halves) == 2, "and the size of the effect of the map that is shown"
    charts = {one.proto.id.split("-")[-1]: json.loads(one.proto.spec) for one in app.get("plotly_chart")}
    titles = {name: charts[f"deletion_{name}"]["layout"]["yaxis"]["title"]["text"] for name in ("photo", "sentence")}
    kinds = {"photo": "measured_class", "sentence": "measured_whole_sentence"}
    assert titles == {name: wording.text(f"explain.{key}", "en") for name, key in kinds.items()}
    page = "".join(str(one.proto) for one in app.get("html"))
    assert "woman" in page and "title=" in page, "the words stand as a sentence, each with its number"


def test_another_class_is_another_question() -> None:
    app = settled(opened("maps"))
    first = [one.help for one in app.markdown if "of random maps" in one.value]
    box = next(one for one in app.selectbox if one.label == "Why does the model say")
    box.select_index(1).run()
    second = [one.help for one in settled(app).markdown if "of random maps" in one.value]
    assert first != second and not app.exception


def test_one_word_has_no_order() -> None:
    app = opened("maps", sentence="Dog")
    assert "only one word" in texts(app) and not app.exception


def test_an_empty_sentence_leaves_the_photo_explained() -> None:
    app = opened("maps", sentence="…")
    assert not app.exception
    app.text_input[0].set_value("   ").run()
    assert not app.exception
    assert any(box.label == "Why does the model say" for box in app.selectbox)


def test_heads_that_are_off_are_told_and_can_be_put_back() -> None:
    app = settled(opened("ablation"))
    before, key = texts(app), "off_sentence_translation-en-de-fr-cs-zh"
    app.query_params["sentence_off"] = ",".join(
        f"cross-{layer}-{head}" for layer in range(1, 4) for head in range(1, 9)
    )
    app.run()
    assert not app.exception and "The translation changes" in texts(app)
    assert "<del>" in "".join(str(element.proto) for element in app.get("html"))
    app.multiselect(key=key).set_value([]).run()
    assert not app.exception and texts(app) == before


def test_classes_with_heads_off_stand_beside_those_with_all_on() -> None:
    app = settled(opened("ablation"))
    model, photo = load_vision(CLASSIFIER), open_image(CAT.read_bytes())
    whole = model.run(photo, 112, "crop")
    off = [("encoder", layer, head) for layer in range(8, 12) for head in range(6)]
    app.query_params["photo_off"] = ",".join(head_text("photo", head) for head in off)
    app.run()
    assert not app.exception
    chart = next(one for one in app.get("plotly_chart") if one.proto.id.endswith("ablation_classes"))
    before, after = json.loads(chart.proto.spec)["data"]
    with without(photo_subject(model, photo, 112, "crop", 0), off):
        now = model.probabilities(whole.fitted)
    names = [wording.text(f"class.{label}", "en") for label in model.classes]
    shown = [names.index(label) for label in before["y"]]
    assert before["x"] == pytest.approx([float(whole.probabilities[one]) for one in shown], abs=1e-4)
    assert after["x"] == pytest.approx([float(now[one]) for one in shown], abs=1e-4) and before["x"] != after["x"]


def test_pruning_takes_the_least_important_heads_first(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def recorded(evaluate: object, subject: object, heads: list, counts: list[int], tell: object) -> list:
        taken.append(list(heads))
        return [(count, 1.0) for count in counts]

    monkeypatch.setattr("core.ui.explain.pruning.pruning", recorded)
    app = settled(opened("ablation"))
    next(button for button in app.button if "held-out pictures" in button.label).click()
    settled(app.run())
    model, photo = load_vision(CLASSIFIER), open_image(CAT.read_bytes())
    first = model.run(photo, 112, "crop").predictions[0].label
    worth = importance(photo_subject(model, photo, 112, "crop", model.classes.index(first)))["encoder"]
    least, chance = taken[:2]
    values = [float(worth[layer, head]) for _, layer, head in least]
    assert values == sorted(values) and len(set(least)) == 72
    assert sorted(chance) == sorted(least) and chance != least


def test_a_whole_layer_is_switched_off_and_on() -> None:
    app = settled(opened("ablation"))
    key = "off_photo_vision-cifar10"
    app.button(key=f"{key}_encoder_toggle").click().run()
    assert app.session_state[key] == [("encoder", 0, head) for head in range(6)]
    app.button(key=f"{key}_encoder_toggle").click().run()
    assert app.session_state[key] == [] and not app.exception


def test_words_that_went_and_came_are_marked_and_text_stays_text() -> None:
    before, now = marked("a <b> cat", "a <b> dog & cat")
    assert before == "a &lt;b&gt; cat"
    assert now == "a &lt;b&gt; <ins>dog &amp; </ins>cat"
