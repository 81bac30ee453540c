"""A classifier of texts, and a piece that is not seen, is explained by every method that applies, on its own answer."""

import pytest
import torch

from core.attention.methods import METHODS, explain, refusal
from core.models.filling import Filler
from core.models.text_subjects import classification_subject, filling_subject
from tests.models.test_classification import TEXT, classifier
from tests.models.test_filling import SENTENCE, filler, tokenizer

__all__ = ["filler", "tokenizer"]  # fixtures


@pytest.mark.parametrize(
    ("kind", "reads"), [("bert", 0), ("roberta", 0), ("distilbert", 0), ("gpt2", -1), ("llama", -1)]
)
def test_every_method_explains_a_class(kind: str, reads: int) -> None:
    model = classifier(kind)
    found = model.classify(TEXT)
    target = int(found.probabilities.argmax())
    asked = classification_subject(model, TEXT, found, target)
    assert asked.reader[reads] == 1 and asked.reader.sum() == 1
    with torch.no_grad():
        assert float(asked.run()[0]) == pytest.approx(float(found.logits[target]), abs=1e-4)
    whole = torch.ones(1, len(asked.axis), dtype=torch.bool)
    without = whole.clone()
    without[0, 3] = False
    for fill in asked.fills:
        assert float(asked.scores(whole, fill)) == pytest.approx(float(found.probabilities[target]), abs=1e-4)
        assert float(asked.scores(without, fill)) != pytest.approx(float(found.probabilities[target]), abs=1e-7)
    gradients, told = asked.gradients(), 0
    for name, method in METHODS.items():
        if refusal(asked, method):
            continue
        values = explain(asked, name, None, gradients) if method.gradient else explain(asked, name)
        assert values.shape == (len(asked.axis),) and bool(values.isfinite().all()), name
        told += bool(values.any())
    assert told >= 8


def test_a_masked_piece_is_explained_by_all_that_is_seen(filler: Filler) -> None:
    place, guessed = 3, filler.guess(SENTENCE)
    asked = filling_subject(filler, SENTENCE, place)
    assert asked.reader.nonzero().tolist() == [[place]] and asked.units[place] == -1
    whole = torch.ones(1, len(asked.axis), dtype=torch.bool)
    without = whole.clone()
    without[0, 5] = False
    chance = guessed.steps[guessed.positions.index(place)].probability
    for fill in asked.fills:
        assert float(asked.scores(whole, fill)) == pytest.approx(chance, rel=1e-4)
        assert float(asked.scores(without, fill)) != pytest.approx(chance, rel=1e-4)
    values = explain(asked, "relevance", None, asked.gradients())
    assert values.shape == (len(asked.axis),) and bool(values.any())
