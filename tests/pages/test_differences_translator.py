"""The page on differences with another translator: what it shows of the translator is another then. Twice: a run whose
adapter is made stronger, of the same shape, so that nothing kept for the first one may serve it; and a small model of
another shape, so that sizes and the table of pieces, which an adapter leaves alone, are another too."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import samples
from core.differences import precision
from core.finetune import results
from core.finetune.job import read_job
from core.models import catalogue
from core.models.translation import load_translator
from tests.finetune.models import tiny_translator
from tests.pages.test_differences import figures, measure, offers, sentences, shown
from tests.pages.test_differences_more import PARTS, found
from tests.pages.test_pages import written

pytestmark = pytest.mark.usefixtures("small")

STRENGTHS = range(20, 200, 10)  # times, of the adapter: after its one step of training it is weak

# Section, part, and what must be another: figures by key, metrics by label, texts by a word in them, and "picture n".
ADAPTED = [
    ("task", "", ("lesson_steps", "each a choice among")),
    (
        "architecture",
        "",
        (
            "lesson_causal_encoder",
            "lesson_causal_decoder",
            "lesson_ripple_0",
            "lesson_ripple_1",
            "lesson_alternatives",
            "lesson_reading",
            "lesson_tree",
            "% in the decoder",
            "The amber piece",
            "Step 3",
            "Each column",
        ),
    ),
    ("pipeline", "", ("lesson_depth", "3 layers read", "Cross-entropy of", "How much of", "picture 4", "picture 6")),
    ("mathematics", "softmax", ("Layer in the middle", "Vision / Encoder", "The mean entropy")),
    ("mathematics", "classifier", ("What is asked", "One classification")),
    ("mathematics", "order", ("| Source |",)),
    (
        "loss",
        "sequence",
        (
            "sequence_loss",
            "Mean −ln p",
            "With smoothing",
            "Perplexity of the reference",
            "Of the model's own translation",
            "Must write",
            " nats (the unit of ln): the model",
        ),
    ),
    ("loss", "scores", ("chrf", "BLEU", "chrF2", "In the reference", "Precision of single words")),
    ("cost", "now", ("FLOP, counted", "a ratio of")),
    ("limits", "noise", ("limits_sentence_curve", "N × N", "Only writing", "Misspelt", "becomes *", "Made to")),
]
SMALLER = [
    ("input", "", ("lesson_lookup", "lesson_order", "The id picks", "A vector for the")),
    ("architecture", "", ("lesson_diagram", "Vision model:", "encoder layers")),
    ("pipeline", "", ("Rows of a table", "layers read the", "numbers (65", "picture 2")),
    ("mathematics", "softmax", ("L H N N",)),
    ("cost", "now", ("Parameters",)),
]


@pytest.fixture(scope="module")
def runs(trained_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained runs with both other translators, for the app."""
    root = tmp_path_factory.mktemp("translators") / "runs"
    shutil.copytree(trained_runs, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDELIGHT_RUNS", str(root))
        yield root


@pytest.fixture(scope="module")
def adapted(runs: Path) -> str:
    """The fine-tuned run with a stronger adapter, W + a B A with a larger a: the first that writes another number of
    pieces for what the page opens with."""
    run = runs / "20260101-000000-lora-abcd"  # its own name: loaded models are kept by it, those of other tests too
    shutil.copytree(max(runs.glob("*-lora-*")), run)
    place = run / "result" / "adapter_config.json"
    settings = json.loads(place.read_text("utf-8"))
    sentence = samples.photos()[0].caption
    usual = len(load_translator(catalogue.default("translation").key).translate(sentence, "deu").target)
    for strength in STRENGTHS:
        place.write_text(json.dumps(settings | {"lora_alpha": strength * settings["lora_alpha"]}))
        if len(load_translator(run.name).translate(sentence, "deu").target) != usual:
            return run.name
    raise AssertionError("the adapter changes nothing")


@pytest.fixture(scope="module")
def smaller(runs: Path) -> str:
    """A whole model in the place of a run's result: one layer each, random weights, the same pieces."""
    run, lora = runs / "20260101-000000-full-abcd", max(runs.glob("*-lora-*"))  # the latest is the run as it was made
    shutil.copytree(lora, run, ignore=shutil.ignore_patterns("result"))
    small, job = tiny_translator(), replace(read_job(lora), method="full")
    small.module.save_pretrained(run / "result")
    small.tokenizer.save_pretrained(run / "result")
    measured = results.read(lora)
    results.write(run / "result", job, results.card_of(run, job, run / "result"), measured)
    return run.name


@pytest.fixture(scope="module")
def first(runs: Path) -> dict[tuple[str, str], AppTest]:
    """Each part with the bundled translator, looked at once."""
    return {(section, part): of_part(section, part) for section, part, _ in [*ADAPTED, *SMALLER]}


def of_part(section: str, part: str, **state: object) -> AppTest:
    key = PARTS.get(section, ("",))[0]
    return shown(section, **({key: part} if key else {}), **state)


def seen(test: AppTest, name: str) -> list[str]:
    """As `found`; "picture n": the n-th picture, whose address is made of its content."""
    if name.startswith("picture "):
        return [str(test.get("image")[int(name.removeprefix("picture "))].proto)]
    return found(test, name)


def changed(before: AppTest, after: AppTest, names: tuple[str, ...]) -> None:
    for name in names:
        assert seen(before, name), f"nothing is called {name!r}"
        assert seen(after, name) and not set(seen(before, name)) & set(seen(after, name)), name


@pytest.mark.parametrize(("section", "part", "names"), ADAPTED)
def test_what_is_shown_follows_a_fine_tuned_translator(
    first: dict[tuple[str, str], AppTest], adapted: str, section: str, part: str, names: tuple[str, ...]
) -> None:
    after = of_part(section, part, translation_model=adapted)
    assert not [text.value for text in after.text if "⚠" in text.value], "it is the run that is shown"
    changed(first[section, part], after, names)


@pytest.mark.parametrize(("section", "part", "names"), SMALLER)
def test_sizes_follow_a_translator_of_another_shape(
    first: dict[tuple[str, str], AppTest], smaller: str, section: str, part: str, names: tuple[str, ...]
) -> None:
    after = of_part(section, part, translation_model=smaller)
    assert not [text.value for text in after.text if "⚠" in text.value], "it is the run that is shown"
    changed(first[section, part], after, names)


def test_the_photos_side_stays(first: dict[tuple[str, str], AppTest], adapted: str) -> None:
    """What changed above did so because of the translator: what the photo alone decides is the same."""
    after = of_part("limits", "noise", translation_model=adapted)
    for name in ("limits_photo_curve", "limits_before", "limits_after"):
        assert figures(after)[name] == figures(first["limits", "noise"])[name], name


def test_the_alignment_is_the_translators_own(adapted: str) -> None:
    """Two models may agree on it to a percent, so the sentence is compared with the run's own attention."""
    test = of_part("task", "", translation_model=adapted)
    translation = load_translator(adapted).translate(test.text_input(key="sentence").value, "deu")
    last = translation.traces["cross"].mean([translation.traces["cross"].layers - 1])
    content = [~torch.tensor(axis.special) for axis in (translation.target, translation.source)]
    share = float((last * content[0][:, None] * content[1]).max())
    assert found(test, "The same question")[0].endswith(f"({share:.0%}).")
    assert translation.text in written(test)


@pytest.mark.parametrize(
    ("section", "part", "button", "told"),
    [
        ("mathematics", "softmax", "wrong_formulas", "Translation (likeliest piece at each step)"),
        ("cost", "now", "here", "Most memory"),
        ("cost", "precision", "text_precision", "BLEU"),
    ],
)
def test_what_was_measured_with_one_translator_is_not_shown_for_another(
    adapted: str, monkeypatch: pytest.MonkeyPatch, section: str, part: str, button: str, told: str
) -> None:
    monkeypatch.setattr(precision, "SENTENCES", 2)
    test = of_part(section, part, photo="rocket")
    if offers(test, button):
        measure(test, button)
    assert not test.exception and any(told in text for text in sentences(test))
    other = of_part(section, part, photo="rocket", translation_model=adapted)
    assert offers(other, button), "it asks again"
    assert not any(told in text for text in sentences(other))


def test_the_chooser_lists_the_run(adapted: str) -> None:
    test = of_part("cost", "choose")
    test.selectbox(key="choose_task").set_value("translate").run()
    learnt, _, when = catalogue.card(adapted).title.rsplit(" · ", 2)
    assert f"{learnt} · LoRA · {when}" in "".join(sentences(test)).replace("\\", "")
