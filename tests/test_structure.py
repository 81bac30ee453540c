"""The house rules that a machine can check: imports point one way, wording is complete, files stay readable."""

import ast
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from core import wording

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "core").rglob("*.py"))
LOWER = ("core.attention", "core.models", "core.finetune")


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


@pytest.fixture(scope="module", autouse=True)
def forgotten_afterwards() -> Iterator[None]:
    yield
    nodes.cache_clear()  # 85 MB


def imported(path: Path) -> set[str]:
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_imports_point_one_way() -> None:
    for path in MODULES:
        place = path.relative_to(ROOT).parts[1]
        closed: tuple[str, ...] = ("pages",)
        if place != "ui":
            closed += ("streamlit", "core.ui")  # only core.ui knows streamlit
        if place in ("attention", "models", "finetune"):
            closed += ("core.views",)
        if place == "attention":
            closed += ("core.models",)
        assert not [name for name in imported(path) if name.startswith(closed)], path


BUNDLED = {"photos.py", "live.py"}  # the sample photos; the process that trains


def test_what_people_bring_and_compute_is_kept_in_the_one_store() -> None:
    """What Streamlit keeps knows no bytes, and no model that it was made with."""
    found = {path.name for path in MODULES if "st.cache_" in path.read_text("utf-8")}
    assert found <= BUNDLED


def test_files_stay_readable() -> None:
    scripts = [*(ROOT / "core").rglob("*.js")]
    lines = {
        path: path.read_text("utf-8").splitlines() for path in (*MODULES, *(ROOT / "pages").glob("*.py"), *scripts)
    }
    assert not [path for path in lines if len(lines[path]) > 300]
    assert not [path for path in scripts if max(map(len, lines[path])) > 120], "ruff measures the others"


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_every_text_has_both_languages_and_the_same_fields() -> None:
    for key, texts in wording.entries().items():
        assert set(texts) == set(wording.LANGUAGES), key
        assert all(texts.values()), key
        assert len({frozenset(fields(text)) for text in texts.values()}) == 1, key


def test_every_key_that_the_code_names_exists() -> None:
    for path in [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "core").rglob("*.py")]:
        for node in nodes(path):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = getattr(node.func, "id", "")
            key = {"say": "{}", "SidelightError": "error.{}"}.get(name, "").format(node.args[0].value)
            assert not key or key in wording.entries(), f"{path.name} names {key}"


# What timm and transformers call the parts of a vision model. "head" and "config" are words of others, too.
PARTS_OF_A_VISION_MODEL = {
    "blocks",
    "patch_embed",
    "pos_embed",
    "cls_token",
    "reg_token",
    "dist_token",
    "num_features",
    "num_prefix_tokens",
    "num_reg_tokens",
    "forward_features",
    "forward_head",
    "forward_intermediates",
    "reset_classifier",
    "get_classifier",
    "global_pool",
    "attn_pool",
    "fused_attn",
    "no_embed_class",
    "dynamic_img_size",
    "pretrained_cfg",
    "patch_embeddings",
    "position_embeddings",
    "register_tokens",
    "distillation_token",
}


def test_only_the_adapters_reach_inside_a_vision_model() -> None:
    adapters = ("timm_adapter.py", "transformers_adapter.py", "pyramid.py", "heads.py")
    for path in MODULES:
        if path.name in adapters and path.parent.name == "vision":
            continue
        touched = set()
        for node in nodes(path):
            if isinstance(node, ast.Attribute):
                touched.add(node.attr)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
                touched |= {part.value for part in node.args if isinstance(part, ast.Constant)}
        assert not touched & PARTS_OF_A_VISION_MODEL, path


MODALITIES = {"vision", "translation", "classify", "captioning", "photo", "sentence", "picture", "image", "text"}
SIDES = {
    "PatchAxis",
    "TokenAxis",
    "VisionModel",
    "Translator",
    "VisionResult",
    "Translation",
    "PhotoSide",
    "SentenceSide",
    "PictureData",
    "PairData",
    "TextData",
    "CaptionData",
    "Captioned",
    "Texts",
    "Classifier",
    "Captioner",
}
RENDERERS = {"core/views/linked/cards.py"}  # which way an axis is drawn is chosen there


def constants(node: ast.AST) -> set[object]:
    """The values that a side of a comparison writes out, in a tuple too."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return {part.value for part in parts if isinstance(part, ast.Constant)}


def branches_on_modality(path: Path) -> list[str]:
    """Where a file asks which task or modality it has: a comparison with its name, or with a type of one side."""
    found = []
    for node in nodes(path):
        asked: set[object] = set()
        if isinstance(node, ast.Compare):
            asked = set().union(*(constants(part) for part in (node.left, *node.comparators))) & MODALITIES
        elif isinstance(node, ast.MatchValue):
            asked = constants(node.value) & MODALITIES
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass"):
            names = ast.walk(node.args[1])
            asked = {getattr(name, "id", getattr(name, "attr", "")) for name in names} & SIDES
        elif isinstance(node, ast.MatchClass):
            asked = {getattr(node.cls, "id", getattr(node.cls, "attr", ""))} & SIDES
        if asked:
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    return found


def test_nobody_asks_which_modality_it_has() -> None:
    """What differs is a method of the two sides (models, axes, sides of Explain) or an entry of `core/tasks.py`."""
    paths = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *MODULES]
    clean = [path for path in paths if path.relative_to(ROOT).as_posix() not in RENDERERS]
    assert not [branch for path in clean for branch in branches_on_modality(path)]


@pytest.mark.parametrize(
    "code",
    [
        'x = 1 if job.task == "vision" else 2',
        'if (task, method) == ("vision", "head"): pass',
        'if side.kind in ("photo",): pass',
        "if isinstance(axis, axes.PatchAxis | None): pass",
        "match task:\n    case 'translation': pass",
    ],
)
def test_a_branch_on_modality_is_seen(code: str, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(code)
    assert len(branches_on_modality(tmp_path / "code.py")) == 1
