"""Each page through Streamlit's AppTest, with the bundled models: it opens explained, and bad input gets a sentence."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core import wording
from core.errors import SidelightError
from core.models import known
from core.models.catalogue import BUNDLED, LANGUAGE, default
from core.store import store
from core.ui import background, work
from core.ui.choices import Choices
from tests.models.test_deep_images import dark_grey
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parent.parent.parent


def opened(page: str, link: Mapping[str, str] = {}, **state: object) -> AppTest:
    """link: what the address says. state: texts that were chosen before, by their names in the link; and what else the
    session has."""
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    for name, text in link.items():
        test.query_params[name] = text
    test.session_state.choices = Choices({name: text for name, text in state.items() if isinstance(text, str)})
    for key, value in state.items():
        test.session_state[key] = value
    return test.switch_page(f"pages/{page}.py").run()


def views(test: AppTest) -> list[str]:
    """The keys of the linked views on the page; pasting a picture is a component too."""
    return [view.key for view in test.get("bidi_component") if view.key.startswith("linked_")]


def written(test: AppTest) -> list[str]:
    """What models wrote, where it can be copied."""
    found = [one.proto for one in test.get("bidi_component")]
    return [json.loads(one.json)["text"] for one in found if one.component_name == "sidelight_copyable"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_models_page_shows_every_card(language: str) -> None:
    test = opened("models", lang=language)
    assert not test.exception
    shown = "".join(element.value for element in test.markdown)
    assert all(card.readme(language).splitlines()[0].lstrip("# ") in shown for card in (*BUNDLED, *LANGUAGE))
    assert len(test.dataframe[0].value) == len(known.of("vision")) > 20
    test.text_input(key="known_search").set_value("swin apache").run()
    assert not test.exception and 0 < len(test.dataframe[0].value) < 5


def test_the_classifier_says_what_it_knows() -> None:
    test = opened("vision", lang="en", vision_model="vision-cifar10")
    assert not test.exception
    assert any("must choose one" in caption.value for caption in test.caption)


@pytest.mark.parametrize("page", ["compare", "vision", "translation"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_opens_explained(page: str, language: str) -> None:
    test = opened(page, lang=language)
    assert not test.exception
    assert test.title[0].value.isascii() == (language == "en")
    assert views(test), "the linked view is on the page"
    if page == "vision":
        options = test.selectbox(key="vision_model").options
        assert any("显著性" in option for option in options) == (language == "zh")


@pytest.mark.parametrize(
    ("sentence", "said"), [("   ", "empty"), ("word " * 5000, "pieces"), ("\u200b\u0007", "empty")]
)
def test_bad_sentence_gets_a_sentence_and_the_picture_stays(sentence: str, said: str) -> None:
    test = opened("compare", lang="en")
    test.text_input(key="sentence").set_value(sentence).run()
    assert not test.exception
    assert any(said in text.value for text in test.text), [text.value for text in test.text]
    assert views(test), "the photo is still explained"


@pytest.mark.parametrize("sentence", ["<b>bold</b> & *stars*", "🐕 runs", "שלום dog", "A $x^2$ :red[dog]"])
def test_odd_sentences_are_translated(sentence: str) -> None:
    test = opened("translation", lang="en")
    test.text_input(key="sentence").set_value(sentence).run()
    assert not test.exception
    assert views(test)


@pytest.mark.parametrize("name", ["no-such-model-anywhere", "../../etc/passwd", "/etc/passwd", "a b\tc"])
@pytest.mark.parametrize("page", ["vision", "translation"])
def test_bad_model_name_gets_a_sentence_and_the_bundled_model_works(page: str, name: str) -> None:
    test = opened(page, lang="en", **{f"{page}_model": name})
    until(lambda: not background._works, "what the hub says")
    assert not test.run().exception
    assert any(text.value.startswith("⚠") for text in test.text)
    assert views(test), "the bundled model is shown"


def test_the_translation_can_be_copied_as_it_was_written() -> None:
    test = opened("translation", lang="en")
    text = written(test)
    assert len(text) == 1 and len(text[0].split()) > 3
    test.text_input(key="sentence").set_value("Two dogs run.").run()
    assert written(test) != text


def test_a_picture_that_was_brightened_says_so() -> None:
    test = opened("vision", lang="en")
    sentence = wording.text("input.brightened")
    assert not any(sentence in caption.value for caption in test.caption)
    test.file_uploader(key="upload_0").upload("dark.png", dark_grey(), "image/png").run()
    assert not test.exception and any(sentence in caption.value for caption in test.caption)


def test_names_that_may_not_fit_are_told_and_not_asked_for_at_first() -> None:
    def told(test: AppTest) -> bool:
        assert not test.exception
        return any("None of its 10 classes may fit" in text.value for text in test.markdown)

    assert told(opened("vision", lang="en", vision_model="vision-cifar10", photo="astronaut"))
    assert not told(opened("vision", lang="en", vision_model="vision-cifar10", photo="cat"))
    for photo, first in (("astronaut", -1), ("cat", 3)):
        test = opened("explain", lang="en", explain="ablation", photo=photo)
        assert told(test) is (photo == "astronaut")
        (asked,) = (box for box in test.selectbox if str(box.key).startswith("explain_class_"))
        assert asked.value == first and ("none of its classes may fit" in asked.label) is (photo == "astronaut")


@pytest.mark.parametrize("page", ["compare", "translation", "explain"])
def test_a_sentence_in_another_script_is_told_before_it_is_translated(page: str) -> None:
    test = opened(page, lang="en", sentence="我喜欢狗。", explain="arithmetic")
    assert not test.exception
    told = [text.value for text in test.text if text.value.startswith("⚠")]
    assert len(told) == 1 and "reads English" in told[0] and "opus-mt-zh-en" in told[0]


@pytest.mark.parametrize(
    ("page", "task"), [("vision", "vision"), ("translation", "translation"), ("bridge", "captioning")]
)
def test_a_bundled_model_that_cannot_be_read_ends_in_its_sentence(page: str, task: str, monkeypatch) -> None:
    name = default(task).key

    def load(name: str, *rest: object) -> None:
        raise SidelightError("model.corrupt", name=name, file="model.safetensors")

    store().forget(name)
    monkeypatch.setattr(work, "_source", lambda task: SimpleNamespace(load=load))
    test = opened(page, lang="en")
    assert not test.exception
    assert [text.value for text in test.text if name in text.value and text.value.startswith("⚠")]
