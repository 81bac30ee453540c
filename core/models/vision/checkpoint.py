"""What timm's training script (`train.py`) leaves: checkpoints, each a pickle of tensors and of what was asked for."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_data_config
from timm.models import clean_state_dict
from torch import nn

from core.errors import SidelightError
from core.models import pickled
from core.models.vision.timm_adapter import with_settings

NAMES = "class_map.txt"  # timm's own form: a class a line, in the order of the outputs


def trained_module(name: str, file: Path) -> nn.Module:
    """The trained model, of the averaged weights where they were kept: the script judges by these.

    Raises SidelightError `model.unsafe` for a pickle of more than tensors and settings, `model.damaged`,
    `model.unsupported` for an architecture that timm does not know, or one that reads no RGB.
    """
    found = pickled.read(file, name, [Namespace])
    if not isinstance(found, dict):
        raise SidelightError("model.damaged", name=name)
    args, state = found.get("args"), found.get("state_dict_ema") or found.get("state_dict")
    if not isinstance(state, dict):
        raise SidelightError("model.damaged", name=name)
    asked: dict[str, Any] = dict(vars(args)) if isinstance(args, Namespace) else {}
    architecture = str(asked.get("model") or found.get("arch"))
    if not timm.is_model(architecture) or asked.get("in_chans") not in (None, 3):
        raise SidelightError("model.unsupported", name=name)
    try:
        module = _made(architecture, asked)
        module.load_state_dict(clean_state_dict(state))
        data = resolve_data_config(asked, model=module)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, AssertionError) as error:
        raise SidelightError("model.damaged", name=name) from error
    names = (file.parent / NAMES).read_text("utf-8").split("\n") if (file.parent / NAMES).exists() else []
    config = {key: data[key] for key in ("input_size", "mean", "std")}
    return with_settings(module, **config, label_names=[one.strip() for one in names if one])


def _made(architecture: str, asked: dict[str, Any]) -> nn.Module:
    options = {"num_classes": asked.get("num_classes"), "global_pool": asked.get("gp")}
    options = {key: value for key, value in options.items() if value is not None} | (asked.get("model_kwargs") or {})
    try:
        return timm.create_model(architecture, dynamic_img_size=True, **options)
    except TypeError:  # the architecture has one input size
        return timm.create_model(architecture, **options)
