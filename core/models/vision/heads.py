"""What fine-tuning changes in a vision model of timm or of transformers: a head for other classes, learnt tokens beside
CLS. The functions change the module that they are given, or build another around its trunk."""

import copy
import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from peft import PeftModel
from timm.layers import freeze_batch_norm_2d
from timm.models import save_for_hf
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    PreTrainedConfig,
    PreTrainedModel,
    ViTImageProcessor,
)

from core.errors import SidelightError
from core.models.loading import MAKING
from core.models.vision.model import VisionModel

Module = TypeVar("Module", bound=nn.Module)


def for_classes(model: VisionModel, classes: Sequence[str]) -> VisionModel:
    """The same model with an untrained head for these classes. Raises SidelightError `model.cannot_learn` for one that
    has no single linear head, or whose batch norms would go on counting where no result keeps it."""
    return replace(model.with_module(new_head(model.module, len(classes))), classes=tuple(classes), temperature=1.0)


def check_can_learn(model: VisionModel) -> None:
    """Raises SidelightError `model.cannot_learn`; the model stays as it is."""
    new_head(without_memory(model.module), 2)


def new_head(module: nn.Module, classes: int) -> nn.Module:
    """The module with an untrained linear head for so many classes. Raises SidelightError `model.cannot_learn`."""
    found = _new_timm_head(module, classes) if hasattr(module, "reset_classifier") else _new_head(module, classes)
    found = freeze_batch_norm_2d(found)
    if not isinstance(head_of(found), nn.Linear) or any(isinstance(part, _BatchNorm) for part in found.modules()):
        raise _refused(module)
    return found


def head_of(module: nn.Module) -> nn.Module:
    """What turns a picture's vector into classes; of transformers' models the one linear layer beside the trunk."""
    model: Any = module
    if hasattr(model, "get_classifier"):
        return model.get_classifier()
    heads = _linear_heads(module)
    return module.get_submodule(heads[0]) if len(heads) == 1 else nn.Identity()


def head_name(module: nn.Module) -> str:
    """Its name among the module's parts."""
    head = head_of(module)
    return next(name for name, part in module.named_modules() if part is head)


def answers(module: nn.Module, pixels: Tensor) -> Tensor:
    """(B, 3, H, W), normalised -> (B, classes), of a classifier of either library, also one that peft or torch has
    wrapped to train it."""
    model: Any = module.module if isinstance(module, DistributedDataParallel) else module
    model = model.get_base_model() if isinstance(model, PeftModel) else model
    any_side = "interpolate_pos_encoding" in inspect.signature(model.forward).parameters
    found = module(pixels, **({"interpolate_pos_encoding": True} if any_side else {}))
    return getattr(found, "logits", found)


def without_memory(module: Module) -> Module:
    """A copy whose tensors have shapes and no numbers (PyTorch's `meta`)."""
    known: dict[int, Any] = {id(buffer): buffer.to("meta") for buffer in module.buffers()}
    for parameter in module.parameters():
        known[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    return copy.deepcopy(module, known)


def add_registers(module: nn.Module, count: int) -> nn.Parameter:
    """Learnt tokens between CLS and the patches, as timm's own register tokens, and the parameter (1, count, D).

    CLS takes its position embedding with it, so that with no register added the model computes what it did before.
    Raises ValueError for a model that has such tokens already, or no place for them.
    """
    model: Any = module
    if not hasattr(model, "reg_token") or not hasattr(model, "no_embed_class"):
        raise ValueError("the model has no place for tokens besides CLS")
    if model.num_prefix_tokens > 1:
        raise ValueError("the model already has tokens besides CLS before its patches")
    with torch.no_grad():
        if not model.no_embed_class and model.pos_embed is not None:
            prefix = model.num_prefix_tokens
            if prefix:
                model.cls_token.add_(model.pos_embed[:, :1])
            model.pos_embed = nn.Parameter(model.pos_embed[:, prefix:].clone(), requires_grad=False)
            model.no_embed_class = True
    width = model.num_features
    model.reg_token = nn.Parameter(torch.randn(1, count, width, device=next(module.parameters()).device) * 0.02)
    model.num_reg_tokens = count
    model.num_prefix_tokens += count
    for block in model.blocks:
        if hasattr(block.attn, "num_prefix_tokens"):
            block.attn.num_prefix_tokens += count
    return model.reg_token


def save_whole(model: VisionModel, side: int, folder: Path) -> str:
    """Write a model that learnt as its own library opens it, in float16, with the side in px of its pictures, the names
    of its classes and its temperature; the library's name. The model is changed by that."""
    module: Any = model.module.half()
    if isinstance(module, PreTrainedModel):
        module.config.id2label = dict(enumerate(model.classes))
        module.config.label2id = {name: number for number, name in enumerate(model.classes)}
        module.config.logit_temperature = model.temperature  # "temperature" is a setting of generation
        module.save_pretrained(folder)
        size = {"height": side, "width": side}
        ViTImageProcessor(size=size, image_mean=list(model.mean), image_std=list(model.std)).save_pretrained(folder)
        return "transformers"
    count = getattr(module, "num_reg_tokens", 0)  # those that `add_registers` made are no argument yet
    added = {"reg_tokens": count, "no_embed_class": module.no_embed_class} if count else {}
    told = {"label_names": model.classes, "temperature": model.temperature}
    data = {"input_size": (3, side, side), "crop_pct": 1.0}
    save_for_hf(module, str(folder), told, added, safe_serialization=True, data_config=data)
    return "timm"


def _refused(module: nn.Module) -> SidelightError:
    return SidelightError("model.cannot_learn", name=type(module).__name__)


def _new_timm_head(module: nn.Module, classes: int) -> nn.Module:
    """BEiT, EVA and Swin v2 hand the weight of query, key and value past the layer that holds it, so that nothing that
    is put beside that layer would be seen; they have a way that calls it, with the same numbers."""
    model: Any = module
    device = next(module.parameters()).device
    model.reset_classifier(classes)
    for part in module.modules():
        if hasattr(part, "qkv_bias_separate"):
            cast(Any, part).qkv_bias_separate = True
    return module.to(device)


def _new_head(module: nn.Module, classes: int) -> nn.Module:
    if not isinstance(module, PreTrainedModel):
        raise _refused(module)
    heads = _linear_heads(module)
    found = module if len(heads) == 1 else _around(cast(PreTrainedModel, module.base_model), classes)
    found.config.num_labels = classes
    old = found.get_submodule((heads if found is module else _linear_heads(found))[0])
    head = nn.Linear(cast(nn.Linear, old).in_features, classes, device=module.device)
    setattr(found, next(name for name, part in found.named_children() if part is old), head)
    return found


def _linear_heads(module: nn.Module) -> list[str]:
    count = getattr(getattr(module, "config", None), "num_labels", None)
    if "ForImageClassification" not in type(module).__name__:
        return []
    children = module.named_children()
    return [name for name, part in children if isinstance(part, nn.Linear) and part.out_features == count]


def _around(trunk: PreTrainedModel, classes: int) -> PreTrainedModel:
    """transformers' classifier around a trunk: a backbone alone, the eyes of CLIP, a model with two heads. Parts that
    the classifier has and the trunk does not are as new; what no classifier of the kind has is taken away."""
    config = _classifier_config(trunk)
    kind: Any = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING[type(config)]
    config.num_labels = classes
    with MAKING, torch.device("meta"):
        found: PreTrainedModel = (kind[0] if isinstance(kind, tuple) else kind)(config)
    for name, part in list(found.named_children()):
        if type(part) is not type(trunk):
            part.to_empty(device=trunk.device)
            for one in part.modules():
                if hasattr(one, "reset_parameters"):
                    cast(Any, one).reset_parameters()
            continue
        known, wanted = dict(trunk.named_children()), dict(part.named_children())
        if wanted.keys() - known.keys():
            raise _refused(trunk)
        for more in known.keys() - wanted.keys():
            setattr(trunk, more, None)
        setattr(found, name, trunk)
    if trunk not in found.children() or len(_linear_heads(found)) != 1:
        raise _refused(trunk)
    return found.eval()


def _classifier_config(trunk: PreTrainedModel) -> PreTrainedConfig:
    """CLIP's and SigLIP's classifiers are of the whole model's configuration. Raises SidelightError
    `model.cannot_learn`."""
    config: Any = copy.deepcopy(trunk.config)
    whole = config.model_type.removesuffix("_vision_model")
    if whole != config.model_type and whole in CONFIG_MAPPING:
        wider: Any = CONFIG_MAPPING[whole]
        config = wider(vision_config=config.to_dict())
    if type(config) not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        raise _refused(trunk)
    return config
