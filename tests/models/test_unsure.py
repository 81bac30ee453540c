"""What a translator is unsure of, by words and by sentence, and what of it the reference lacks."""

import math

import pytest

from core import wording
from core.models import scripts, unsure
from core.models.catalogue import default
from core.models.translation import load_translator
from core.ui import doubts


def test_words_and_sentences_have_the_probabilities_of_their_pieces() -> None:
    found = load_translator(default("translation").key).translate("Angela Merkel is running.", "deu", beams=1)
    words = unsure.words(found)
    assert " ".join(word for word, _ in words).replace(" ", "") == found.text.rstrip(".").replace(" ", "")
    for number, (word, chance) in enumerate(words):
        pieces = [i for i, mark in enumerate(found.target.special) if not mark and found.target.words[i] == number]
        if pieces:
            assert chance == pytest.approx(math.prod(found.steps[i].probability for i in pieces), rel=1e-5), word
    mean = math.exp(sum(math.log(step.probability) for step in found.steps) / len(found.steps))
    assert unsure.mean_probability(found) == pytest.approx(mean, rel=1e-4)


@pytest.mark.parametrize(
    ("sentence", "spelt"),
    [
        ("Siobhan and Mary live in Tallinn.", ["Siobhan", "Tallinn"]),
        ("Photographers are smiling in Boston.", []),
    ],
)
def test_names_that_are_read_nearly_letter_by_letter(sentence: str, spelt: list[str]) -> None:
    found = load_translator(default("translation").key).translate(sentence, "deu", beams=1, max_pieces=2)
    assert unsure.spelt(found) == spelt


@pytest.mark.parametrize(
    ("said", "reference", "lacks"),
    [
        (["Ein", "Hund", "rennt"], "ein Hund läuft.", [False, False, True]),
        (["l'homme", "dort"], "L'homme dort.", [True, False]),
        (["我们", "狗"], "我喜欢狗。", [True, False]),
        ([], "x", []),
    ],
)
def test_what_the_reference_lacks(said: list[str], reference: str, lacks: list[bool]) -> None:
    assert unsure.missing(said, reference) == lacks


def test_only_a_measured_model_says_it() -> None:
    measure = unsure.measure_of(default("translation").key)
    assert measure is not None and measure.missing > 2 * measure.missing_else and measure.bad > 3 * measure.bad_else
    assert unsure.measure_of("no model") is None and unsure.measure_of(default("vision").key) is None


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("穿着červený oblek的女人", "cmn_Hans", ["červený", "oblek"]),
        ("安娜和 Siobhan 在笑。", "cmn_Hans", []),
        ("Eine Frau 在笑", "deu", ["在笑"]),
        ("Žena se směje.", "ces", []),
        ("anything 在笑", None, []),
    ],
)
def test_words_in_letters_of_another_language_are_told(text: str, target: str | None, words: list[str]) -> None:
    assert scripts.astray(text, "Anna and Siobhan are smiling.", target) == words


def test_of_many_unsure_words_a_few_are_named_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {count: [(f"w{n}", 0.01) for n in range(count)] for count in (6, 9)}
    monkeypatch.setattr(doubts, "say", lambda key, **values: wording.text(key, "en", **values))
    monkeypatch.setattr(unsure, "mean_probability", lambda _: 1.0)
    monkeypatch.setattr(unsure, "spelt", lambda _: [])
    for count, rest, end in ((6, 4, "w5 1%"), (9, 7, "w5 1% and 3 more")):
        monkeypatch.setattr(unsure, "words", lambda _, count=count: said[count])
        [found] = doubts._unsure(default("translation").key, None)
        assert found.short.endswith(f"w0 1%, w1 1% and {rest} more") and found.text.endswith(end)
