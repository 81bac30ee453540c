"""Pairs from templates: every slot is filled, with the same thing on both sides, in each language."""

import re

from core.finetune.templates import FOLDER, LANGUAGES, SLOT, template_pairs


def test_every_template_has_the_same_slots_in_every_language():
    for line in (FOLDER / "templates.tsv").read_text("utf-8").splitlines():
        columns = line.split("\t")
        assert len(columns) == len(LANGUAGES), line
        assert len({tuple(sorted(SLOT.findall(text))) for text in columns}) == 1, line


def test_pairs_say_the_same_on_both_sides():
    pairs = template_pairs(800, seed=3)
    assert {pair.language for pair in pairs} == {"de", "fr", "zh", "cs"}
    assert all(pair.source == pair.target for pair in pairs if pair.language == "cs")
    assert any(pair.source == pair.target for pair in pairs if pair.language == "de")
    for pair in pairs:
        assert not re.search(r"[{}]|\.\.", pair.source + pair.target), pair
        if "dollars" in pair.target or "Mitarbeiter" in pair.target or "@" in pair.target:
            figures = re.findall(r"\d+|\S+@\S+\w", pair.source)
            assert figures and all(figure in pair.target for figure in figures), pair
    assert not any(re.search(r"\bde [AEIOUÉ]", pair.target) for pair in pairs if pair.language == "fr")
    assert pairs == template_pairs(800, seed=3) != template_pairs(800, seed=4)
