"""B beside A: painted patches and no others, one word and no other piece count."""

import numpy as np
import pytest
from PIL import Image

from core.models.others import Paint, one_word_changed, painted
from tests.attention import planted


@pytest.mark.parametrize("paint", ["blur", "grey"])
def test_the_chosen_patches_are_painted_over_and_no_others(paint: Paint) -> None:
    photo = planted.random_photo()
    before, after = (np.asarray(one).astype(int) for one in (photo, painted(photo, (4, 4), [1, 6], paint)))
    changed = np.abs(after - before).max(-1).reshape(4, planted.PATCH, 4, planted.PATCH).max((1, 3)) > 0
    assert sorted(np.flatnonzero(changed)) == [1, 6]
    if paint == "grey":
        assert (after[:8, 8:16] == before.reshape(-1, 3).mean(0).round()).all()
    assert isinstance(painted(photo, (4, 4), [], paint), Image.Image)


def test_one_word_is_changed_and_the_length_kept() -> None:
    translator = planted.random_translator()
    assert one_word_changed(translator, "w3 man w4", None) == "w3 woman w4"
    assert one_word_changed(translator, "w3 Dog w4", None) == "w3 Cat w4"
    other = one_word_changed(translator, "w3 w4", None)
    assert other != "w3 w4" and translator.length(other, None) == translator.length("w3 w4", None)
