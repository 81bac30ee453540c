"""The sections on mathematics, loss, cost, limits and reading: each part opens, its numbers follow what is put in, and
what is slow waits for its button."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_differences import OTHER, figures, measure, offers, sentences, shown
from tests.pages.test_pages import opened

pytestmark = pytest.mark.usefixtures("small")

PARTS = {
    "mathematics": ("mistake", ("softmax", "classifier", "one_hot")),
    "loss": ("loss", ("classes", "sequence", "patches", "measured", "scores")),
    "cost": ("cost", ("now", "growth", "fused", "precision", "choose")),
    "limits": ("kind", ("noise", "blur", "contrast")),
    "reading": ("", ("",)),
}
EVERY = [(section, key, part) for section, (key, parts) in PARTS.items() for part in parts]

# What must be another after a change: figures by key, metrics by label, and sentences or tables by a word in them.
CHANGES = {
    ("mathematics", "softmax", "photo"): (
        "Vision / Encoder",
        "Layer in the middle",
        "Cosine with the picture",
        "Each column",
    ),
    ("mathematics", "softmax", "sentence"): (
        "L H N N",
        "Vision / Encoder",
        "Layer in the middle",
        "| Source |",
        "positions_fixed",
        "positions_bias",
        "positions_rotary",
    ),
    ("mathematics", "softmax", "to"): ("| Source |",),
    ("mathematics", "softmax", "vision_model"): (
        "Vision / Encoder",
        "Layer in the middle",
        "Cosine with the picture",
        "Each column",
    ),
    ("mathematics", "classifier", "sentence"): ("What is asked", "One classification"),
    ("mathematics", "classifier", "to"): ("What is asked",),
    ("mathematics", "classifier", "vision_model"): ("What is asked",),
    ("mathematics", "one_hot", "photo"): ("one_hot", "shade lighter"),
    ("loss", "sequence", "sentence"): ("sequence_loss", "Mean −ln p", "Must write"),
    ("loss", "sequence", "to"): ("sequence_loss", "Mean −ln p", "Must write"),
    ("loss", "patches", "photo"): ("regression", "regression_map"),
    ("loss", "patches", "vision_model"): ("regression", "regression_map"),
    ("loss", "measured", "photo"): ("measured_class", "Suppose"),
    ("loss", "measured", "to"): ("measured_sequence", "Slope of the loss"),
    ("loss", "scores", "sentence"): ("In the reference",),
    ("loss", "scores", "to"): ("BLEU", "chrf", "In the reference"),
    ("cost", "now", "sentence"): ("FLOP, counted",),
    ("limits", "blur", "photo"): ("limits_moved", "The convolution's vectors"),
    ("limits", "noise", "photo"): ("limits_photo_curve", "limits_before", "limits_after", "Features keep"),
    ("limits", "noise", "vision_model"): ("limits_photo_curve", "limits_after", "Features keep"),
    ("limits", "noise", "sentence"): ("limits_sentence_curve", "Misspelt", "Made to write"),
    ("limits", "noise", "to"): ("limits_sentence_curve", "Misspelt", "Made to write"),
}


def part_of(section: str, key: str, part: str, **state: object) -> AppTest:
    return shown(section, **({key: part} if key else {}), **state)


@pytest.fixture(scope="module")
def first() -> dict[tuple[str, str], AppTest]:
    return {(section, part): part_of(section, key, part) for section, key, part in EVERY}


@pytest.mark.parametrize(("section", "key", "part"), EVERY)
def test_every_part_opens_in_chinese(section: str, key: str, part: str) -> None:
    test = opened("differences", {"section": section}, lang="zh", **({key: part} if key else {}))
    assert not test.exception


def found(test: AppTest, name: str) -> list[str]:
    """The figure of that key, the metric of that label, or the texts that hold it."""
    if name in figures(test):
        assert json.loads(figures(test)[name])["data"]
        return [figures(test)[name]]
    metrics = [metric.value for metric in test.metric if metric.label == name]
    return metrics or [text for text in sentences(test) if name in text]


@pytest.mark.parametrize(("section", "part", "change"), CHANGES)
def test_numbers_follow_what_is_put_in(first, section: str, part: str, change: str) -> None:
    before = first[section, part]
    after = part_of(section, PARTS[section][0], part, **{change: OTHER[change]})
    for name in CHANGES[section, part, change]:
        assert found(before, name), f"nothing is called {name!r}"
        assert found(after, name) and found(before, name) != found(after, name), name


def test_no_label_is_right_until_a_person_says_so() -> None:
    """The ten classes know no astronaut; that the cat is a cat stands in what a person wrote of its photo."""
    said = []
    for photo in ("astronaut", "coffee"):
        test = part_of("loss", "loss", "classes", photo=photo)
        assert test.selectbox[-1].value == -1 and not test.metric
        said += found(test, "There is no loss yet")
    assert len(set(said)) == 2, "what each class would cost is the photo's own"
    test = part_of("loss", "loss", "classes", photo="cat")
    assert test.metric and "The model gives “cat”" in "".join(sentences(test))


def test_another_label_costs_something_else() -> None:
    test = part_of("loss", "loss", "classes", vision_model="vision-cifar10", label="3")
    before = found(test, "−ln p(y)")
    label = next(one for one in test.selectbox if str(one.key).startswith("loss_label"))
    label.set_value((label.value + 1) % 10).run()
    assert not test.exception and found(test, "−ln p(y)") != before


@pytest.mark.parametrize("part", ["sequence", "scores"])
@pytest.mark.parametrize("text", ["", "  \u200b", "Haus " * 190, "<b>*x*</b> | $y$ ` :red[z]", "我不知道"])
def test_any_reference_gets_an_answer_or_a_sentence(part: str, text: str) -> None:
    test = part_of("loss", "loss", part)
    field = next(one for one in test.text_input if str(one.key).startswith("loss_reference"))
    field.set_value(text).run()
    assert not test.exception
    if not text.strip(" \u200b"):
        assert any("no text to compare" in one.value for one in test.text)


def test_what_is_slow_waits_and_is_kept() -> None:
    test = part_of("mathematics", "mistake", "softmax")
    assert not [text for text in sentences(test) if "Translation (likeliest piece at each step)" in text]
    measure(test, "wrong_formulas")
    told = [text for text in sentences(test) if "Translation (likeliest piece at each step)" in text]
    assert len(told) == 1
    test.run()
    assert [text for text in sentences(test) if "Translation (likeliest piece at each step)" in text] == told
    assert not offers(test, "wrong_formulas")


def test_time_and_memory_are_measured_by_the_button() -> None:
    test = part_of("cost", "cost", "now", photo="coffee")
    assert not found(test, "Most memory")
    measure(test, "here")
    assert "ms" in found(test, "Most memory")[0]


def test_the_chooser_answers_each_condition() -> None:
    test = part_of("cost", "cost", "choose")

    def listed() -> str:
        return next(text for text in sentences(test) if "| Model |" in text).replace("\\", "")

    test.selectbox(key="choose_task").set_value("translate").run()
    assert "Marian, English" in listed() and "OPUS-MT" in listed()
    test.selectbox(key="choose_licence").set_value("commercial").run()
    assert "Marian, English" not in listed() and "OPUS-MT" in listed()
    test.selectbox(key="choose_task").set_value("summarise").run()
    assert "T5-small" in listed() and "BART" not in listed(), "406 M parameters are too many for a CPU"
    test.selectbox(key="choose_compute").set_value("gpu").run()
    assert "BART" in listed() and not test.exception
    test.selectbox(key="choose_task").set_value("segment").run()
    assert any("Nothing in the list fits" in text.value for text in test.info), "SegFormer's licence is its maker's"
    test.selectbox(key="choose_licence").set_value("any").run()
    for task, name in {
        "detect": "YOLOS",
        "answer": "SQuAD",
        "generate": "Twin that writes",
        "judge": "Question or not",
        "describe": "Captioner",
    }.items():
        test.selectbox(key="choose_task").set_value(task).run()
        assert name in listed() and not test.exception


def test_every_paper_is_named_with_its_place() -> None:
    test = part_of("reading", "", "")
    told = "".join(sentences(test))
    for number in ("1706.03762", "2010.11929", "1810.04805", "1902.00751", "2101.00190", "2106.09685", "2303.10512"):
        assert f"https://arxiv.org/abs/{number}" in told
    assert "GPT-2" in told
    assert len(test.get("page_link")) >= 8


def test_a_model_surer_than_the_smoothed_target_asks_would_be_held_back() -> None:
    said = {}
    for smoothing in (0.0, 0.3):
        test = opened("differences", lang="en", photo="cat", section="loss")
        test.slider(key="loss_smoothing").set_value(smoothing).run()
        texts = [element.value for element in [*test.markdown, *test.caption]]
        said[smoothing] = next(text for text in texts if "with respect to a logit" in text)
    assert "raise the logit of “cat” (−" in said[0.0] and "lower the logit of “cat” (+" in said[0.3]
