"""What the page on differences says is what the library finds, computed here again from the models themselves: a number
that only follows its input could still be the wrong one."""

import json
import math

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import samples, wording
from core.differences import limits, loss, mathematics, structure
from core.models import foreground
from core.models.images import open_image
from core.models.translation import Translation, Translator, load_translator
from core.models.vision import VisionModel, VisionResult, load_vision
from tests.pages.test_differences import figures, sentences, shown
from tests.pages.test_differences_more import found, part_of

PHOTO = samples.photos()[0]  # what the page opens with
TARGET = "deu"


@pytest.fixture(scope="module")
def translator() -> Translator:
    return load_translator("translation-en-de-fr-cs-zh")


@pytest.fixture(scope="module")
def translation(translator: Translator) -> Translation:
    return translator.translate(PHOTO.caption, TARGET)


@pytest.fixture(scope="module")
def vision() -> VisionModel:
    return load_vision("vision-vit-s-14")


@pytest.fixture(scope="module")
def seen(vision: VisionModel) -> VisionResult:
    return vision.run(open_image(PHOTO.path.read_bytes()), 224, "crop")


def drawn(test: AppTest, name: str) -> list[dict]:
    return json.loads(figures(test)[name])["data"]


def say(key: str, **values: object) -> str:
    return wording.text(key, "en", **values)


def test_masks_are_what_stands_out(seen: VisionResult) -> None:
    said = sentences(shown("task"))
    scores = {
        "attention": foreground.attention_score(seen.traces["encoder"]),
        "features": foreground.feature_score(seen.features),
    }
    for name, score in scores.items():
        share = float((score > foreground.otsu(score)).float().mean())
        assert say(f"lesson_task.mask_{name}", share=f"{share:.0%}") in said


@pytest.mark.parametrize("sentence", [PHOTO.caption, "Can you help me?"])  # the second one looks most at its tag
def test_alignment_leaves_marks_out(translator: Translator, sentence: str) -> None:
    translation = translator.translate(sentence, TARGET)
    cross = translation.traces["cross"]
    last = cross.mean([cross.layers - 1])
    written, read = (~torch.tensor(axis.special) for axis in (translation.target, translation.source))
    told = f"reads *{_strongest(translation, last * written[:, None] * read)}"
    assert any(told in text for text in sentences(shown("task", sentence=sentence)))


def _strongest(translation: Translation, weights: torch.Tensor) -> str:
    place = int(weights.argmax()) % weights.shape[1]
    return f"{translation.source.pieces[place]}* ({float(weights.max()):.0%})"


def test_a_step_shows_what_it_read_and_the_mask_keeps_the_past(
    translator: Translator, translation: Translation
) -> None:
    test = shown("architecture")
    cross = translation.traces["cross"]
    assert drawn(test, "lesson_reading")[0]["y"] == pytest.approx(cross.mean([cross.layers - 1])[2].tolist(), abs=1e-5)
    names, chances = zip(*translation.steps[2].alternatives, strict=True)
    bars = drawn(test, "lesson_alternatives")[0]
    assert bars["x"] == pytest.approx(chances, abs=1e-5) and len(bars["y"]) == len(names)
    source, _ = translator.source_pieces(PHOTO.caption, TARGET)
    ripple = structure.ripple(translator, PHOTO.caption, TARGET, translator.search(source))
    values = {"count": int((ripple.encoder > 0).sum()), "first": f"{float(ripple.encoder[0]):.1%}", "before": "0.0%"}
    assert say("lesson_arch.ripple_help", **values) in sentences(test)
    for number, moved in enumerate((ripple.encoder, ripple.decoder)):
        bars = drawn(test, f"lesson_ripple_{number}")[0]
        assert bars["y"] == pytest.approx(moved.tolist(), abs=1e-4)
        assert [
            place for place, colour in enumerate(bars["marker"]["color"]) if colour != bars["marker"]["color"][0]
        ] == [ripple.changed[number]]


def test_the_walk_ends_in_the_translations_own_score(translator: Translator, translation: Translation) -> None:
    steps, vocabulary = len(translation.steps), len(translator.tokenizer)
    values = {"loss": f"{-translation.score:.3f}", "perplexity": f"{math.exp(-translation.score):.2f}"}
    told = say("lesson_pipe.loss_text", steps=steps, even=f"{math.log(vocabulary):.3f}", **values)
    assert told in sentences(shown("pipeline"))


def test_the_scale_makes_rows_flatter(seen: VisionResult, translation: Translation) -> None:
    test = part_of("mathematics", "mistake", "one_hot")
    one = mathematics.scaling(translation.traces["encoder"], translation.traces["encoder"].layers // 2)
    values = {"before": one.entropy, "after": one.entropy_plain, "even": one.uniform}
    told = say("maths.q_scaling_answer", **{name: f"{value:.2f}" for name, value in values.items()})
    assert any(text.value.startswith(told) for text in test.info)
    lengths = f"{len(seen.axis)} | {len(translation.source)} | {len(translation.target)} "
    assert lengths in next(text for text in sentences(test) if "L H N N" in text)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_a_class_is_smoothed_by_what_the_slider_says(smoothing: float) -> None:
    test = part_of("loss", "loss", "classes", vision_model="vision-cifar10", label="5")
    test.slider(key="loss_smoothing").set_value(smoothing).run()
    model = load_vision("vision-cifar10")
    fitted = model.run(open_image(PHOTO.path.read_bytes()), 224, "crop").fitted
    logits = loss.class_logits(model, fitted.pixels)
    best = int(logits.argmax())
    assert best == 5, "the first bar, so that its target is the first"
    wanted = loss.class_loss(logits, best, smoothing)
    assert found(test, "−ln p(y)") == [f"{wanted.plain:.3f}"]
    assert found(test, "With smoothing") == [f"{wanted.loss:.3f}"]
    bars, targets = drawn(test, "class_loss")
    assert bars["x"][0] == pytest.approx(float(wanted.probabilities[best]), abs=1e-4)
    assert targets["x"][0] == pytest.approx(1 - smoothing + smoothing / 10, abs=1e-4)


def test_the_models_own_translation_has_its_own_perplexity(translation: Translation) -> None:
    test = part_of("loss", "loss", "sequence")
    assert found(test, "Of the model's own translation") == [f"{math.exp(-translation.score):,.3f}"]
    assert found(test, "Perplexity of the reference") != found(test, "Of the model's own translation")


def test_positions_are_those_of_the_run(seen: VisionResult, translation: Translation) -> None:
    row = found(part_of("cost", "cost", "now"), "FLOP, counted")[0].splitlines()[2]
    both = f"{len(translation.source)} + {len(translation.target)}"
    assert row == f"| Positions (source + target) | {len(seen.axis)} | {both} | {both} |"


def test_half_of_the_words_are_misspelt_and_translated_so(
    translator: Translator, translation: Translation, vision: VisionModel, seen: VisionResult
) -> None:
    test = part_of("limits", "kind", "noise")
    changed, shift = limits.sentence_shift(translator, translation, PHOTO.caption, TARGET, 0.5)
    row = next(line for line in found(test, "Misspelt")[0].splitlines() if "Misspelt" in line)
    assert [cell.strip().replace("\\", "").replace("**", "") for cell in row.split("|")[2:4]] == [changed, shift.said]
    line = json.loads(figures(test)["limits_sentence_curve"])
    assert line["data"][0]["y"][2] == pytest.approx(shift.agreement, abs=1e-3)
    assert line["layout"]["shapes"][0]["x0"] == 0.5
    spoilt = limits.photo_shift(vision, seen, "noise", 0.5).shift
    assert drawn(test, "limits_photo_curve")[0]["y"][2] == pytest.approx(spoilt.agreement, abs=1e-3)
