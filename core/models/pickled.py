"""Weights that come as PyTorch's pickles: read without running anything of them, and kept as safetensors."""

import json
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import SidelightError

WHOLE, INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
ORIGIN = "made_from"  # in the metadata of what was made here


def convert(folder: Path, name: str) -> None:
    """Write `model*.safetensors` beside a model's `pytorch_model*.bin`, one for each, the last one last. Raises
    SidelightError `model.unsafe` for a pickle of more than tensors, of which nothing runs, `model.damaged`."""
    if (folder / INDEX).exists():
        index = json.loads((folder / INDEX).read_text("utf-8"))
        index["weight_map"] = {key: _renamed(file) for key, file in index["weight_map"].items()}
        (folder / _renamed(INDEX)).write_text(json.dumps(index), "utf-8")
    for file in pickles(folder):
        part = folder / f"{_renamed(file.name)}.part"
        save_file(_alone(_tensors(file, name)), part, {"format": "pt", ORIGIN: file.name})
        part.replace(folder / _renamed(file.name))


def pickles(folder: Path) -> list[Path]:
    """The pickled weights that lie here: the whole ones, else their parts."""
    whole = folder / WHOLE
    return [whole] if whole.exists() else sorted(folder.glob("pytorch_model-*-of-*.bin"))


def was_pickled(folder: Path) -> bool:
    """Whether the safetensors in this folder were made from pickles."""
    for file in sorted(folder.glob("model*.safetensors"))[:1]:
        with safe_open(file, "pt") as found:
            return ORIGIN in (found.metadata() or {})
    return False


def _renamed(file: str) -> str:
    return file.replace("pytorch_model", "model").replace(".bin", ".safetensors")


def read(file: Path, name: str, harmless: Sequence[type] = ()) -> Any:
    """What a pickle holds: tensors, plain values and these classes. Raises SidelightError `model.unsafe`, `damaged`."""
    try:
        # Only the newer of PyTorch's two formats can stay on the disk while it is read.
        with torch.serialization.safe_globals([*harmless]):
            return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError as error:
        raise SidelightError("model.unsafe", name=name) from error
    except Exception as error:  # a damaged pickle breaks its reader anywhere
        raise SidelightError("model.damaged", name=name) from error


def _tensors(file: Path, name: str) -> dict[str, Tensor]:
    found = read(file, name)
    tensors = (
        {key: value for key, value in found.items() if isinstance(value, Tensor)} if hasattr(found, "items") else {}
    )
    # A tensor may claim to be larger than what is stored of it, by strides of 0.
    if not tensors or any(value.numel() * value.itemsize > file.stat().st_size for value in tensors.values()):
        raise SidelightError("model.damaged", name=name)
    return tensors


def _alone(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each with memory of its own, as safetensors wants them. Of tied ones the first is kept: the model
    ties them again."""
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    found = {}
    for key, value in tensors.items():
        place = value.data_ptr(), value.shape, value.stride()
        if place in seen and value.numel():
            continue
        seen.add(place)
        whole = value.is_contiguous() and value.untyped_storage().nbytes() == value.numel() * value.itemsize
        found[key] = value if whole else value.clone(memory_format=torch.contiguous_format)
    return found
