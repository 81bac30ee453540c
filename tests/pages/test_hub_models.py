"""A model of the hub chosen on the main pages: fetched beside the page with progress, Cancel and Start, while the
bundled one is shown. The hub is on this machine, its models tiny and at random."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import timm
import transformers as hf
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from core import wording
from core.errors import SidelightError
from core.models.catalogue import default
from core.models.vision import load_vision
from core.store import store
from core.ui import background, work
from core.ui.finetune import live
from tests.models.hub import forget_fetched, served
from tests.models.tiny import tokenizer
from tests.pages.test_pages import opened
from tests.waiting import until

VISION, TRANSLATOR = "test_vit", "tiny/translator"
BUNDLED = default("translation").title
CHOSEN = {  # by page: which models it lets choose, under what name in the session
    "compare": {"vision_model": VISION, "translation_model": TRANSLATOR},
    "vision": {"vision_model": VISION},
    "translation": {"translation_model": TRANSLATOR},
    "explain": {"vision_model": VISION, "translation_model": TRANSLATOR},
    "differences": {"vision_model": VISION, "translation_model": TRANSLATOR},
}


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, units = tmp_path_factory.mktemp("hub"), tokenizer("metaspace")
    (root / "timm" / "test_vit.r160_in1k").mkdir(parents=True)
    save_file(timm.create_model(VISION).state_dict(), root / "timm" / "test_vit.r160_in1k" / "model.safetensors")
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
    for part in (hf.T5ForConditionalGeneration(t5), units):
        part.save_pretrained(root / TRANSLATOR)
    return root


@pytest.fixture
def gate() -> Event:
    """Set: weights are sent."""
    return Event()


@pytest.fixture(autouse=True)
def asked(repositories: Path, tmp_path: Path, gate: Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that has been asked for nothing yet, and a process that has loaded nothing from it."""
    monkeypatch.setattr(work, "SIDE", 112)
    forget_fetched()
    background._failed.clear()
    shutil.copytree(repositories, tmp_path / "hub")
    with served(monkeypatch, tmp_path / "hub", tmp_path / "cache", gate) as asked:
        yield asked
        gate.set()
        until(lambda: not background._works, "the end of what is fetched")


def say(key: str, language: str = "en", **values: object) -> str:
    return wording.text(key, language, **values)


def bars(test: AppTest) -> set[str]:
    """What is being fetched."""
    texts = {bar.proto.text for bar in test.get("progress")}
    return {name for name in (VISION, TRANSLATOR) if any(f"`{name}`" in text for text in texts)}


def buttons(test: AppTest, label: str) -> list:
    return [button for button in test.button if button.label == label]


def starts(test: AppTest) -> list:
    """What can be fetched, in the order of the page."""
    return [button for button in test.button if button.label.endswith((f"`{VISION}`", f"`{TRANSLATOR}`"))]


def captions(test: AppTest) -> list[str]:
    return [caption.value for caption in test.caption]


def titles(test: AppTest) -> list[str]:
    return [title.value for title in test.header]


def errors(test: AppTest) -> list[str]:
    return [text.value for text in test.text if text.value.startswith("⚠")]


def fetched(test: AppTest) -> AppTest:
    """Run again, as the browser does, until what is fetched is here; not while it is fetched."""
    while bars(test):
        until(lambda: not background._works, "the end of what is fetched")
        test.run()
    assert not bars(test) and not test.exception
    return test


def weights(asked: list[str]) -> list[str]:
    return [path for path in asked if path.endswith(".safetensors")]


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The models that were run since it was last cleared."""
    used: set[str] = set()
    for name in ("run_image", "translate"):
        run = getattr(work, name)
        monkeypatch.setattr(
            work, name, lambda model, *given, run=run, **more: (used.add(model), run(model, *given, **more))[1]
        )
    return used


def shown(test: AppTest, used: set[str]) -> set[str]:
    """The models that the page runs now."""
    used.clear()
    test.run()
    return set(used)


@pytest.mark.parametrize("page", CHOSEN)
def test_the_bundled_model_is_shown_until_the_chosen_one_is_here(page: str, used: set[str], gate: Event) -> None:
    chosen = set(CHOSEN[page].values())
    test = opened(page, lang="en", **CHOSEN[page])
    assert not test.exception and not errors(test)
    assert bars(test) == chosen and len(buttons(test, say("background.cancel"))) >= len(chosen)
    assert captions(test).count(say("work.meanwhile")) == len(chosen)
    assert used and not used & chosen, "the page goes on"
    gate.set()
    fetched(test)
    assert not errors(test) and say("work.meanwhile") not in captions(test) and not starts(test)
    assert shown(test, used) == chosen


@pytest.mark.parametrize(("task", "name"), [("vision", VISION), ("translation", TRANSLATOR)])
def test_a_form_waits_for_its_model(task: str, name: str, gate: Event, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(live, "ensure_worker", lambda: None)
    test = opened("finetune", lang="en", finetune_task=task, **{f"{task}_base": name})
    assert not test.exception and bars(test) == {name} and say("finetune.how") not in titles(test)
    gate.set()
    fetched(test)
    assert say("finetune.how") in titles(test) and not errors(test)


def test_what_was_fetched_before_is_there_at_once(used: set[str], gate: Event, asked: list[str]) -> None:
    gate.set()
    load_vision(VISION)
    assert len(weights(asked)) == 1
    test = opened("vision", lang="en", vision_model=VISION)
    assert not bars(test) and used >= {VISION}
    assert store().find(("fetch", "vision", VISION)) is None, "nothing was fetched beside the page"
    assert len(weights(asked)) == 1


def test_after_cancel_the_bundled_model_stays_until_start(used: set[str], gate: Event, asked: list[str]) -> None:
    """Also where two were cancelled, one after the other."""
    test = opened("compare", lang="en", **CHOSEN["compare"])
    for _ in range(2):
        buttons(test, say("background.cancel"))[0].click().run()
    assert not test.exception and not bars(test) and len(starts(test)) == 2
    test.run()
    assert not bars(test) and len(starts(test)) == 2 and not errors(test)
    assert captions(test).count(say("work.meanwhile")) == 2
    starts(test)[0].click().run()
    assert bars(test) == {VISION} and len(starts(test)) == 1
    gate.set()
    fetched(test)
    assert shown(test, used) == {VISION, default("translation").key} and len(starts(test)) == 1


def test_two_windows_fetch_once_and_a_cancel_in_one_is_not_one_in_the_other(gate: Event, asked: list[str]) -> None:
    first, second = (opened("vision", lang="en", vision_model=VISION) for _ in range(2))
    assert bars(first) == bars(second) == {VISION} and len(weights(asked)) == 1
    buttons(first, say("background.cancel"))[0].click().run()
    second.run()
    assert starts(first) and not bars(first)
    assert bars(second) == {VISION} and not starts(second), "it goes on for the other"
    gate.set()
    fetched(second)
    first.run()
    assert not starts(first), "what is here is here for all"


def test_work_does_not_wait_for_what_is_fetched() -> None:
    test = opened("compare", lang="en", **CHOSEN["compare"])
    assert len(bars(test)) == 2, "as many as are worked on at a time"
    work = background._pools["work"].submit(lambda: "done")
    assert work.result(5) == "done" and len(bars(test.run())) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_cannot_be_fetched_gets_a_sentence_and_can_be_tried_again(
    language: str, used: set[str], gate: Event, tmp_path: Path
) -> None:
    gate.set()
    folder = tmp_path / "hub" / TRANSLATOR
    folder.rename(tmp_path / "away")
    test = opened("translation", lang=language, translation_model=TRANSLATOR)
    fetched(test)
    assert shown(test, used) == {default("translation").key}
    assert errors(test) == ["⚠ " + SidelightError("model.unknown", name=TRANSLATOR, bundled=BUNDLED).sentence(language)]
    assert say("translation.fallback", language) in captions(test)
    (tmp_path / "away").rename(folder)
    starts(test)[0].click().run()
    fetched(test)
    assert shown(test, used) == {TRANSLATOR} and not errors(test)


@pytest.mark.parametrize("name", ["../../etc", "no_such_model", "20200101-000000-lora-ffff"])
def test_what_is_no_name_is_said_at_once(name: str, used: set[str]) -> None:
    test = opened("vision", lang="en", vision_model=name)
    assert len(errors(test)) == 1 and not bars(test) and not starts(test)
    assert shown(test, used) == {default("vision").key}


def test_a_cache_that_was_emptied_is_filled_again(used: set[str], gate: Event, tmp_path: Path) -> None:
    gate.set()
    fetched(opened("vision", lang="en", vision_model=VISION))
    shutil.rmtree(tmp_path / "cache")
    store().forget(VISION)
    test = fetched(opened("vision", lang="en", vision_model=VISION))
    assert shown(test, used) == {VISION} and not errors(test)
