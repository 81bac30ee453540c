"""Repositories and folders that hold no model but what one learnt: an adapter of peft's, put into its base."""

import json
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open

from core.errors import SidelightError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
UNFIT = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)


def is_adapter(place: Path) -> bool:
    return (place / CONFIG).exists() and (place / WEIGHTS).exists() and not (place / "config.json").exists()


def base_of(place: Path, name: str) -> str:
    """The name of the model that it was made from. Raises SidelightError `model.damaged` where none is named."""
    try:
        base = json.loads((place / CONFIG).read_text("utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SidelightError("model.damaged", name=name) from error
    if not isinstance(base, str) or not base:
        raise SidelightError("model.damaged", name=name)
    return base


def applied(module: Any, place: Path, name: str) -> Any:
    """The base with the adapter merged in, in eval mode; it changes the module. Raises SidelightError
    `model.not_its_base` where not every tensor finds its place: peft would leave the rest as it was before training."""
    device = module.device
    try:
        with safe_open(place / WEIGHTS, "pt") as file:
            learnt = set(file.keys())
        whole = PeftModel.from_pretrained(module, str(place))
        if set(get_peft_model_state_dict(whole)) != learnt:
            raise ValueError("other tensors")
        return whole.merge_and_unload().eval().to(device)  # learnt prompts and prefixes cannot be merged
    except UNFIT as error:
        raise SidelightError("model.not_its_base", name=name) from error
