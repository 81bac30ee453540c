"""A vision model by its name: of the catalogue, of a fine-tuning run, or of the hub."""

import json
from dataclasses import replace
from pathlib import Path

import timm
from peft import PeftModel
from safetensors.torch import load_file

from core.errors import SidelightError
from core.models import catalogue, hub, loading
from core.models.vision.model import VisionModel
from core.models.vision.timm_adapter import add_registers, from_timm, new_head


def load_vision(name: str, on_step: hub.OnStep | None = None) -> VisionModel:
    """A model of the catalogue by its key, or any timm classification ViT by name. Raises SidelightError `model.*`."""
    card = catalogue.card(name)
    if card is None:
        return _load_hub(_timm_name(name), fetch_vision(name, on_step))
    return load_vision_card(card)


def load_vision_card(card: catalogue.ModelCard) -> VisionModel:
    """Raises SidelightError `model.unsupported` for a translator, `model.run_gone` for damaged files of a run."""
    if card.task != "vision":
        raise SidelightError("model.unsupported", name=card.title)
    state = loading.verified_weights(card)
    if card.base:
        with loading.run_errors(card):
            return with_changes(load_vision(card.base), card.title, card.folder)
    module = timm.create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True)
    module.load_state_dict({key: value.float() for key, value in load_file(state).items()})
    return from_timm(card.title, module, default_patches=16)


def with_changes(model: VisionModel, name: str, folder: Path) -> VisionModel:
    """The model as fine-tuning left it in `folder`: `classes.json` beside an adapter of peft's or the tensors that
    changed. It changes `model`'s own module. Raises SidelightError `model.not_its_base`."""
    named = json.loads((folder / "classes.json").read_text("utf-8"))
    module = model.module
    new_head(module, len(named["classes"]))
    if (folder / "adapter_config.json").exists():
        module = PeftModel.from_pretrained(module, folder).merge_and_unload()
    else:
        changed = load_file(folder / "model.safetensors")
        if "reg_token" in changed and "register 1" not in model.prefix:
            add_registers(module, changed["reg_token"].shape[1])
        loading.load_part(module, changed, name)
    learnt = model.with_module(module.eval().to(loading.device()))
    return replace(learnt, name=name, classes=tuple(named["classes"]), temperature=named["temperature"])


def _timm_name(name: str) -> str:
    return loading.check_model_name(name).removeprefix("timm/")


def hub_repository(name: str) -> str:
    """Where the hub keeps a timm model's weights. Raises SidelightError `model.bad_name`, `model.unknown`."""
    name = _timm_name(name)
    try:
        config = timm.models.get_pretrained_cfg(name)
    except RuntimeError:  # the architecture is known, its tag is not
        config = None
    if config is None or not config.hf_hub_id:
        raise SidelightError("model.unknown", name=name, bundled=catalogue.default("vision").title)
    return config.hf_hub_id


def fetch_vision(name: str, on_step: hub.OnStep | None = None) -> Path:
    """The weights of a timm model, fetched where they are not here yet. Raises SidelightError `model.*`."""
    file = "model.safetensors"
    return hub.obtain(_timm_name(name), "vision", on_step, hub_repository(name), [file]) / file


def _load_hub(name: str, weights: Path) -> VisionModel:
    overlay = {"file": str(weights)}
    try:
        module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, dynamic_img_size=True)
    except TypeError:  # the architecture has one input size
        module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    return from_timm(name, module)
