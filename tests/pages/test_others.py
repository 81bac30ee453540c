"""Other tasks on the page of differences: models of a hub's cache, tiny and with random weights, each run to its answer
and its attention."""

from pathlib import Path

import pytest
import torch
import transformers as hf
from streamlit.testing.v1 import AppTest

from core import wording
from core.ui import background, work
from tests.models.hub import forget_fetched, lay, offline
from tests.models.tiny import tokenizer
from tests.pages.test_explain import settled
from tests.pages.test_pages import opened, views

SMALL = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 64}


def models() -> dict[str, tuple]:
    """By task: what a hub's repository holds."""
    torch.manual_seed(0)
    words, pieces, units = (tokenizer(family) for family in ("wordpiece", "bytes", "metaspace"))
    yolos = hf.YolosConfig(**SMALL, image_size=[64, 64], num_detection_tokens=5, num_labels=3)
    segformer = hf.SegformerConfig(
        num_encoder_blocks=4,
        depths=[1, 1, 1, 2],
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 2, 4],
        decoder_hidden_size=32,
        num_labels=4,
    )
    bert = hf.BertConfig(**SMALL, vocab_size=len(words), max_position_embeddings=512)
    gpt2 = hf.GPT2Config(n_embd=48, n_layer=2, n_head=3, vocab_size=len(pieces), eos_token_id=None)
    t5 = hf.T5Config(
        d_model=48,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=3,
        vocab_size=len(units),
        decoder_start_token_id=0,
        eos_token_id=units.eos_token_id,
        pad_token_id=0,
    )
    return {
        "detect": (hf.YolosForObjectDetection(yolos), hf.YolosImageProcessor()),
        "segment": (hf.SegformerForSemanticSegmentation(segformer), hf.SegformerImageProcessor()),
        "summary": (hf.T5ForConditionalGeneration(t5), units),
        "answer": (hf.BertForQuestionAnswering(bert), words),
        "classify": (hf.BertForSequenceClassification(bert), words),
        "generate": (hf.GPT2LMHeadModel(gpt2), pieces),
    }


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    for task, parts in models().items():
        lay(folder, f"tiny/{task}", *parts)
    return folder


@pytest.fixture(autouse=True)
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, cache)
    forget_fetched()
    background._failed.clear()


def asked(task: str, name: str = "", language: str = "en", **state: object) -> AppTest:
    """The section with a model chosen, and Start pressed."""
    link = {"section": "task", "hub_task": task, f"hub_{task}": name or f"tiny/{task}"}
    test = opened("differences", link, lang=language, **state)
    press_start(test)
    return test


def press_start(test: AppTest) -> None:
    assert not test.exception
    next(button for button in test.button if str(button.key).endswith("_start")).click().run()
    settle(test)


def settle(test: AppTest) -> None:
    settled(test)
    assert not test.exception


def told(test: AppTest) -> str:
    return "\n".join(element.value for element in [*test.markdown, *test.caption, *test.text])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("task", ["detect", "segment", "summary", "answer", "classify", "generate"])
def test_each_task_ends_in_its_attention(task: str, language: str) -> None:
    test = asked(task, language=language, hub_summary_text="Hello world, the dog is in the snow.")
    assert len(views(test)) == 1, told(test)
    assert not [text for text in test.text if text.value.startswith("⚠")]


def test_objects_below_the_slider_are_left_out_without_another_run() -> None:
    test = asked("detect", hub_least=0.1)
    many = told(test)
    test.slider(key="hub_least").set_value(0.95).run()
    few = told(test)
    assert "at least 10% certain" in many and "at least 95% certain: 0" in few
    assert views(test), "the attention stays"


def test_the_prompt_is_continued_and_other_settings_wait_for_start() -> None:
    test = asked("generate", hub_prompt_text="Hello world")
    assert "Hello world **" in told(test)
    test.slider(key="hub_pieces").set_value(8).run()
    assert not views(test)
    assert [button for button in test.button if str(button.key).endswith("_start")]


@pytest.mark.parametrize(
    ("task", "name", "state", "said"),
    [
        ("detect", "tiny/none", {}, "cannot be reached"),
        ("detect", "tiny/answer", {}, "another kind"),
        ("detect", "../../etc", {}, "not a model name"),
        ("answer", "tiny/generate", {}, "was not trained"),
        ("generate", "tiny/answer", {}, "tiny/answer"),
        ("generate", "tiny/generate", {"hub_prompt_text": "   "}, "nothing here"),
        ("answer", "tiny/answer", {"hub_question_text": " ", "hub_context_text": "a"}, "question and a text"),
        ("answer", "tiny/answer", {"hub_context_text": "dog " * 900}, "pieces"),
        ("summary", "tiny/summary", {"hub_summary_text": "dog " * 900}, "pieces"),
        ("classify", "tiny/answer", {}, "was not trained"),
        ("classify", "tiny/classify", {"hub_review_text": " "}, "A text is needed"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence_and_can_be_tried_again(
    task: str, name: str, state: dict, said: str
) -> None:
    test = asked(task, name, **state)
    assert any(text.value.startswith("⚠") and said in text.value for text in test.text), told(test)
    assert [button for button in test.button if str(button.key).endswith("_start")]


def test_a_model_without_its_attention_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.models.grids._kind", lambda *call: None)
    test = asked("segment")
    assert test.get("plotly_chart") and not views(test)
    assert any("attention" in info.value for info in test.info)


def test_a_classifier_says_which_words_made_it_say_so_under_task_and_as_a_text_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "SIDE", 56)
    test = asked("classify")
    test.toggle(key="hub_why").set_value(True).run()
    settle(test)
    assert test.selectbox(key="text_class_tiny/classify").value in (0, 1) and not test.exception
    assert wording.text("explain.words_scale") in [one.value for one in test.caption]
    test = opened("explain", lang="en", text_side="classify", hub_classify="tiny/classify")
    press_start(test)
    assert not test.exception and test.selectbox(key="text_class_tiny/classify").value in (0, 1)
