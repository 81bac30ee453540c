"""Where models run and how they come in: safetensors only, no code from the hub, errors that say what to do."""

import hashlib
import json
import pickle
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import unquote

import psutil
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoImageProcessor, AutoTokenizer

from core.errors import SidelightError
from core.models.catalogue import ModelCard, TaskName
from core.settings import setting

# "name", "name.tag" or "organisation/name", with or without "@" and a branch, tag or commit; no path, no drive.
PART = r"[A-Za-z0-9][\w.\-]{0,95}"
MODEL_NAME = re.compile(rf"{PART}(/{PART})?(@{PART}(/{PART}){{0,3}})?", re.ASCII)
ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/([^?#\s]+)(?:[?#]\S*)?", re.IGNORECASE)
TOKEN = re.compile(r"hf_[A-Za-z0-9]{16,}")
RUN_NAME = re.compile(r"\d{8}-\d{6}-\w+-[0-9a-f]{4}", re.ASCII)
# Weights that a checkpoint may lack without harm: no trained head reads a pooler that was not trained with it, and DPT
# never calls this layer.
UNUSED = re.compile(r"\bpooler\b|fusion_stage\.layers\.0\.residual_layer1\b")
HALF = "model.fp16.safetensors"
WINDOWED = tuple(f"transformers.models.{name}." for name in ("led", "longformer", "longt5"))
MAKING = RLock()  # held where transformers makes a model: it takes a method of all its classes away meanwhile, for all
# threads, so two at once would leave the tied weights of every later model untied
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
    """What is worth computing in here ("no": float32), the best first. A processor without instructions for bfloat16
    multiplies its matrices far slower than those of float32 (1500 x 256 by 256 x 1536: 1,314 ms against 29)."""
    if device().type == "cuda":
        return ("bf16", "fp16", "no") if torch.cuda.is_bf16_supported() else ("fp16", "no")
    if device().type == "cpu":
        return ("bf16", "no") if torch.cpu._is_avx512_bf16_supported() else ("no",)
    return ("no", "bf16")


def mixed(precision: str) -> AbstractContextManager:
    """Compute large products in "bf16" or "fp16" inside a `with` block; "no": as they are."""
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return torch.autocast(device().type, kind, enabled=kind is not None)


def check_model_name(name: str) -> str:
    """The name, stripped, of an address of the hub the model that it shows ("organisation/name@branch"). Raises
    SidelightError `model.bad_name` for a path or anything else that is no hub name, `model.token` for what holds an
    access token, which is not repeated, `model.run_gone` for a fine-tuned model, which no hub has."""
    name = name.strip()
    if TOKEN.search(name):
        raise SidelightError("model.token")
    if RUN_NAME.fullmatch(name):
        raise SidelightError("model.run_gone", name=name)
    if shown := ADDRESS.fullmatch(name):
        parts = unquote(shown[1]).strip("/").split("/")
        revision = "/".join(parts[3 : 6 if parts[3:4] == ["refs"] else 4]) if parts[2:3] != ["discussions"] else ""
        name = "/".join(parts[:2]) + f"@{revision}" * (revision not in ("", "main"))
    if not MODEL_NAME.fullmatch(name) or ".." in name or name.startswith(("datasets/", "spaces/")):
        raise SidelightError("model.bad_name", name=name[:80])
    return name


def check_task(card: ModelCard, task: TaskName) -> None:
    """Raises SidelightError `model.unsupported` for a model of another task."""
    if card.task != task:
        raise SidelightError("model.unsupported", name=card.title)


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


def from_folder(title: str, place: str | Path, model: Any, reader: Any) -> tuple[Any, Any]:
    """The model in eval mode and float32 on `device()`, with fused attention where it has it, and its reader.

    place: a folder as `save_pretrained` leaves it, its weights safetensors or pickles of tensors. Raises SidelightError
    `model.unsupported` where it holds another kind of model, `model.untrained_head` where transformers would fill what
    is missing, such as the head for this task, with random weights, `model.no_reader` without a tokenizer or image
    processor, and `model.quantised`, `own_code`, `needs_package`, `no_config`, `unsafe` or `damaged`.
    """
    place = Path(place)
    _check_kind(title, place)
    with _reading(title, "model.damaged", "model.unsupported"):
        module, report = _fused_or_eager(
            model,
            str(place),
            output_loading_info=True,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,  # without it, a terminal would be asked
            variant="fp16" if {file.name for file in place.glob("model*.safetensors")} == {HALF} else None,
        )
    lacking = {name for name, _ in module.named_parameters()} & set(report["missing_keys"])
    heads = type(module).__name__.endswith("ForSequenceClassification")  # they do read the pooler
    if any(heads or not UNUSED.search(name) for name in lacking):
        raise SidelightError("model.untrained_head", name=title)
    with _reading(title, "model.no_reader", "model.no_reader"):
        found = reader.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
    files = {file for file in getattr(found, "vocab_files_names", {}).values() if file}
    if files and not any((place / file).exists() for file in files):  # transformers would make an empty one
        raise SidelightError("model.no_reader", name=title)
    return _in_one_call(module.eval()).to(device()), found


class BothReaders:
    """Of a model of pictures and words: its tokenizer and its image processor, read as one reader."""

    @staticmethod
    def from_pretrained(place: str, **options: Any) -> tuple[Any, Any]:
        return (
            AutoTokenizer.from_pretrained(place, **options),
            AutoImageProcessor.from_pretrained(place, local_files_only=True),
        )


def _in_one_call(module: nn.Module) -> nn.Module:
    """See `banded.py`, whose classes are imported where a model has them: that takes a while."""
    if any(type(part).__module__.startswith(WINDOWED) for part in module.modules()):
        from core.models.banded import in_one_call

        return in_one_call(module)
    return module


def check_class(title: str, model: Any, place: Path) -> None:
    """Refuse before the weights are there what `from_folder` would refuse after: from the settings alone, and from the
    module without memory (PyTorch's `meta`). model: a class of transformers such as AutoModelForCausalLM. Nothing is
    known of settings that name no kind, nor of an adapter before its base. Raises SidelightError `model.*`."""
    if not (place / "config.json").exists() and (place / "adapter_config.json").exists():
        return
    if not _check_kind(title, place):
        return
    with _reading(title, "model.damaged", "model.unsupported"):
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        own = getattr(model, "config_of", None)
        config = own(place) if own else AutoConfig.from_pretrained(str(place), **options)
        with MAKING, torch.device("meta"):
            module = model.from_config(config, trust_remote_code=False)
    check_memory(title, sum(4 * parameter.numel() for parameter in module.parameters()))


def check_memory(title: str, needed: int) -> None:
    """needed: bytes of the weights as float32. Raises SidelightError `model.too_large` where they would not fit beside
    what is here."""
    free = torch.cuda.mem_get_info()[0] if device().type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise SidelightError("model.too_large", name=title, needed=f"{needed / 1e9:.1f}", free=f"{free / 1e9:.1f}")


def _fused_or_eager(model: Any, place: str, **options: Any) -> Any:
    """What `from_pretrained` gives, with fused attention where the class has it."""
    with MAKING:
        try:
            return model.from_pretrained(place, attn_implementation="sdpa", **options)
        except ValueError as error:
            if "scaled_dot_product_attention" not in str(error):
                raise
            return model.from_pretrained(place, attn_implementation="eager", **options)


def _check_kind(title: str, place: Path) -> bool:
    """Refuse from the configuration alone what transformers would load wrongly or with code of its own. Whether it says
    which kind it is of."""
    try:
        config = json.loads((place / "config.json").read_text("utf-8"))
        kind, how = config.get("model_type"), config.get("quantization_config") or {}
    except FileNotFoundError as error:
        raise SidelightError("model.no_config", name=title) from error
    except (OSError, ValueError, AttributeError) as error:
        raise SidelightError("model.damaged", name=title) from error
    if how:
        raise SidelightError("model.quantised", name=title, format=str(how.get("quant_method", "?"))[:40])
    if kind and kind not in CONFIG_MAPPING:
        raise SidelightError("model.own_code" if "auto_map" in config else "model.unsupported", name=title)
    return bool(kind)


@contextmanager
def _reading(title: str, broken: str, wrong: str) -> Iterator[None]:
    """Turn what transformers raises while it reads a folder into one sentence each. broken: the code for files that are
    missing or do not fit together; wrong: for a configuration that its class does not know."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise SidelightError("model.unsafe", name=title) from error
    except ImportError as error:
        raise SidelightError(
            "model.needs_package", name=title, reason=str(error).strip().split("\n")[0][:200]
        ) from error
    except ValueError as error:
        raise SidelightError(wrong, name=title) from error
    except (*DAMAGED, StrictDataclassError) as error:
        raise SidelightError(broken, name=title) from error
