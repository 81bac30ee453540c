"""Ways to fine-tune, the same names for both models: what each trains, how much that is, where it comes from.

`adapt` prepares a module of its own (never one that a page shares); what then requires a gradient is what is learnt.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig, PeftConfig, PeftModel, get_peft_model
from peft.tuners.adalora import AdaLoraModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.errors import SidelightError
from core.finetune import targets
from core.models import text_heads
from core.models.catalogue import TaskName
from core.models.prompts import add_prompts
from core.models.vision.heads import add_registers, head_name, head_of

PROMPTS = 8  # learnt positions of prompt tuning


@dataclass(frozen=True)
class Method:
    """rate, epochs: default peak learning rate and length of each task. paper: who to cite."""

    key: str
    rate: dict[TaskName, float]
    epochs: dict[TaskName, int]
    paper: str = ""
    link: str = ""


def _by_task(vision: float, translation: float, classify: float, captioning: float) -> dict[TaskName, Any]:
    return {"vision": vision, "translation": translation, "classify": classify, "captioning": captioning}


METHODS = {
    method.key: method
    for method in (
        Method("full", _by_task(5e-5, 3e-4, 1e-4, 2e-4), _by_task(4, 6, 4, 4)),
        Method("head", _by_task(1e-2, 5e-4, 1e-2, 5e-4), _by_task(20, 6, 20, 4)),
        Method(
            "lora",
            _by_task(3e-4, 2e-3, 1e-3, 2e-3),
            _by_task(4, 8, 4, 4),
            "Hu et al. 2021",
            "https://arxiv.org/abs/2106.09685",
        ),
        Method(
            "adalora",
            _by_task(2e-3, 5e-3, 5e-3, 5e-3),
            _by_task(4, 8, 4, 4),
            "Zhang et al. 2023",
            "https://arxiv.org/abs/2303.10512",
        ),
        Method("prompt", _by_task(2e-3, 3e-2, 1e-2, 1e-2), _by_task(4, 10, 6, 6)),
        Method(
            "ia3",
            _by_task(3e-3, 1e-2, 1e-2, 1e-2),
            _by_task(4, 8, 6, 4),
            "Liu et al. 2022",
            "https://arxiv.org/abs/2205.05638",
        ),
    )
}
PROMPT_PAPERS = {
    "vision": ("Jia et al. 2022 (visual prompt tuning, shallow)", "https://arxiv.org/abs/2203.12119"),
    "translation": ("Lester et al. 2021", "https://arxiv.org/abs/2104.08691"),
    "classify": ("Lester et al. 2021", "https://arxiv.org/abs/2104.08691"),
    "captioning": ("Lester et al. 2021", "https://arxiv.org/abs/2104.08691"),
}


def paper(method: str, task: TaskName) -> tuple[str, str]:
    """(who, link); empty for what needs no paper."""
    return PROMPT_PAPERS[task] if method == "prompt" else (METHODS[method].paper, METHODS[method].link)


def _head(module: Any) -> None:
    head_of(module).requires_grad_(True)


def _decoder(module: Any) -> None:
    """Its layers; not its tables of pieces and places, which the encoder may read too, nor what writes the pieces."""
    tables = [part for part in module.modules() if isinstance(part, nn.Embedding)]
    shared = {id(p) for part in (*tables, module.get_output_embeddings()) if part for p in part.parameters()}
    for parameter in module.get_decoder().parameters():
        parameter.requires_grad_(id(parameter) not in shared)


def _registers(module: Any) -> None:
    add_registers(module, PROMPTS)
    _head(module)


def _text_head(module: Any) -> None:
    text_heads.head_of(module).requires_grad_(True)


def _none(module: Any) -> None:
    raise ValueError("a place for learnt positions is known of translators and of timm's models alone")


# By task the methods that need no peft, each with what makes its part learn in a frozen module; what peft is told.
OWN: dict[TaskName, dict[str, Callable[[Any], object]]] = {
    "vision": {"head": _head, "prompt": _registers},
    "translation": {"head": _decoder, "prompt": lambda module: add_prompts(module, PROMPTS)},
    "classify": {"head": _text_head, "prompt": _none},
    "captioning": {"head": _decoder, "prompt": _none},
}
PEFT: dict[TaskName, Callable[[nn.Module], dict[str, Any]]] = {
    "vision": lambda module: {"modules_to_save": [head_name(module)]},
    "translation": lambda module: {"task_type": "SEQ_2_SEQ_LM"},
    "classify": lambda module: {"modules_to_save": text_heads.head_parts(module)},
    "captioning": lambda module: {},
}


def adapt(module: nn.Module, task: TaskName, method: str, steps: int, rank: int = 8) -> nn.Module:
    """The module to train, with everything frozen that `method` leaves alone. It works in place.

    vision: a classifier of timm or transformers with its new head, which every method trains. translation: a
    transformers encoder-decoder. classify: a transformers classifier of texts with its new head. captioning: an
    encoder of pictures and a decoder that reads it. steps: of the whole
    run (AdaLoRA plans its ranks over them). Raises KeyError for an unknown method, SidelightError `training.method` for
    a model that lacks what it changes.
    """
    try:
        return _adapted(module, task, method, steps, rank)
    except (ValueError, AttributeError) as error:  # ours and peft's word for it
        raise SidelightError("training.method", method=method, name=type(module).__name__) from error


def _adapted(module: nn.Module, task: TaskName, method: str, steps: int, rank: int) -> nn.Module:
    if method == "full":
        return module
    module.requires_grad_(False)
    if method in OWN[task]:
        OWN[task][method](module)
        return module
    config = CONFIGS[method](module, PEFT[task](module), steps, rank)
    return get_peft_model(cast(PreTrainedModel, module), config)  # peft takes any module


def _lora(module: nn.Module, told: dict[str, Any], steps: int, rank: int) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets.linear(module, rank), **told)


def _adalora(module: nn.Module, told: dict[str, Any], steps: int, rank: int) -> AdaLoraConfig:
    """Two steps at least: importance is measured in one before ranks are given up in another. One rank to give up."""
    first = max(rank + 1, 3 * rank // 2)
    return AdaLoraConfig(
        init_r=first,
        target_r=rank,
        lora_alpha=2 * rank,
        target_modules=targets.linear(module, first),
        tinit=steps // 5,
        tfinal=2 * steps // 5,
        deltaT=max(1, steps // 20),
        total_step=max(2, steps),
        **told,
    )


def _ia3(module: nn.Module, told: dict[str, Any], steps: int, rank: int) -> IA3Config:
    """Where query, key and value are one layer, as timm's, it scales all three."""
    forward = targets.forward(module)
    both = f"{targets.keys(module)}|{forward}"
    return IA3Config(target_modules=both, feedforward_modules=forward, **told)


Told = dict[str, Any]
CONFIGS: dict[str, Callable[[nn.Module, Told, int, int], PeftConfig]] = {
    "lora": _lora,
    "adalora": _adalora,
    "ia3": _ia3,
}


@dataclass(frozen=True)
class Count:
    """Parameters: those that learn, and all."""

    trainable: int
    total: int

    @property
    def share(self) -> float:
        return self.trainable / max(1, self.total)


def count(module: nn.Module) -> Count:
    """Of a module as `adapt` left it, with what the method added; a head that peft keeps a copy of counts once, and the
    number of ranks that AdaLoRA writes down in each layer is no weight."""
    named = module.named_parameters()
    kept = [(name, p) for name, p in named if ".original_module." not in name and ".ranknum." not in name]
    return Count(sum(p.numel() for _, p in kept if p.requires_grad), sum(p.numel() for _, p in kept))


class RankAllocation:
    """AdaLoRA beside its gradient (Zhang et al. 2023): ranks move to where they matter (section 3.2), and P and Q stay
    orthogonal (equation 4). State: the running importance of each rank (equations 9 to 11)."""

    NAMES = ("ipt", "exp_avg_ipt", "exp_avg_unc")

    def __init__(self, module: PeftModel) -> None:
        self.adalora = cast(AdaLoraModel, module.base_model)
        config = cast(AdaLoraConfig, self.adalora.peft_config["default"])
        self.weight, self.config = config.orth_reg_weight, config
        self.factors = [p for name, p in module.named_parameters() if "lora_A" in name or "lora_B" in name]

    def penalty(self) -> Tensor:
        """gamma (|P^T P - I| + |Q Q^T - I|), mean over the factors."""
        found = []
        for factor in self.factors:
            product = factor @ factor.T if factor.shape[0] < factor.shape[1] else factor.T @ factor
            found.append((product - torch.eye(len(product), device=product.device)).norm())
        return self.weight * torch.stack(found).mean()

    def after_update(self, step: int) -> None:
        self.adalora.update_and_allocate(step)

    def state_dict(self) -> dict[str, Any]:
        allocator = self.adalora.rankallocator
        return {"pattern": self.config.rank_pattern} | {name: getattr(allocator, name) for name in self.NAMES}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.config.rank_pattern = state["pattern"]
        device = self.factors[0].device  # a checkpoint is read into the memory of the CPU
        for name in self.NAMES:
            setattr(self.adalora.rankallocator, name, {key: value.to(device) for key, value in state[name].items()})


def companion(module: nn.Module) -> RankAllocation | None:
    """What a training loop does for this module beside the gradient."""
    if isinstance(module, PeftModel) and isinstance(module.base_model, AdaLoraModel):
        return RankAllocation(module)
    return None


def changed(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that learn, by name: what a result without peft is made of."""
    return {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}


def lora_on_blocks(module: nn.Module, rank: int, first_block: int, layers: int, **more: Any) -> PeftModel:
    """LoRA on every linear layer of timm's blocks from `first_block` on. more: what else peft is told."""
    blocks = "|".join(str(block) for block in range(first_block, layers))
    target = rf"blocks\.({blocks})\.(attn\.(qkv|proj)|mlp\.(fc1|fc2))"
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=target, **more)
    return cast(PeftModel, get_peft_model(cast(Any, module), config))


def save_adapter(module: PeftModel, folder: Path, base: str | None = None, half: bool = False) -> None:
    """Peft's files, without its empty card. base: its name, in place of where it was loaded from here; it is written
    last, since peft asks the hub about a name. half: in float16."""
    module.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)
    weights, settings = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    if half:
        save_file({name: value.half() for name, value in load_file(weights).items()}, weights)
    if base:
        found = json.loads(settings.read_text("utf-8")) | {"base_model_name_or_path": base}
        settings.write_text(json.dumps(found, indent=2), "utf-8")
