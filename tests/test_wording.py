"""Wording and code agree: every key that the code can ask for exists, also where a part of it is a value, and no text
stands in the files that nobody asks for."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from core import wording
from core.attention.axes import MARKS
from core.attention.methods import METHODS
from core.attention.statistics import NAMES
from core.differences import chooser
from core.finetune.data import COLLECTIONS, bundled_classes
from core.models.vision import timm_adapter, transformers_adapter
from core.scenes.render import every_ground
from core.ui.differences.reading import PAPERS

ROOT = Path(__file__).resolve().parent.parent
CODE = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "core").rglob("*.py"))]
GAP = "{}"  # a value within a key
ASKING = {"say": "", "wording.text": "", "SidelightError": "error."}  # what takes a key, and what it puts before it
BROWSER = "view."  # the linked view is given all of these at once, and fills them itself

# What stands in the gap of a key that registries fill; other gaps are told by the keys that there are.
VALUES: dict[str, Iterable[str]] = {
    "method.{}": METHODS,
    "method.{}_help": METHODS,
    "heads.{}": NAMES,
    "heads.{}_help": NAMES,
    "heads.sink_{}": {
        *timm_adapter.TOKENS.values(),
        *transformers_adapter.TOKENS.values(),
        *MARKS.values(),
        "start",
        "end",
        "mark",
    },
    "class.{}": bundled_classes(),
    "bridge.ground_{}": every_ground(),
    "lesson_arch.name_{}": ("positions", "patch_embed", "embed_tokens", "norm", "head", "lm_head"),  # parts of models
    "finetune.collection_{}": COLLECTIONS,
    "finetune.collection_{}_help": COLLECTIONS,
    "choose.method_{}": set(chooser.METHODS.values()),
}


@cache
def strings() -> tuple[frozenset[str], frozenset[str]]:
    """All texts in the code as they stand, which may be keys in tables; and the keys with gaps that are asked for, or
    looked for before they are."""
    plain, gapped = set(), set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain |= {node.value, f"error.{node.value}"}
            if isinstance(node, ast.Assign):
                gapped |= {key for part in with_values(node.value) if (key := pattern(part)) in VALUES}
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if (name := ast.unparse(node.func)) in ASKING:
                gapped |= {ASKING[name] + pattern(part) for part in with_values(node.args[0])}
    return frozenset(plain), frozenset(gapped)


def asked() -> Iterable[tuple[str, set[str]]]:
    """Each key that stands in the code as it is, and the values that it is asked for with, where all are named."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or (name := ast.unparse(node.func)) not in ASKING:
                continue
            if node.args and isinstance(node.args[0], ast.Constant) and all(one.arg for one in node.keywords):
                yield ASKING[name] + str(node.args[0].value), {str(one.arg) for one in node.keywords}


def test_a_text_is_given_all_its_values() -> None:
    lacking = [
        (key, language, field)
        for key, given in asked()
        for language, text in wording.entries()[key].items()
        for _, field, _, _ in Formatter().parse(text)
        if field and field not in given
    ]
    assert not lacking


def with_values(node: ast.AST) -> list[ast.JoinedStr]:
    """The outermost f-strings: one within a value's place is no key of its own."""
    if isinstance(node, ast.JoinedStr):
        return [node]
    return [found for child in ast.iter_child_nodes(node) for found in with_values(child)]


def pattern(text: ast.JoinedStr) -> str:
    return "".join(str(one.value) if isinstance(one, ast.Constant) else GAP for one in text.values)


def fillings(key: str, gapped: str) -> list[tuple[str, ...]]:
    """What may stand in the gaps; none where the key is another."""
    head, gap, rest = gapped.partition(GAP)
    if not key.startswith(head):
        return []
    left = key.removeprefix(head)
    if not gap:
        return [] if left else [()]
    return [(left[:n], *more) for n in range(1, len(left) + 1) for more in fillings(left[n:], rest)]


@pytest.mark.parametrize("gapped", sorted(strings()[1]))
def test_a_key_with_a_gap_exists_for_what_can_fill_it(gapped: str) -> None:
    assert any(fillings(key, gapped) for key in wording.entries())
    for value in VALUES.get(gapped, ()):
        assert gapped.replace(GAP, value) in wording.entries()


def test_the_table_of_values_names_keys_that_the_code_asks_for() -> None:
    assert VALUES.keys() <= strings()[1]


def test_every_text_can_be_asked_for() -> None:
    """As it stands, or with words of the code (or of `VALUES`) in its gaps."""
    plain, gapped = strings()
    known = plain | {gap.replace(GAP, value) for gap, values in VALUES.items() for value in values}

    def is_asked(key: str) -> bool:
        filled = (parts for one in gapped for parts in fillings(key, one))
        return key in known or key.startswith(BROWSER) or any(map(plain.issuperset, filled))

    assert not [key for key in wording.entries() if not is_asked(key)]


def test_the_linked_view_asks_for_all_of_its_texts() -> None:
    """By their names, or by names that it joins from what it chooses among ("scale_" and "raw")."""
    files = [path for kind in ("*.js", "*.py") for path in (ROOT / "core" / "views").rglob(kind)]
    words = set(re.findall(r"[A-Za-z]+", "\n".join(path.read_text("utf-8") for path in files).replace("_", " ")))
    names = {key.removeprefix(BROWSER) for key in wording.entries() if key.startswith(BROWSER)}
    assert not [name for name in names if not words.issuperset(re.findall("[A-Za-z]+", name))]


# One word each in Chinese, and how a Chinese textbook sets its text (what to say instead, where it is a term).
UNIFIED = {
    "片段": "子词",
    "词元": "子词",
    "图片说明": "图片描述",
    "图像描述": "图片描述",
    "说明文字": "图片描述",
    "源句": "原文",
    "原句": "原文",
    "语言标记": "语言标签",
    "调校": "微调",
    "拿走": "移除",
}
HAN = "\u4e00-\u9fff"
TYPESET = {
    "a bracket of half width": rf"\([^)]*[{HAN}]|[{HAN}]\(",
    "a sign of half width": rf"[{HAN}][,;:?!]",
    "a space after a sign": r"[。，；：、？！] ",
    "slanted words": r"(?<!\*)\*(?!\*)[^*\n]+\*(?!\*)",
    "a space within quotation marks": "“ | ”",
    "et al.": r"et al\b",
}


def test_chinese_says_one_thing_by_one_word_and_is_set_as_chinese() -> None:
    texts = {key: texts["zh"] for key, texts in wording.entries().items()}
    assert not [(key, term) for key, text in texts.items() for term in UNIFIED if term in text]
    assert not [(key, name) for key, text in texts.items() for name, wrong in TYPESET.items() if re.search(wrong, text)]


def test_a_paper_has_one_year() -> None:
    """Wherever it is named, also on the models' cards: that of the reading list."""
    cards = [path.read_text("utf-8") for path in (ROOT / "assets" / "models").glob("*/README.md")]
    texts = cards + [text for texts in wording.entries().values() for text in texts.values()]
    named = {pair for text in texts for pair in re.findall(r"([A-Z]\w+)(?: et al\.,?| 等，) ?(\d{4})", text)}
    years: dict[str, set[str]] = {}
    for paper in (paper for papers in PAPERS.values() for paper in papers):
        years.setdefault(paper.authors.partition(" & ")[0], set()).add(str(paper.year))
    assert ("He", "2021") in named
    others = {("Liu", "2016"), ("Liu", "2020")}  # of the same name, not of the list
    assert not [(who, when) for who, when in named - others if when not in years.get(who, when)]


def test_a_number_below_zero_has_a_minus_and_what_is_no_number_keeps_its_hyphen() -> None:
    told = {"low": "-14.9%", "high": "+11.8%", "mean": "-0.1%"}
    assert "−14.9%" in (said := wording.text("whatif.controls", "en", idle="0.000%", **told)) and "−0.1%" in said
    assert "-5.png" in wording.text("explain.whole_sentence", "en", text="-5.png")
