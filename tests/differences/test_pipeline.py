"""The walk's tensors are the models' own: each is checked against another way to get it."""

import torch
from torch.nn import functional as F

from core.differences import pipeline
from core.models.vision import load_vision
from tests.differences.conftest import SENTENCE, TARGET


def test_the_last_state_normed_is_what_the_features_are(vision, seen) -> None:
    walk = pipeline.walk_vision(vision, seen)
    assert len(walk.states) == 13
    assert {tuple(state.shape) for state in walk.states} == {(257, 384)}
    with torch.inference_mode():
        normed = vision.module.norm(walk.states[-1])[1:].reshape(16, 16, -1)
    torch.testing.assert_close(normed, seen.features, atol=1e-3, rtol=1e-3)
    assert walk.logits is None
    assert pipeline.kept(walk.states)[0] > 0.999


def test_the_loss_of_a_class_is_that_of_the_prediction(photo) -> None:
    model = load_vision("vision-cifar10")
    seen = model.run(photo, 224, "crop")
    walk = pipeline.walk_vision(model, seen)
    top = seen.predictions[0]
    label = model.classes.index(top.label)
    assert abs(pipeline.class_loss(walk, label) + torch.tensor(top.probability).log()) < 1e-4


def test_the_loss_of_the_text_is_the_translations_own_score(translator, translation) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    output = tuple(translator.search(source)[0].tolist())
    walk = pipeline.walk_text(translator, SENTENCE, TARGET, output)
    assert abs(walk.loss + translation.score) < 1e-4
    assert len(walk.encoder) == 5
    assert len(walk.decoder) == 4
    assert walk.logits.shape[0] == len(translation.steps)


def test_two_views_of_one_picture_agree_more_than_two_pictures(vision, seen) -> None:
    views = pipeline.view_loss(vision, seen)
    blank = vision.run(seen.fitted.pixels.convert("L").point(lambda _: 128).convert("RGB"), 224, "crop")
    heads = [pipeline.walk_vision(vision, one).head for one in (seen, blank)]
    assert 0 < views < float(1 - F.cosine_similarity(*heads, dim=0))
