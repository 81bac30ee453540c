"""A photo against texts with tiny untrained models of two towers: scores are the model's own, a planted patch is found
in what makes the picture like a text, and what each text reads is captured."""

import pytest
import torch
from PIL import Image

from core.attention.methods import METHODS, explain, refusal
from core.errors import SidelightError
from core.models.matching import Matcher, matcher_of, text_subject
from core.models.others import painted
from core.models.subjects import vision_subject
from tests.models.untrained import PHOTO, two_towers

SIDE = 32  # px: 4 x 4 patches of 8
TEXTS = ("a dog in the snow", "hello world")


@pytest.fixture(scope="module", params=["clip", "siglip"])
def matcher(request: pytest.FixtureRequest) -> Matcher:
    return matcher_of(request.param, *two_towers(request.param, SIDE))


def test_scores_are_the_models_own(matcher: Matcher) -> None:
    told = matcher.told([*TEXTS, TEXTS[0], "  "])
    assert told.classes == TEXTS, "each once"
    result = told.run(PHOTO, SIDE, "stretch")
    ids, mask = zip(*(matcher.pieces(text) for text in TEXTS), strict=True)
    with torch.inference_mode():
        pixels = told.pixels(result.fitted.pixels)
        own = [
            matcher.whole(input_ids=one, attention_mask=seen, pixel_values=pixels).logits_per_image[0, 0]
            for one, seen in zip(ids, mask, strict=True)
        ]
    own = torch.stack(own)
    expected = own.sigmoid() if matcher.name == "siglip" else own.softmax(0)
    torch.testing.assert_close(result.probabilities, expected, atol=1e-5, rtol=1e-4)
    assert told.exclusive == (matcher.name == "clip")


def test_a_planted_patch_is_what_makes_the_picture_like_the_text(matcher: Matcher) -> None:
    """A black picture but for one square: nothing but its patch moves the score when it is taken away."""
    black, patch = Image.new("RGB", (SIDE, SIDE)), 4 * 2 + 1
    white = painted(black, (4, 4), [patch], Image.new("RGB", (SIDE, SIDE), "white"))
    told = matcher.told(TEXTS)
    result = told.run(white, SIDE, "stretch")
    asked = vision_subject(told, result, 0)
    first = result.axis.patches.start
    kept = ~torch.eye(first + 16, dtype=torch.bool)[first:]
    moved = asked.scores(torch.cat([torch.ones(1, first + 16, dtype=torch.bool), kept]), "mean")
    alike = (moved[1:] - moved[0]).abs()
    assert int(alike.argmax()) == patch and result.axis.labels[first + patch] == "3,2"
    gradients = asked.gradients()
    for name, method in METHODS.items():
        if not refusal(asked, method):
            found = explain(asked, name, gradients=gradients)
            assert found.shape == (first + 16,) and bool(found.isfinite().all()), name


def test_what_a_text_reads_is_captured_and_explained(matcher: Matcher) -> None:
    text = matcher.read(TEXTS[0])
    trace = text.traces["encoder"]
    assert trace.layers == 2 and not trace.problems and "dog" in text.axis.pieces
    with torch.no_grad():
        seen = matcher.seen(matcher.tokens(matcher.pixels(PHOTO.resize((SIDE, SIDE)))))
    asked = text_subject(matcher, text, seen)
    assert float(asked.reader.sum()) == pytest.approx(1) and int((asked.reader > 0).sum()) == 1, "one position is read"
    assert asked.reader.argmax() == (len(text.axis) - 1), "the end mark, or the last of what fills the text"
    whole = float(asked.scores(torch.ones(1, len(text.axis), dtype=torch.bool), "drop"))
    with torch.inference_mode():
        assert whole == pytest.approx(float((matcher.meaning(text.ids, text.mask) * seen).sum()), abs=1e-5)
    gradients = asked.gradients()
    found = explain(asked, "relevance", gradients=gradients)
    assert found.shape == (len(text.axis),) and bool(found.isfinite().all())


def test_what_cannot_be_asked_is_said(matcher: Matcher) -> None:
    for texts, code in (([" "], "empty"), ([f"dog {n}" for n in range(21)], "too_many"), (["dog " * 30], "too_long")):
        with pytest.raises(SidelightError) as refused:
            matcher.told(texts)
        assert refused.value.code == f"matching.{code}"
    with pytest.raises(SidelightError) as refused:
        matcher_of("tower", matcher.whole.vision_model, matcher.tokenizer, None)
    assert refused.value.code == "matching.other_kind"
