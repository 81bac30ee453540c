"""The house rules that a machine can check: imports point one way, wording is complete, files stay readable."""

import ast
import string
from pathlib import Path

import pytest

from core import wording

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "core").rglob("*.py"))
LOWER = ("core.attention", "core.models", "core.finetune")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    place = path.relative_to(ROOT).parts[1]
    names = imported(path)
    if place != "ui":
        assert not [n for n in names if n.startswith(("streamlit", "core.ui"))], "only core.ui knows streamlit"
    if place in ("attention", "models", "finetune"):
        assert not [n for n in names if n.startswith("core.views")]
    if place == "attention":
        assert not [n for n in names if n.startswith("core.models")]
    assert not [n for n in names if n.startswith("pages")]


@pytest.mark.parametrize("path", [*MODULES, *(ROOT / "pages").glob("*.py")], ids=lambda p: p.name)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 300


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("key", sorted(wording.entries()))
def test_every_text_has_both_languages_and_the_same_fields(key: str) -> None:
    texts = wording.entries()[key]
    assert set(texts) == set(wording.LANGUAGES)
    assert all(texts.values())
    assert len({frozenset(fields(text)) for text in texts.values()}) == 1


def test_every_key_that_the_code_names_exists() -> None:
    for path in [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "core").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = getattr(node.func, "id", "")
            key = {"say": "{}", "SidelightError": "error.{}"}.get(name, "").format(node.args[0].value)
            assert not key or key in wording.entries(), f"{path.name} names {key}"
