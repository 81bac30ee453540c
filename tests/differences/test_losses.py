"""Losses against torch's own and against closed forms; scores against sacrebleu and by hand."""

import math

import numpy as np
import pytest
import sacrebleu
import torch
from PIL import Image

from core.differences import loss, texts
from core.errors import SidelightError
from core.models.images import FittedImage
from tests.differences.conftest import SENTENCE, TARGET
from tests.finetune.models import tiny_vision


def test_class_loss_and_its_gradient() -> None:
    logits = torch.tensor([2.0, 0.5, -1.0, 0.0])
    found = loss.class_loss(logits, 1, 0.2)
    p = logits.softmax(-1)
    wanted = torch.tensor([0.05, 0.85, 0.05, 0.05])
    assert found.loss == pytest.approx(float(-(wanted * p.log()).sum()), rel=1e-5)
    assert found.plain == pytest.approx(-math.log(p[1]), rel=1e-5)
    assert torch.allclose(found.targets, wanted)
    assert torch.allclose(found.gradient, p - wanted, atol=1e-6)


def test_even_logits_cost_the_logarithm_of_their_number() -> None:
    assert loss.class_loss(torch.zeros(7), 3).loss == pytest.approx(math.log(7))


def test_the_model_s_own_translation_has_the_score_of_its_run(translator, translation) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    found = loss.sequence_loss(translator, source, torch.tensor([translation.ids]))
    assert found.loss == pytest.approx(-translation.score, abs=1e-3)
    assert found.perplexity == pytest.approx(math.exp(found.loss))
    assert [one.probability for one in found.pieces] == pytest.approx(
        [s.probability for s in translation.steps], abs=1e-3
    )


def test_sequence_loss_is_what_training_minimises(translator) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    output = loss.reference_ids(translator, "Zwei Kinder spielen Fußball.")
    found = loss.sequence_loss(translator, source, output, 0.1)
    with torch.no_grad():
        own = translator.module(input_ids=source, labels=output[:, 1:]).loss
    assert found.loss == pytest.approx(float(own), abs=1e-4)
    assert found.smoothed > found.loss
    assert [one.read for one in found.pieces[1:]] == [one.wanted for one in found.pieces[:-1]], "teacher forcing"
    worse = loss.sequence_loss(translator, source, loss.reference_ids(translator, "Die Sonne kocht eine Zahl."))
    assert worse.perplexity > found.perplexity


@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_an_empty_reference_is_an_error_with_a_sentence(translator, text: str) -> None:
    with pytest.raises(SidelightError, match="no text"):
        loss.reference_ids(translator, text)


def test_a_reference_that_is_too_long_is_one_too(translator) -> None:
    with pytest.raises(SidelightError):
        loss.reference_ids(translator, "Haus " * 500)


def fitted(side: int = 64, patch: int = 8, seed: int = 0) -> FittedImage:
    shades = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    return FittedImage(Image.fromarray(shades), (side // patch, side // patch), (0, 0, side, side))


def test_patches_and_pictures_are_each_other_s_inverse() -> None:
    one = fitted()
    cut = loss.patches(one, 8)
    assert cut.shape == (64, 192)
    assert np.array_equal(np.asarray(loss._picture(cut, one, 8)), np.asarray(one.pixels))
    first = np.asarray(one.pixels)[:8, 8:16].reshape(-1) / 255
    assert np.allclose(cut[1].numpy(), first)


def test_hidden_patches_are_never_used() -> None:
    """Other pixels under the mask change the error, and nothing that the model sees or the read-out says."""
    model, one = tiny_vision(), fitted()
    first = loss.masked_regression(model, one, 0.4)
    pixels = loss.patches(one, 8)
    pixels[first.hidden] = 1 - pixels[first.hidden]
    changed = FittedImage(loss._picture(pixels, one, 8), one.grid, one.image_box)
    second = loss.masked_regression(model, changed, 0.4)
    assert torch.equal(first.hidden, second.hidden) and int(first.hidden.sum()) == round(0.4 * 64)
    assert np.array_equal(np.asarray(first.masked), np.asarray(second.masked))
    assert np.array_equal(np.asarray(first.filled), np.asarray(second.filled))
    assert first.mse != second.mse


def test_regression_of_a_plain_picture_is_exact() -> None:
    plain = FittedImage(Image.new("RGB", (64, 64), (51, 102, 153)), (8, 8), (0, 0, 64, 64))
    found = loss.masked_regression(tiny_vision(), plain, 0.3)
    assert found.mse < 1e-6 and found.mean_mse < 1e-9 and found.neighbour_mse < 1e-9
    assert torch.equal(found.errors.isnan().flatten(), ~found.hidden)
    assert found.mse == pytest.approx(float(found.errors[~found.errors.isnan()].mean()))


def test_ridge_solves_what_is_linear() -> None:
    draw = torch.Generator().manual_seed(1)
    x, true = torch.randn(80, 4, generator=draw), torch.randn(4, 3, generator=draw)
    ridge, weights = loss._fit(x[:60], x[:60] @ true + 2, x[60:], x[60:] @ true + 2)
    assert ridge == min(loss.RIDGES)
    assert torch.allclose(weights[:4], true, atol=0.02) and torch.allclose(weights[4], torch.full((3,), 2.0), atol=0.02)


PAIRS = [
    ("Eine Frau lächelt vor einer Flagge.", "Eine Frau lächelt vor einer Fahne."),
    ("Eine Frau.", "Eine Frau in einem orangefarbenen Anzug lächelt."),
    ("Der Hund der Hund der Hund läuft.", "Der Hund läuft im Schnee."),
    ("ganz anders", "Nichts davon steht hier."),
]


@pytest.mark.parametrize(("text", "reference"), PAIRS)
def test_bleu_is_made_of_its_parts(text: str, reference: str) -> None:
    found = texts.bleu(text, reference)
    own = sacrebleu.sentence_bleu(text, [reference], use_effective_order=True)
    assert found.score == pytest.approx(own.score)
    if all(one.matched for one in found.ngrams):
        product = math.exp(sum(math.log(one.precision / 100) for one in found.ngrams) / len(found.ngrams))
        assert found.score == pytest.approx(100 * found.penalty * product)
    short = found.length < found.reference
    assert found.penalty == pytest.approx(math.exp(1 - found.reference / found.length) if short else 1)
    for one in found.ngrams:
        assert (len(one.found), len(one.found) + len(one.missing)) == (one.matched, one.total)


def test_repeated_words_match_as_often_as_the_reference_has_them() -> None:
    found = texts.bleu("Der Hund der Hund der Hund läuft.", "Der Hund läuft im Schnee.")
    assert found.ngrams[0].found.count("Hund") == 1 and found.ngrams[0].missing.count("Hund") == 2


@pytest.mark.parametrize(("text", "reference"), PAIRS)
def test_chrf_is_f_of_its_parts(text: str, reference: str) -> None:
    found = texts.chrf(text, reference)
    total = 4 * found.precision + found.recall  # F of beta 2
    score = 5 * found.precision * found.recall / total if total else 0.0
    assert found.score == pytest.approx(score, abs=0.01)


def test_references_are_known_for_every_sample_caption() -> None:
    from core import samples

    for photo in samples.photos():
        for target in ("deu", "fra", "ces", "cmn_Hans"):
            assert texts.known_reference(photo.caption, target), (photo.caption, target)
    assert texts.known_reference("Nobody wrote this.", "deu") is None
    assert texts.known_reference(samples.photos()[0].caption, None) is None
