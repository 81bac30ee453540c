"""The files of a model that was sent, all but its weights, written anew from the base that is on this machine."""

from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file

from core.errors import SidelightError
from core.finetune import methods
from core.finetune.job import write_json
from core.finetune.sent import Sent, shapes_of
from core.finetune.sides import side
from core.tasks import TASKS

Shapes = dict[str, tuple[int, ...]]
PEFT = "base_model.model."  # what peft puts before a module's names


def write_model(sent: Sent, folder: Path) -> None:
    """What loads as a model. Raises SidelightError `model.not_its_base` where a tensor's name or shape is not what this
    method makes of this base."""
    if side(sent.job.task).ships_whole(sent.job.method):
        model: Any = TASKS[sent.job.task].load(sent.card.base)
        copies = {name: value.clone() for name, value in model.module.state_dict().items()}  # as a result is written
        model.module.save_pretrained(folder, state_dict=copies)
        model.tokenizer.save_pretrained(folder)
        expected = shapes_of(load_file(folder / "model.safetensors"))
    else:
        expected = _write_settings(sent, folder)
    if shapes_of(sent.tensors) != expected:
        raise SidelightError("model.not_its_base", name=sent.card.title)
    if sent.classes:
        write_json(folder / "classes.json", sent.classes.model_dump())
    (folder / sent.file).write_bytes(sent.weights)


def _write_settings(sent: Sent, folder: Path) -> Shapes:
    """`adapter_config.json` where peft needs one; the shapes that the weights must have."""
    job = sent.job
    module = TASKS[job.task].load(sent.card.base).module
    module = side(job.task).prepare(module, len(sent.classes.classes) if sent.classes else 0)
    try:
        adapted = methods.adapt(module, job.task, job.method, steps=100, rank=job.rank)
    except (ValueError, AttributeError) as error:  # ours and peft's word for a model without such layers
        raise SidelightError("model.not_its_base", name=sent.card.title) from error
    if not isinstance(adapted, PeftModel):
        return _named(sent, "model.safetensors", shapes_of(methods.changed(adapted)))
    config: Any = adapted.peft_config["default"]
    expected = shapes_of(get_peft_model_state_dict(adapted))
    if job.method == "adalora":
        ranks = _ranks(sent, expected)
        config.rank_pattern = {  # which of the ranks that it began with are kept
            name.removeprefix(PEFT): [i < rank for i in range(expected[name][0])] for name, rank in ranks.items()
        }
        expected = {name: _with_rank(name, shape, ranks) for name, shape in expected.items()}
    config.inference_mode = True
    config.save_pretrained(str(folder))
    return _named(sent, "adapter_model.safetensors", expected)


def _named(sent: Sent, file: str, expected: Shapes) -> Shapes:
    """Raises SidelightError `model.not_its_base` where the weights came under another name."""
    if sent.file != file:
        raise SidelightError("model.not_its_base", name=sent.card.title)
    return expected


def _ranks(sent: Sent, expected: Shapes) -> dict[str, int]:
    """Name of each layer's singular values -> the rank that AdaLoRA left it, none above what it began with."""
    found = {}
    for name, (most, _) in ((name, shape) for name, shape in expected.items() if "lora_E" in name):
        value = sent.tensors.get(name)
        if value is None or value.ndim != 2 or len(value) > most:
            raise SidelightError("model.not_its_base", name=sent.card.title)
        found[name] = len(value)
    return found


def _with_rank(name: str, shape: tuple[int, ...], ranks: dict[str, int]) -> tuple[int, ...]:
    for part in ("lora_A", "lora_B", "lora_E"):
        if part in name:
            rank = ranks[name.replace(part, "lora_E")]
            return (shape[0], rank) if part == "lora_B" else (rank, shape[1])
    return shape
