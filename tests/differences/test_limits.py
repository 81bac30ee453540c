"""Spoilt photos and misspelt sentences: what is changed, what is kept, and drift from the clean input."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.attention.axes import TokenAxis
from core.differences import limits
from tests.differences.conftest import SENTENCE, TARGET


@pytest.mark.parametrize("kind", limits.KINDS)
def test_a_photo_is_spoilt_by_degrees(kind: str, photo: Image.Image) -> None:
    assert limits.corrupt(photo, kind, 0) is photo
    whole = np.asarray(photo).astype(float)
    apart = [np.abs(np.asarray(limits.corrupt(photo, kind, s)) - whole).mean() for s in (0.25, 0.5, 1.0)]
    assert 0 < apart[0] < apart[1] < apart[2]
    assert limits.corrupt(photo, kind, 0.5).tobytes() == limits.corrupt(photo, kind, 0.5).tobytes()


def test_full_loss_of_contrast_keeps_the_mean(photo: Image.Image) -> None:
    before, after = np.asarray(photo).astype(float), np.asarray(limits.corrupt(photo, "contrast", 1)).astype(float)
    assert after.mean() == pytest.approx(before.mean(), abs=0.5)
    assert after.std() == pytest.approx(0.05 * before.std(), abs=0.5)


def test_misspelling_keeps_words_ends_and_what_a_smaller_share_changed() -> None:
    words = SENTENCE.split(" ")
    changed_before: set[int] = set()
    for share in limits.STRENGTHS:
        found = limits.misspell(SENTENCE, share).split(" ")
        assert len(found) == len(words)
        changed = {i for i, (old, new) in enumerate(zip(words, found, strict=True)) if old != new}
        assert changed_before <= changed
        assert all(found[i][0] == words[i][0] and found[i][-1] == words[i][-1] for i in changed)
        changed_before = changed
    assert changed_before == {i for i, word in enumerate(words) if sum(map(str.isalpha, word)) >= 3}
    assert limits.misspell(SENTENCE, 0) == SENTENCE


@pytest.mark.parametrize("text", ["", "a", "  ", "!!! ??", "我爱你", "aaa bbb", "🐕🐕🐕 don't"])
def test_anything_can_be_misspelt(text: str) -> None:
    assert len(limits.misspell(text, 1).split(" ")) == len(text.split(" "))


def test_the_clean_photo_has_not_moved_and_a_spoilt_one_has(vision, seen) -> None:
    clean = limits.photo_shift(vision, seen, "noise", 0).shift
    assert clean.agreement == pytest.approx(1, abs=1e-4) and clean.drift == pytest.approx(0, abs=1e-3)
    spoilt = limits.photo_shift(vision, seen, "noise", 1)
    assert spoilt.shift.agreement < 0.9 and spoilt.shift.drift > 0.05
    assert spoilt.shift.certainty is None, "this model has no classes"
    assert spoilt.attention.shape == seen.fitted.grid and float(spoilt.attention.sum()) == pytest.approx(1, abs=1e-4)


def test_the_clean_sentence_has_not_moved_and_a_misspelt_one_has(translator, translation) -> None:
    text, clean = limits.sentence_shift(translator, translation, SENTENCE, TARGET, 0)
    assert text == SENTENCE and clean.agreement == 1 and clean.drift == pytest.approx(0, abs=1e-3)
    assert clean.certainty == pytest.approx(np.exp(translation.score), abs=1e-3)
    text, other = limits.sentence_shift(translator, translation, SENTENCE, TARGET, 1)
    assert text != SENTENCE and other.certainty < clean.certainty and other.drift > 0.05
    assert other.agreement < 1 and other.said != translation.text


def test_pieces_become_words() -> None:
    axis = TokenAxis(("foot", "ball", "park"), (0, 0, 1), (False, False, False))
    found = limits._to_words(torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]]), axis)
    assert torch.allclose(found, torch.tensor([[0.5, 0.5], [1.0, 0.0]]))


def test_memory_of_maps_and_of_what_makes_them(seen) -> None:
    maps, vectors = limits.memory(seen.traces["encoder"])
    assert maps == 12 * 6 * 257 * 257 * 4
    assert vectors == 12 * 2 * 257 * 384 * 4
