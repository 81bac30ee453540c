"""An adapter of peft's merged into the model that it changes, which is afterwards as free to learn as before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn


def with_adapter(module: Any, folder: Path) -> Any:
    """The adapter as `save_pretrained` leaves it."""
    return merged(module, lambda one: PeftModel.from_pretrained(one, folder))


def merged(module: Any, wrap: Callable[[Any], Any]) -> Any:
    """wrap: gives peft's model around the module. peft freezes all that its adapter leaves alone, and leaves it so when
    the adapter is merged: whoever then trains every weight would train none."""
    free = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    found: nn.Module = wrap(module).merge_and_unload()
    for name, parameter in found.named_parameters():
        parameter.requires_grad_(name in free)
    return found
