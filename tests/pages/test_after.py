"""What the Fine-tune page shows below a finished run, and the run as a model on every other page."""

import json
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import wording
from core.errors import SidelightError
from core.finetune import estimate, results
from core.finetune.data import dataset
from core.finetune.job import status
from core.finetune.sentence_learning import SentenceLearning
from core.models import catalogue
from core.models.evidence import wilson
from core.models.translation import Translator, load_translator
from core.views.linked import state
from tests.pages.test_pages import opened, views
from tests.views.test_linked import traces_of

NUMBERS = count()


@pytest.fixture
def runs(trained_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained runs, for the app."""
    root = tmp_path / "runs"
    shutil.copytree(trained_runs, root)
    monkeypatch.setenv("SIDELIGHT_RUNS", str(root))
    return root


@pytest.fixture
def head(runs: Path) -> Path:
    return next(runs.glob("*-head-*"))


@pytest.fixture
def lora(runs: Path) -> Path:
    return next(runs.glob("*-lora-*"))


@pytest.fixture
def unseen(head: Path) -> Path:
    """The head under a name that this process never loaded: a server goes on with a model that it has in memory."""
    return head.rename(head.with_name(f"20260101-000000-head-{next(NUMBERS):04x}"))


def after(run: Path, language: str = "en") -> AppTest:
    """The Fine-tune page with this run open."""
    test = opened("finetune", lang=language, run=run.name)
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    elements = (*test.markdown, *test.caption, *test.text, *test.info, *test.success)
    return "\n".join(element.value for element in elements)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_head_shows_its_numbers_and_that_nothing_can_be_forgotten(head: Path, language: str) -> None:
    test, result = after(head, language), results.read(head)
    shown = {metric.label: metric for metric in test.metric if metric.delta}
    accuracy = shown["Accuracy" if language == "en" else "准确率"]
    assert accuracy.value == f"{result.metrics['accuracy']:.1%}"
    assert f"{result.before['accuracy']:.1%}" in accuracy.delta, "what the frozen features alone give"
    points = 100 * (result.metrics["accuracy"] - result.before["accuracy"])
    assert accuracy.delta.startswith(f"{points:+.1f}"), "in points of a hundred"
    learnt = shown["Trainable parameters" if language == "en" else "可训练参数"]
    assert learnt.value == f"{result.trainable:,}" == "770", "384 x 2 weights and 2 biases"
    said = texts(test)
    count = sum(few for _, few in dataset.load(head / "data").report.counts.values())
    low, high = (f"{share:.1%}" for share in wilson(round(result.metrics["accuracy"] * count), count))
    assert wording.text("after.interval", language, count=f"{count:,}", low=low, high=high) in said
    assert (wording.text("after.few", language, count=count) in said) == (count < 100)
    assert ("nearest neighbours" if language == "en" else "最近邻") in said
    assert ("the backbone is untouched" if language == "en" else "主干没有改动") in said
    assert result.data in said


def test_what_it_took_stands_beside_what_was_told(head: Path) -> None:
    now = status(head)
    assert "told before" not in texts(after(head)), "of a run that was begun by the command nothing was told"
    estimate.note(head, estimate.Seconds(20.0, 10.0, 600.0, 5))
    took = now.ended - now.started
    shown = f"{max(1, round(took))} s" if took < 90 else f"{took / 60:.0f} min"
    assert f"It took {shown}, from start to result; told before: 10 s to 10 min." in texts(after(head))


def test_what_cannot_be_written_whole_is_not_offered(lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label, test = wording.text("after.whole", "en"), after(lora)
    assert label in {button.proto.label for button in test.get("download_button")}
    assert any("--push" in one.value for one in test.code)

    def refuse(model: Translator) -> None:
        raise SidelightError("result.not_whole", name=type(model.module).__name__)

    monkeypatch.setattr(SentenceLearning, "check_whole", refuse)
    test = after(lora)
    assert label not in {button.proto.label for button in test.get("download_button")}
    assert "this result opens here alone" in texts(test)
    assert not any("--push" in one.value for one in test.code), "nor how to send it to the hub"


def test_a_head_moves_no_head_of_attention(head: Path) -> None:
    test = after(head)
    assert views(test), "the linked view is there"
    assert "No head moved" in texts(test)
    assert not [button for button in test.button if "moved most" in button.label]
    assert re.search(r"After training it says: (cat|ship) \d+%", texts(test))


def test_a_translator_shows_what_it_forgot_in_numbers(lora: Path) -> None:
    test, found = after(lora), results.read(lora).forgetting
    said = texts(test)
    assert f"chrF was {found['before']['chrf']:.1f} before and {found['after']['chrf']:.1f} after" in said
    assert list(test.selectbox(key="target").options) == ["German"], "the language that it learnt"


def test_the_head_that_moved_most_opens_before_and_after(lora: Path) -> None:
    test = after(lora)
    button = next(button for button in test.button if "moved most" in button.label)
    layer, head = map(int, re.search(r"layer (\d+), head (\d+)", button.label).groups())
    button.click().run()
    assert not test.exception
    chosen = state.read("".join(test.query_params["view"]))
    assert chosen.heads == {"sentence": (head - 1,)}, "before is asked what after is asked"
    assert chosen.layer(3) == layer - 1, "cross-attention has 3 layers"


def test_before_stands_before_after(lora: Path, head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list] = []
    monkeypatch.setattr("core.ui.linked.show", lambda cards, _, beside: shown.append([*beside.cards, *cards]))
    test = after(lora)
    sentence, base = test.text_input(key="sentence").value, catalogue.default("translation").key
    for card, name, title in zip(shown[-1], (base, lora.name), ("Before", "After"), strict=True):
        own = load_translator(name).translate(sentence, "deu")
        assert card.title.startswith(title)
        torch.testing.assert_close(traces_of(card)["cross"].mean(), own.traces["cross"].mean(), atol=1e-5, rtol=0)
    after(head)
    assert [card.title.split(" ")[0] for card in shown[-1]] == ["Before", "After"]


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_other_kinds_of_attention_have_drift_too(lora: Path, kind: str) -> None:
    test = after(lora)
    test.segmented_control(key="drift_kind").set_value(kind).run()
    assert not test.exception
    assert [button for button in test.button if "moved most" in button.label]


def test_two_runs_stand_beside_each_other(head: Path, runs: Path) -> None:
    back = results.unpack(results.pack(head), runs)
    path = back / "result" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "f" * 64, "trainable": 123456}))
    test = after(head)
    test.multiselect(key="other_runs").set_value([back.name]).run()
    assert not test.exception
    assert test.dataframe[0].value["Trainable parameters"].tolist() == [770, 123456]
    assert "different data" in texts(test) and "came without its log" in texts(test)


def test_the_ways_out_name_the_model(head: Path) -> None:
    links = {link.page: link.query_string for link in (element.proto for element in after(head).page_link)}
    assert links == dict.fromkeys(("vision", "", "explain"), f"vision_model={head.name}")


def test_the_menu_goes_on_with_the_model_of_the_result(head: Path) -> None:
    test = after(head)
    test.query_params.clear()  # a menu's link says nothing
    test.switch_page("pages/vision.py").run()
    assert not test.exception and head.name in test.query_params["vision_model"]
    assert test.selectbox(key="vision_model").value == head.name


def test_a_run_is_deleted_after_a_second_click(head: Path) -> None:
    test = after(head)
    test.button(key=f"delete_{head.name}").click().run()
    assert not test.exception
    assert not head.exists() and catalogue.card(head.name) is None
    assert head.name not in test.selectbox(key="run_chosen").options


@pytest.mark.parametrize("name", ["result.json", "card.json", "classes.json", "model.safetensors"])
def test_a_damaged_run_gets_a_sentence(unseen: Path, name: str) -> None:
    (unseen / "result" / name).write_bytes(b"{")
    assert "files are damaged" in texts(after(unseen))


def test_a_zip_is_taken_back_and_opened(head: Path, runs: Path) -> None:
    data = results.pack(head)
    results.delete(head)
    test = opened("finetune", lang="en")
    test.file_uploader(key="result_zip").upload("result.zip", data).run()
    assert not test.exception
    back = next(runs.glob("*-head-*"))
    assert test.selectbox(key="run_chosen").value == back.name
    assert "can be chosen on every page" in texts(test)


def test_a_zip_that_is_none_gets_a_sentence(runs: Path) -> None:
    test = opened("finetune", lang="en")
    test.file_uploader(key="result_zip").upload("result.zip", b"no zip").run()
    assert not test.exception
    assert "not a result of fine-tuning" in texts(test)


@pytest.mark.parametrize("page", ["vision", "compare"])
def test_a_run_is_a_model_on_the_pages_of_its_task(head: Path, page: str) -> None:
    test = opened(page, lang="en", vision_model=head.name)
    assert not test.exception and not any("⚠" in text.value for text in test.text)
    assert views(test)
    assert head.name in test.selectbox(key="vision_model").value
    if page == "vision":
        assert any("cat, ship" in caption.value for caption in test.caption), "it names its own classes"
        assert any("112 px; here it sees 224 px" in one.value for one in test.caption)
        at_112 = opened(page, lang="en", vision_model=head.name, size="112")
        assert not any("here it sees" in one.value for one in at_112.caption)


@pytest.mark.parametrize("page", ["translation", "compare"])
def test_a_translator_is_a_model_on_the_pages_of_its_task(lora: Path, page: str) -> None:
    test = opened(page, lang="en", translation_model=lora.name)
    assert not test.exception and not any("⚠" in text.value for text in test.text)
    assert views(test)


@pytest.mark.parametrize(
    "name", ["20200101-000000-lora-ffff", "translation-en-de-fr-cs-zh", "vision_model", "cat, ship · head"]
)
@pytest.mark.parametrize("page", ["vision", "compare"])
def test_a_link_to_a_run_that_is_gone_shows_the_bundled_model(runs: Path, page: str, name: str) -> None:
    test = opened(page, lang="en", vision_model=name)
    assert not test.exception
    assert any(text.value.startswith("⚠") for text in test.text)
    assert views(test), "the bundled model is shown"


@pytest.mark.parametrize(
    "change",
    [
        lambda place: (place / "classes.json").unlink(),
        lambda place: (place / "classes.json").write_text('{"classes": 5, "temperature": 1}'),
        lambda place: (place / "model.safetensors").unlink(),
        lambda place: (place / "card.json").write_text('{"key": 1}'),
        lambda place: (place / "card.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_a_damaged_model_shows_the_bundled_one(unseen: Path, change: Callable[[Path], object]) -> None:
    change(unseen / "result")
    test = opened("vision", lang="en", vision_model=unseen.name)
    assert not test.exception
    assert any("files are damaged" in text.value for text in test.text)
    assert views(test)


def test_the_models_page_lists_what_was_trained(head: Path, lora: Path) -> None:
    test = opened("models", lang="en")
    assert not test.exception
    said, accuracy = texts(test), results.read(head).metrics["accuracy"]
    for run, method in ((head, "Head only"), (lora, "LoRA")):
        learnt, _, when = catalogue.card(run.name).title.rsplit(" · ", 2)
        assert f"{learnt} · {method} · {when}" in said
    assert f"Accuracy {accuracy:.1%}" in said


def test_whoever_runs_it_can_take_away_deleting_and_bringing_back(head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> set[str]:
        pages = (after(head), opened("finetune"))
        return {str(one.key) for page in pages for one in [*page.button, *page.get("file_uploader")]}

    assert {f"delete_{head.name}", "result_zip"} <= keys()
    monkeypatch.setenv("SIDELIGHT_DELETE", "0")
    monkeypatch.setenv("SIDELIGHT_BRING_BACK", "0")
    assert not {f"delete_{head.name}", "result_zip"} & keys()
