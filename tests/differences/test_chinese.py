"""A Chinese sentence in characters, words and pieces, and what the vocabulary lacks."""

import pytest

from core.differences.chinese import Cut, cut
from core.models.translation import load_translator

RARE = "龘"  # stands in no vocabulary


@pytest.fixture(scope="module")
def found() -> Cut:
    return cut(load_translator("translation-en-de-fr-cs-zh"), f"一个 男人 正在 厨房 里 {RARE} 菜 。", "cmn_Hans")


def test_words_end_where_spaces_were_and_pieces_do_not_know_them(found: Cut) -> None:
    assert len(found.words) == 8 and len(found.characters) == 12
    assert "".join(found.words) == "".join(found.characters)
    assert "一个" in found.pieces and "厨" in found.pieces, "a word in one piece, another in two"


def test_what_is_unknown_is_told(found: Cut) -> None:
    """By one mark in its place, or by its bytes where the vocabulary has those."""
    spelling = [f"<0x{byte:02X}>" for byte in RARE.encode()] if found.spelt else ["<unk>"]
    assert found.lost == (RARE,) and found.pieces.count(spelling[0]) == 1
    assert "".join(found.pieces).replace("".join(spelling), RARE) == "".join(found.characters)
    assert 1000 < found.known < found.vocabulary
