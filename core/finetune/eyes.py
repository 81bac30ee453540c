"""Teach the captioner to see: python -m core.finetune.eyes --data FILE --run FOLDER --export FOLDER

What each patch shows: a LoRA adapter on the later blocks of the bundled classifier, from scenes that are drawn anew for
each step, with a linear head on each patch that is thrown away. What is exported: the adapter (peft's files, float16)
and `eyes.json`. A run that was killed goes on with the same command; --start takes up what a captioner already sees
with. `core.finetune.caption` looks with what it leaves.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel

from core.finetune import methods
from core.finetune.loop import Run, Settings
from core.finetune.pictures import read_pictures
from core.finetune.scene_parts import VALIDATION, parts
from core.finetune.thing_task import Things, ThingTask
from core.models import eyes, vision
from core.models.eyes import SEES_WITH
from core.models.loading import precisions
from core.scenes import Layout, Part, draw_layout

FIRST = 10**7  # where the seeds of these scenes begin


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    pictures = read_pictures(options.data)
    train, held_out = parts(pictures)
    model = vision.load_vision(SEES_WITH)
    torch.manual_seed(options.seed)
    module = methods.lora_on_blocks(model.module, options.rank, options.first_block, len(model.layers))
    judged = [draw_layout(held_out, VALIDATION + number, held_out=None) for number in range(options.held_out)]
    draw = partial(_drawn, train, FIRST + options.seed * 10**6)
    if options.start:
        eyes.set_adapter(module, eyes.adapter(options.start), options.start.name)
    task = ThingTask(model, Things(model, module), draw, options.scenes, judged, pictures, options.batch)
    steps = options.scenes // options.batch
    settings = Settings.of(options, steps=steps, warmup=steps // 20, weight_decay=0.05, average=0.99)
    run = Run(task, settings, options.run)
    run.print_progress(every=10)
    if run.accelerator.is_main_process:
        learnt = cast(Things, run.learnt)
        methods.save_adapter(cast(PeftModel, learnt.module), options.export, half=True)
        record = {"settings": asdict(settings), "data": {"sha256": pictures.digest, "scenes": options.scenes}}
        (options.export / "eyes.json").write_text(json.dumps(record, indent=2) + "\n")


def _drawn(part: Part, first: int, number: int) -> Layout:
    return draw_layout(part, first + number)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder or .tar.gz of class folders: CIFAR-10")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints and log")
    parser.add_argument("--export", type=Path, required=True, help="where the adapter goes")
    parser.add_argument("--start", type=Path, help="folder of a captioner whose eyes go on learning")
    parser.add_argument("--scenes", type=int, default=12000)
    parser.add_argument("--held-out", type=int, default=96, help="scenes that validate")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--first-block", type=int, default=6)
    parser.add_argument("--every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default=precisions()[0])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
