"""What a translator was not made to read: another script, letters without a piece; and what nothing may be said of."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import scripts
from core.models.catalogue import default
from core.models.translation import Translator, load_translator
from tests.models.tiny import tokenizer


@pytest.fixture(scope="module")
def bundled() -> Translator:
    return load_translator(default("translation").key)


@pytest.mark.parametrize(
    ("sentence", "foreign", "letters"),
    [
        ("A dog runs through the snow, 17:45!", "", ""),
        ("Café, naïve", "", ""),
        ("我喜欢狗。", "Hani", "我喜欢狗"),
        ("私は犬が好きです", "Hira", "私は犬が好きです"),
        ("Собака", "Cyrl", "Собак"),
        ("I like 北京 very much", "", "北京"),
        ("12 + 3", "", ""),
        ("", "", ""),
    ],
)
def test_what_the_bundled_translator_cannot_read(
    bundled: Translator, sentence: str, foreign: str, letters: str
) -> None:
    found = scripts.unread(bundled, sentence, "deu")
    assert (found.reads, found.foreign, found.letters) == ("en", foreign, letters)


def test_a_letter_without_a_piece_is_named_where_no_bytes_spell_it(bundled: Translator) -> None:
    vocabulary = bundled.tokenizer.get_vocab()
    without = [one for one in "🙂Ñ" if not any(one in piece for piece in vocabulary)]
    assert without, "the letters show nothing any more"
    letters = scripts.unread(bundled, "A 🙂 and a Ñ", "deu").letters
    assert letters == ("" if "<0x00>" in vocabulary else "".join(without))


def test_the_language_that_is_told_is_the_one_that_is_read(bundled: Translator) -> None:
    told = replace(bundled, languages=replace(bundled.languages, sources=("zho_Hans", "eng_Latn")))
    assert scripts.unread(told, "我喜欢狗。", "deu").foreign == ""
    assert scripts.unread(told, "A dog.", "zho_Hans>deu").foreign == "Latn"
    assert scripts.unread(told, "A dog.", "eng_Latn>deu").foreign == ""


@pytest.mark.parametrize("language", ["mul", "roa", "", "xx"])
def test_nothing_is_said_of_a_language_that_is_not_known(language: str) -> None:
    assert scripts.scripts_of(language) == ()


def test_scripts_of_languages_that_have_several() -> None:
    assert {"Hani", "Hira", "Kana"} == set(scripts.scripts_of("ja")) and scripts.scripts_of("ko")[0] == "Hang"
    assert scripts.scripts_of("en") == ("Latn",) and scripts.scripts_of("ru") == ("Cyrl",)


@pytest.mark.parametrize(("family", "lost"), [("wordpiece", "ж"), ("bytes", "")])
def test_letters_that_a_vocabulary_lacks(family: str, lost: str) -> None:
    """A byte-level vocabulary lacks none."""
    assert "".join(scripts.unknown(tokenizer(family), "Hello ж world")) == lost


@given(sentence=st.text(max_size=30))
def test_whatever_is_typed_is_judged(bundled: Translator, sentence: str) -> None:
    found = scripts.unread(bundled, sentence, "fra")
    assert not any(letter.isascii() and letter.isalpha() for letter in found.letters)
