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


# What timm and transformers call the parts of a vision model. "head" and "config" are words of others, too.
PARTS_OF_A_VISION_MODEL = {
    "blocks", "patch_embed", "pos_embed", "cls_token", "reg_token", "dist_token", "num_features", "num_prefix_tokens",
    "num_reg_tokens", "forward_features", "forward_head", "forward_intermediates", "reset_classifier", "get_classifier",
    "global_pool", "attn_pool", "fused_attn", "no_embed_class", "dynamic_img_size", "pretrained_cfg",
    "patch_embeddings", "position_embeddings", "register_tokens", "distillation_token",
}  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_adapters_reach_inside_a_vision_model(path: Path) -> None:
    if path.name in ("timm_adapter.py", "transformers_adapter.py") and path.parent.name == "vision":
        return
    touched = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            touched.add(node.attr)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
            touched |= {part.value for part in node.args if isinstance(part, ast.Constant)}
    assert not touched & PARTS_OF_A_VISION_MODEL
