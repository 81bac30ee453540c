"""The page on differences through Streamlit's AppTest: every section in both languages, and no number that stays when
the photo, the sentence, the language or a model is another."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core import samples, wording
from core.ui import background
from core.ui.differences.sections import MINUTES, SECTIONS
from tests.pages.test_pages import opened
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("small")

OTHER = {
    "photo": "cat",
    "sentence": "Two children are playing football in the park near the river.",
    "to": "fr",
    "vision_model": "vision-cifar10",
    "meet": samples.scenes()[3],
}

# For each section, what must be another after each change: figures by their keys, and sentences by how they begin, "…"
# for a number. The ten-class model is an adapter of the other: in the section on input, patches and positions are the
# same.
CHANGES: dict[str, dict[str, tuple[str, ...]]] = {
    "input": {
        "photo": ("lesson_patch_chart", "lesson_pixels", "lesson_embedding", "588 numbers", "One convolution"),
        "sentence": ("lesson_lookup", "lesson_order", "lesson_sentence_length", "A vector for the", "Amber: your run"),
        "to": ("lesson_lookup",),
    },
    "task": {
        "photo": ("lesson_label", "lesson_match_chart", "lesson_match_map", "By where", "By the main", "Over"),
        "sentence": ("lesson_steps", "… steps, each a choice", "The same question"),
        "to": ("lesson_steps", "… steps, each a choice", "The same question"),
        "vision_model": ("lesson_match_map", "By where CLS", "Over the whole"),
    },
    "architecture": {
        "photo": ("0.0% in the decoder", "Mean squared error of"),
        "sentence": (
            "lesson_causal_encoder",
            "lesson_causal_decoder",
            "lesson_ripple_0",
            "lesson_ripple_1",
            "lesson_alternatives",
            "lesson_reading",
            "lesson_tree",
            "chrF ",
            "|  | Hidden (autoencoding)",
            "The amber piece",
            "Step 3",
            "Each column",
        ),
        "to": ("lesson_causal_decoder", "lesson_alternatives", "lesson_reading", "lesson_tree", "Each column"),
        "vision_model": ("lesson_diagram", "Vision model:"),
    },
    "pipeline": {
        "photo": ("The photo", "lesson_depth", "Without labels", "How much of", ":material/image: How unlike"),
        "sentence": (
            "Rows of a table",
            "3 layers",
            "Cross-entropy of",
            "lesson_depth",
            "24,960 numbers",
            ":material/translate: How unlikely",
            ":material/translate: Reads in one",
        ),
        "to": ("Cross-entropy of", "lesson_depth", "How much of"),
        "vision_model": ("One vector", "lesson_depth", "How much of", ":material/image: How unlike"),
    },
    "fields": {
        "photo": ("track_errors", "The median error", "Medians over"),
        "vision_model": ("track_errors", "The median error"),
    },
    "meet": {
        "to": ("The captioner gives", "|  | Captioner", "**The translator writes"),
        "meet": ("The captioner gives", "|  | Captioner", "The strongest patch", "**The captioner writes"),
    },
}


def shown(section: str, **state: object) -> AppTest:
    """The section without its questions, so that everything is on the page."""
    test = worked(opened("differences", {"section": section}, lang="en", answers="shown", **state))
    assert not test.exception and not skips(test)
    return test


def skips(test: AppTest) -> list:
    return [button for button in test.button if str(button.key).startswith("skip_")]


def worked(test: AppTest) -> AppTest:
    """Run again, as the browser does, until nothing is being made: what waits for it is not on the page before."""
    while test.get("progress"):
        until(lambda: not background._works, "the end of all work")
        test.run()
    return test


def offers(test: AppTest, measurement: str) -> list:
    """The button that begins a measurement, where it is not there yet. measurement: its name in the wording."""
    label = wording.text(f"measure.{measurement}", "en")
    return [button for button in test.button if button.label.startswith(label)]


def measure(test: AppTest, measurement: str) -> None:
    """Press it, and run again, as the browser does, until it is measured."""
    worked(offers(test, measurement)[0].click().run())
    assert not test.exception


def figures(test: AppTest) -> dict[str, str]:
    """Every figure's content, by its key."""
    return {chart.proto.id.rsplit("-", 1)[-1]: chart.proto.spec for chart in test.get("plotly_chart")}


def begins(text: str, name: str) -> bool:
    return text.startswith(name) or f"…{text.lstrip('0123456789')}".startswith(name)


def sentences(test: AppTest) -> list[str]:
    return [str(element.value) for kind in (test.markdown, test.caption, test.info) for element in kind]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_section_opens_in_both_languages(section: str, language: str) -> None:
    test = opened("differences", {"section": section}, lang=language)
    assert not test.exception
    assert test.session_state.section == section
    assert test.title[0].value.isascii() == (language == "en")
    told = ("lesson_task.mirror_at", "lesson_task.mirror_score")
    begun = tuple(wording.entries()[key][language].partition("{")[0] for key in told)
    assert not [one for one in sentences(test) if one.startswith(begun)], "before its question was answered"


@pytest.fixture(scope="module")
def first() -> dict[str, AppTest]:
    """Each section as it opens, looked at once."""
    return {section: shown(section) for section in CHANGES}


@pytest.mark.parametrize(
    ("section", "change"), [(section, change) for section in CHANGES for change in CHANGES[section]]
)
def test_numbers_follow_what_is_put_in(first: dict[str, AppTest], section: str, change: str) -> None:
    before = first[section]
    after = shown(section, **{change: OTHER[change]})
    for name in CHANGES[section][change]:
        if name in figures(before):
            assert figures(before)[name] != figures(after)[name], name
            assert json.loads(figures(after)[name])["data"], name
        else:
            said = [text for text in sentences(before) if begins(text, name)]
            assert said, f"nothing on the page begins with {name!r}"
            assert not set(said) & set(sentences(after)), said


def test_an_answer_counts_once_is_told_and_another_sentence_asks_again() -> None:
    test = worked(opened("differences", {"section": "input"}, lang="en"))
    assert skips(test)
    while found := skips(test):
        for button in found:
            button.click()
        worked(test.run())
    assert not test.exception
    assert not any("right so far" in text for text in sentences(test)), "what was given up does not count"
    test = opened("differences", lang="en")
    test.query_params["section"] = "input"
    test.run()
    pills = next(one for one in test.get("button_group") if "quiz_input_capitals" in one.proto.id)
    pills.set_value("many").run()
    assert not test.exception
    assert any(text.startswith("**Right.**") for text in (element.value for element in test.success))
    assert any("1 of 1 right so far" in text for text in sentences(test))
    assert not [one for one in test.get("button_group") if "quiz_input_capitals" in one.proto.id], (
        "the first answer stays"
    )
    test.text_input(key="sentence").set_value(OTHER["sentence"]).run()
    assert [one for one in test.get("button_group") if "quiz_input_capitals" in one.proto.id]
    assert any("1 of 1 right so far" in text for text in sentences(test)), "progress is kept"


def test_a_wrong_answer_is_told_with_the_right_one_and_does_not_count() -> None:
    test = opened("differences", lang="en", section="input")
    pills = next(one for one in test.get("button_group") if "quiz_input_capitals" in one.proto.id)
    pills.set_value("fewer").run()
    assert not test.exception and not test.success
    assert any(
        text.value.startswith("**Not what you chose.** The run says: **More than twice as many**.")
        for text in test.warning
    )
    assert any("0 of 1 right so far" in text for text in sentences(test))


@pytest.mark.parametrize(
    ("section", "link", "hidden"),
    [
        ("input", {}, ("instead of 16", "lesson_image_length")),
        ("pipeline", {}, ("lesson_depth",)),
        ("mathematics", {}, ("Vision / Encoder",)),  # its entropies tell what leaving out the scale does
        ("mathematics", {"answers": "hidden"}, ("permuted", "positions_rotary")),
        ("architecture", {}, ("ahead", "lesson_causal_decoder", "lesson_diagram", "lesson_reading")),
        ("loss", {"loss": "scores"}, ("In the reference",)),
    ],
)
def test_what_is_asked_does_not_stand_on_the_page(section: str, link: dict[str, str], hidden: tuple[str, ...]) -> None:
    test = opened("differences", lang="en", section=section, **link)
    assert not test.exception
    assert [button for button in test.button if str(button.key).startswith("skip_")]
    told = "\n".join([*figures(test), *sentences(test)])
    assert not [name for name in hidden if name in told]


def test_a_picture_or_sentence_that_cannot_be_read_gets_a_sentence() -> None:
    test = opened("differences", lang="en", sentence="word " * 5000)
    assert not test.exception
    assert any("pieces" in text.value for text in test.text)


def test_a_link_names_the_section_in_any_language_and_an_unknown_one_opens_the_first() -> None:
    test = opened("differences", lang="zh")
    test.query_params["section"] = "architecture"
    test.run()
    assert test.session_state.section == "architecture"
    test = opened("differences", lang="en")
    test.query_params["section"] = "no such section"
    test.run()
    assert not test.exception
    assert test.session_state.section == next(iter(SECTIONS))


@pytest.mark.parametrize("section", CHANGES)
@pytest.mark.parametrize("sentence", ["!", "<b>bold</b> & *stars* :red[x] $y$", "🐕 runs", "word " * 30])
def test_odd_sentences_are_shown(section: str, sentence: str) -> None:
    test = shown(section, sentence=sentence, to="zh", vision_model="vision-cifar10")
    assert len(sentences(test)) > 10


def test_the_sections_lead_to_each_other_and_an_older_link_to_the_one_it_meant() -> None:
    test = opened("differences", lang="en")
    names = list(SECTIONS)
    assert test.session_state.section == names[0] and "section" not in test.query_params
    leads = {button.key for button in test.button}
    assert leads >= {f"overview_{name}" for name in names[1:-1]}, "a row for each difference"
    for name in names[1:3]:
        test.button(key=f"foot_{name}").click().run()
        assert not test.exception and test.session_state.section == name
    test.button(key="foot_input").click().run()
    assert test.session_state.section == "input"
    older = AppTest.from_file(test._script_path, default_timeout=PATIENCE)
    older.query_params["patch"] = "5,3"
    older.switch_page("pages/differences.py").run()
    assert not older.exception and older.session_state.section == "input"


def test_a_lesson_takes_ninety_minutes_and_says_what_for() -> None:
    assert MINUTES.keys() == SECTIONS.keys() and sum(MINUTES.values()) == 90
    assert all(f"goal.{name}" in wording.entries() for name in SECTIONS)


def test_a_link_for_a_lecture_shows_everything_at_once() -> None:
    test = opened("differences", lang="en", section="architecture", answers="shown")
    assert "shown" in test.query_params["answers"]
    assert test.toggle(key="answers_shown").value and not test.exception
    assert not [button for button in test.button if str(button.key).startswith("skip_")], "nothing is asked"
    assert not any("right so far" in caption.value for caption in test.caption), "and nothing is counted"
    test.toggle(key="answers_shown").set_value(False).run()
    assert [button for button in test.button if str(button.key).startswith("skip_")]
    assert "answers" not in test.query_params
