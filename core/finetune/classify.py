"""Teach the bundled backbone to name things: python -m core.finetune.classify --data FILE --run FOLDER --export FOLDER

A LoRA adapter on the later blocks and a linear head on CLS. What is exported: the adapter (peft's files, float16) and
`classes.json` with the names, the temperature that calibrates their probabilities and how good they are. A run that was
killed goes on with the same command.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from core.finetune import methods
from core.finetune.calibration import calibration_error, fit_temperature
from core.finetune.class_task import ClassTask, class_logits
from core.finetune.loop import Run, Settings
from core.finetune.pictures import Pictures, read_pictures
from core.models import catalogue, vision
from core.models.loading import precisions
from core.models.vision.heads import new_head

HELD_OUT, CALIBRATION = 2000, 500  # pictures; the temperature is fitted on the latter, a part of the former


def calibration_split(held_out: Pictures, seed: int) -> tuple[Pictures, Pictures]:
    """(the part that the temperature is fitted on, the part that the quality is measured on)."""
    order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(seed))
    return held_out.part(order[:CALIBRATION]), held_out.part(order[CALIBRATION:])


def with_adapter(module: nn.Module, rank: int, first_block: int, layers: int) -> PeftModel:
    """LoRA on every linear layer of the blocks from `first_block` on; the head is trained whole."""
    return methods.lora_on_blocks(module, rank, first_block, layers, lora_dropout=0.05, modules_to_save=["head"])


def export(task: ClassTask, module: Any, folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Write the adapter and `classes.json`; return what is in the latter."""
    half = {name: value.half() for name, value in module.state_dict().items()}
    module.load_state_dict(half)  # what is measured is what is shipped
    module.eval()
    first, rest = calibration_split(task.held_out, task.seed)
    with torch.inference_mode():
        first_logits, logits = (class_logits(module, part, task.mean, task.std) for part in (first, rest))
    temperature = fit_temperature(first_logits, first.labels)
    right = logits.argmax(-1) == rest.labels
    measured = {
        "accuracy": float(right.float().mean()),
        "calibration_error": calibration_error((logits / temperature).softmax(-1), rest.labels),
        "pictures": len(rest),
        "by_class": {name: float(right[rest.labels == i].float().mean()) for i, name in enumerate(rest.classes)},
    }
    methods.save_adapter(module, folder, half=True)
    found = {"classes": rest.classes, "temperature": temperature, "held_out": measured, **record}
    (folder / "classes.json").write_text(json.dumps(found, indent=2) + "\n")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    pictures = read_pictures(options.data)
    train, held_out = pictures.split(HELD_OUT, options.seed)
    base = vision.load_vision(catalogue.default("vision").key)
    torch.manual_seed(options.seed)
    new_head(base.module, len(pictures.classes))
    module = with_adapter(base.module, options.rank, options.first_block, len(base.layers))
    task = ClassTask(module, train, held_out, base.mean, base.std, options.seed, options.batch)
    steps = options.epochs * len(task.batches(0))
    settings = Settings.of(options, steps=steps, warmup=steps // 20, weight_decay=0.05, average=0.995)
    run = Run(task, settings, options.run)
    run.print_progress(every=20)
    if run.accelerator.is_main_process:
        record = {"settings": asdict(settings), "data": {"sha256": pictures.digest, "training_pictures": len(train)}}
        print(json.dumps(export(task, run.learnt, options.export, record), indent=2))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder or .tar.gz of class folders")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints and log")
    parser.add_argument("--export", type=Path, required=True, help="where the finished adapter goes")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--first-block", type=int, default=4)
    parser.add_argument("--every", type=int, default=102, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default=precisions()[0])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
