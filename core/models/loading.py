"""Where models run and how they come in: safetensors only, no code from the hub, errors that say what to do."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from core.errors import SidelightError
from core.models.catalogue import ModelCard
from core.settings import setting

# "name", "name.tag" or "organisation/name"; no path, no drive, no scheme.
MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}(/[A-Za-z0-9][\w.\-]{0,95})?", re.ASCII)
RUN_NAME = re.compile(r"\d{8}-\d{6}-\w+-[0-9a-f]{4}", re.ASCII)
# Weights that a checkpoint may lack without harm: no trained head reads a pooler that was not trained with it, and DPT
# never calls this layer.
UNUSED = re.compile(r"\bpooler\b|fusion_stage\.layers\.0\.residual_layer1\b")
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)


def device() -> torch.device:
    """SIDELIGHT_DEVICE where it is set, else CUDA, Apple's MPS or the CPU, the first that is there.

    Raises SidelightError `device.unknown` for a device that torch does not know or this machine lacks.
    """
    wanted = setting("DEVICE")
    if not wanted:
        found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(found)
    try:
        torch.empty(1, device=wanted)
        return torch.device(wanted)
    except (RuntimeError, AssertionError) as error:
        raise SidelightError("device.unknown", device=wanted) from error


def precisions() -> tuple[str, ...]:
    """What training can compute in here ("no": float32), the best first: bfloat16 where the hardware has it."""
    if device().type == "cuda":
        return ("bf16", "fp16", "no") if torch.cuda.is_bf16_supported() else ("fp16", "no")
    fast = device().type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return ("bf16", "no") if fast else ("no", "bf16")


def mixed(precision: str) -> AbstractContextManager:
    """Compute large products in "bf16" or "fp16" inside a `with` block; "no": as they are."""
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return torch.autocast(device().type, kind, enabled=kind is not None)


def check_model_name(name: str) -> str:
    """The name, stripped. Raises SidelightError `model.bad_name` for a path or anything else that is no hub name,
    `model.run_gone` for a fine-tuned model, which no hub has."""
    name = name.strip()
    if RUN_NAME.fullmatch(name):
        raise SidelightError("model.run_gone", name=name)
    if not MODEL_NAME.fullmatch(name) or ".." in name:
        raise SidelightError("model.bad_name", name=name[:80])
    return name


@cache
def verified_weights(card: ModelCard) -> Path:
    """The weights file of a model, its hash checked once a process. Raises SidelightError `model.corrupt`, of a
    fine-tuned one `model.run_gone`."""
    try:
        with card.weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        found = ""
    if found != card.sha256 and card.is_trained:
        raise SidelightError("model.run_gone", name=card.title)
    if found != card.sha256:
        raise SidelightError("model.corrupt", name=card.title, file=card.weights.name)
    return card.weights


@contextmanager
def run_errors(card: ModelCard) -> Iterator[None]:
    """Turn what the files of a run raise that was deleted, changed or sent by somebody into one sentence."""
    try:
        yield
    except DAMAGED as error:
        if not card.is_trained:
            raise
        raise SidelightError("model.run_gone", name=card.title) from error


def load_part(module: nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    """Put these tensors in place; the others stay. Raises SidelightError `model.not_its_base` if one has none."""
    own = module.state_dict()
    if any(key not in own or own[key].shape != value.shape for key, value in tensors.items()):
        raise SidelightError("model.not_its_base", name=name)
    module.load_state_dict({key: value.to(own[key].dtype) for key, value in tensors.items()}, strict=False)


def from_folder(title: str, place: str | Path, model: Any, reader: Any) -> tuple[nn.Module, Any]:
    """The model in eval mode and float32 on `device()`, with fused attention where it has it, and its reader.

    Raises SidelightError `model.unsupported` where the files are of another kind of model, `model.untrained_head` where
    transformers would fill what they lack, such as the head for this task, with random weights.
    """
    place = str(place)
    try:
        module, report = model.from_pretrained(
            place,
            output_loading_info=True,
            dtype=torch.float32,
            use_safetensors=True,
            attn_implementation="sdpa",
            local_files_only=True,
        )
        found = reader.from_pretrained(place, local_files_only=True)
    except ValueError as error:  # a configuration that this class does not know, or no fused attention
        raise SidelightError("model.unsupported", name=title) from error
    lacking = {name for name, _ in module.named_parameters()} & set(report["missing_keys"])
    if any(not UNUSED.search(name) for name in lacking):
        raise SidelightError("model.untrained_head", name=title)
    return module.eval().to(device()), found
