"""What fine-tuning changes in a transformers encoder of texts: a head for other classes. `vision/heads.py` does the
same for pictures."""

import copy
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedModel

from core.errors import SidelightError
from core.models.loading import MAKING
from core.models.vision.heads import without_memory

CLASSIFIER = "ForSequenceClassification"


class TrunkOrClassifier:
    """Reads a folder for `loading.from_folder`: the classifier that it holds, else its encoder without any head."""

    @staticmethod
    def from_pretrained(place: str, **options: Any) -> tuple[PreTrainedModel, dict[str, Any]]:
        """options: "output_loading_info" among them. A pooler that nobody trained hands on what the encoder made."""
        names = json.loads((Path(place) / "config.json").read_text("utf-8")).get("architectures") or [""]
        kind: Any = AutoModelForSequenceClassification if names[0].endswith(CLASSIFIER) else AutoModel
        module, report = kind.from_pretrained(place, **options)
        missing = set(report["missing_keys"])
        for name, part in module.named_modules():
            if not has_head(module) and isinstance(part, nn.Linear) and f"{name}.weight" in missing:
                _hand_on(part)
        return module, report

    @staticmethod
    def from_config(config: Any, **options: Any) -> PreTrainedModel:
        names = config.architectures or [""]
        kind: Any = AutoModelForSequenceClassification if names[0].endswith(CLASSIFIER) else AutoModel
        return kind.from_config(config, **options)

    @staticmethod
    def config_of(place: Path) -> Any:
        return AutoConfig.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)


def has_head(module: nn.Module) -> bool:
    return type(module).__name__.endswith(CLASSIFIER)


def new_head(module: nn.Module, classes: int) -> Any:
    """The module with an untrained linear layer for so many classes at its end; the encoder is taken from it where it
    has no head. Raises SidelightError `model.cannot_learn` where its last layer is not linear, with a bias."""
    found: Any = module if has_head(module) else _around(module, classes)
    old = head_of(found)
    if not isinstance(old, nn.Linear) or old.bias is None:
        raise _refused(module)
    head = nn.Linear(old.in_features, classes, device=found.device, dtype=old.weight.dtype)
    found.set_submodule(head_name(found), head)
    found.config.num_labels = found.num_labels = classes
    return found.eval()


def check_can_learn(module: nn.Module) -> None:
    """Raises SidelightError `model.cannot_learn`; the module stays as it is."""
    new_head(without_memory(module), 2)


def head_of(module: nn.Module) -> nn.Module:
    """The linear layer that gives the classes."""
    return module.get_submodule(head_name(module)) if head_name(module) else nn.Identity()


def head_name(module: nn.Module) -> str:
    """Its name: the last linear layer beside the encoder; empty where there is none."""
    parts = [f"{name}.{inner}".rstrip(".") for name in head_parts(module) for inner in _linear(module, name)]
    return parts[-1] if parts else ""


def head_parts(module: nn.Module) -> list[str]:
    """The names of what stands beside the encoder and has weights, in their order."""
    trunk = getattr(module, "base_model_prefix", "")
    return [name for name, part in module.named_children() if name != trunk and any(True for _ in part.parameters())]


def _linear(module: nn.Module, name: str) -> list[str]:
    return [inner for inner, part in module.get_submodule(name).named_modules() if isinstance(part, nn.Linear)]


def _around(trunk: Any, classes: int) -> PreTrainedModel:
    """transformers' classifier around an encoder. Layers that stand before its last one hand on what they are given."""
    config = copy.deepcopy(trunk.config)
    config.num_labels = classes
    try:
        with MAKING, torch.device("meta"):
            found: Any = AutoModelForSequenceClassification.from_config(config)
    except ValueError as error:
        raise _refused(trunk) from error
    place = found.base_model_prefix
    part: Any = getattr(found, place, None)
    if type(part) is not type(trunk):
        raise _refused(trunk)
    wanted = dict(part.named_children())
    for name, child in list(trunk.named_children()):
        if wanted.get(name) is None and child is not None:
            setattr(trunk, name, None)
    for name in head_parts(found):
        child = found.get_submodule(name).to_empty(device=trunk.device).to(trunk.dtype)
        for one in child.modules():
            if isinstance(one, nn.Linear):
                _hand_on(one)
            elif hasattr(one, "reset_parameters"):
                one.reset_parameters()
    setattr(found, place, trunk)
    return found


@torch.no_grad()
def _hand_on(layer: nn.Linear) -> None:
    """The identity, as far as the sizes go."""
    nn.init.eye_(layer.weight)
    if layer.bias is not None:
        layer.bias.zero_()


def _refused(module: nn.Module) -> SidelightError:
    return SidelightError("model.cannot_learn", name=type(module).__name__)
