"""A vision model by its name: of the catalogue, of a fine-tuning run, or of the hub."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import nn

from core.errors import SidelightError
from core.models import catalogue, hub, loading
from core.models.evidence import Enough
from core.models.merging import with_adapter
from core.models.vision.checkpoint import trained_module
from core.models.vision.heads import add_registers, for_classes
from core.models.vision.model import VisionModel
from core.models.vision.pyramid import from_timm_pyramid, from_transformers_pyramid
from core.models.vision.timm_adapter import from_timm
from core.models.vision.transformers_adapter import automatic, from_transformers, read_transformers

WEIGHTS = "model.safetensors"


def load_vision(name: str | Path, on_step: hub.OnStep | None = None) -> VisionModel:
    """A model of the catalogue by its key, one of timm or of transformers by its name on the hub, or the folder of one.

    Raises SidelightError `model.*`; `model.unsupported` where it has no single grid of patches.
    """
    folder = name if isinstance(name, Path) else catalogue.folder(name)
    if folder:
        return _open(folder.name, folder)
    card = catalogue.card(str(name))
    if card:
        return load_vision_card(card)
    folder, name = fetch_vision(str(name), on_step), _hub_name(str(name))
    return _open_timm(name, folder) if _is_timm(name) else _open(name, folder)


def load_vision_card(card: catalogue.ModelCard) -> VisionModel:
    """Raises SidelightError `model.unsupported` for a translator, `model.run_gone` for damaged files of a run."""
    loading.check_task(card, "vision")
    state = loading.verified_weights(card)
    if card.base:
        with loading.run_errors(card):
            return with_changes(load_vision(card.base), card.title, card.folder)
    with torch.device("meta"):  # random weights, which nobody needs, would take two thirds of the time
        module = timm.create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True)
    module.load_state_dict({key: value.float() for key, value in load_file(state).items()}, assign=True)
    return from_timm(card.title, module, default_patches=16)


def with_changes(model: VisionModel, name: str, folder: Path) -> VisionModel:
    """The model as fine-tuning left it in `folder`: `classes.json` beside an adapter of peft's or the tensors that
    changed. It changes `model`'s own module. Raises SidelightError `model.not_its_base`, `model.cannot_learn`."""
    named = json.loads((folder / "classes.json").read_text("utf-8"))
    model = for_classes(model, named["classes"])
    module = model.module
    if (folder / "adapter_config.json").exists():
        module = with_adapter(module, folder)
    else:
        changed = load_file(folder / "model.safetensors")
        if "reg_token" in changed and "register 1" not in model.prefix:
            add_registers(module, changed["reg_token"].shape[1])
        loading.load_part(module, changed, name)
    learnt = model.with_module(module.eval().to(loading.device()))
    enough = Enough(**named["evidence"]) if named.get("evidence") else None
    side = _settings(folder, "job.json").get("side", 0)
    return replace(learnt, name=name, learnt_at=side, temperature=named["temperature"], enough=enough)


def _hub_name(name: str) -> str:
    return loading.check_model_name(name.strip().removeprefix("hf-hub:").removeprefix("timm/"))


def _is_timm(name: str) -> bool:
    """Whether timm itself knows this name; what else is on the hub has an owner before its name."""
    return "/" not in name


def hub_repository(name: str) -> str:
    """Where the hub keeps a model's weights. Raises SidelightError `model.bad_name`, `model.unknown`."""
    name = _hub_name(name)
    if not _is_timm(name):
        return name
    try:
        config = timm.models.get_pretrained_cfg(name)
    except RuntimeError:  # the architecture is known, its tag is not
        config = None
    if config is None or not config.hf_hub_id:
        raise SidelightError("model.unknown", name=name, bundled=catalogue.default("vision").title)
    return config.hf_hub_id


def fetch_vision(name: str, on_step: hub.OnStep | None = None) -> Path:
    """The folder of a model, fetched where it is not here yet. Raises SidelightError `model.*`."""
    name, repository = _hub_name(name), hub_repository(name)
    return hub.obtain(
        name, "vision", on_step, repository, [WEIGHTS] if _is_timm(name) else hub.FILES, partial(_check, name)
    )


def _check(name: str, folder: Path) -> None:
    """Before weights are fetched: whether the class is known here, and its module, without memory, would fit."""
    config = _settings(folder)
    if "architecture" not in config:
        return loading.check_class(name, automatic((config.get("architectures") or [""])[0]), folder)
    try:
        with torch.device("meta"):
            more = {"num_classes": config.get("num_classes", 0)} | (config.get("model_args") or {})
            module = timm.create_model(config["architecture"], **more)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:  # not of this timm
        raise SidelightError("model.unsupported", name=name) from error
    loading.check_memory(name, sum(4 * parameter.numel() for parameter in module.parameters()))


def _open(name: str, folder: Path) -> VisionModel:
    """Whose model it is stands in its config.json: timm writes an "architecture", transformers a "model_type"; what
    timm's training leaves has none."""
    config = _settings(folder)
    if not config and (trained := catalogue.checkpoint(folder)):
        return timm_model(name, trained_module(name, trained), own=True)
    if "architecture" not in config:
        return open_transformers(name, folder, (config.get("architectures") or [""])[0])
    return _timm(name, f"local-dir:{folder}", own=True)


def _settings(folder: Path, name: str = "config.json") -> dict[str, Any]:
    file = folder / name
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def open_transformers(name: str, folder: Path, architecture: str) -> VisionModel:
    """The model in a folder as the hub has it. Raises SidelightError `model.*`."""
    module, processor = read_transformers(name, folder, architecture)
    return _one_grid_or_several(
        lambda: from_transformers(name, module, processor), lambda: from_transformers_pyramid(name, module, processor)
    )


def _open_timm(name: str, folder: Path) -> VisionModel:
    return _timm(name, name, pretrained_cfg_overlay={"file": str(folder / WEIGHTS)})


def _timm(title: str, name: str, own: bool = False, **options: Any) -> VisionModel:
    try:
        module = timm.create_model(name, pretrained=True, dynamic_img_size=True, **options)
    except TypeError:  # the architecture has one input size
        module = timm.create_model(name, pretrained=True, **options)
    return timm_model(title, module, own)


def timm_model(title: str, module: nn.Module, own: bool = False) -> VisionModel:
    """A timm model as it is. own: see `class_names`. Raises SidelightError `model.unsupported`."""

    def one_grid() -> VisionModel:
        model = from_timm(title, module, own=own)
        model.check()
        return model

    return _one_grid_or_several(one_grid, lambda: from_timm_pyramid(title, module, own))


def _one_grid_or_several(one: Callable[[], VisionModel], several: Callable[[], VisionModel]) -> VisionModel:
    try:
        return one()
    except SidelightError as error:
        if error.code != "model.unsupported":
            raise
        return several()
