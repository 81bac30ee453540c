"""A decoder reads its own encoder alone: vectors that were turned hold all that they held, and are not understood."""

from core.differences import texts
from core.differences.foreign import foreign
from core.models.translation import load_translator


def test_turned_vectors_hold_everything_and_are_not_understood() -> None:
    translator = load_translator("translation-en-de-fr-cs-zh")
    source, _ = translator.source_pieces("A dog is running on the beach.", "deu")
    found = foreign(translator, source)
    assert found.kept < 1e-5
    assert "Hund" in found.usual
    assert texts.chrf(found.said, found.usual).score < 40
