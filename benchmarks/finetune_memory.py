"""`python -m benchmarks.finetune_memory`: what the first steps of a job said it would take, and what it took.

Six bases, of both libraries and tasks: the bundled two, and four of the hub's kinds with random weights, which take the
memory that others take. The run goes on for `--steps` steps, with its evaluations and checkpoints.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import (
    DeiTConfig,
    DeiTForImageClassification,
    Dinov2Config,
    Dinov2ForImageClassification,
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from core.finetune import data as sets
from core.finetune import memory
from core.finetune.job import Job, default_job, new_run
from core.finetune.log import read_log
from core.models.catalogue import default

SMALL = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536}
TINY = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
KINDS = {
    "vit-small-16": lambda: ViTForImageClassification(ViTConfig(**SMALL)),
    "deit-tiny-16": lambda: DeiTForImageClassification(DeiTConfig(**TINY)),
    "dinov2-small-14": lambda: Dinov2ForImageClassification(Dinov2Config(**SMALL | {"image_size": 224})),
    "swin-tiny": lambda: SwinForImageClassification(SwinConfig()),
}


def lay(cache: Path, name: str) -> None:
    """A model with random weights in the hub's cache, as its client leaves it."""
    place = cache / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(0)
    for part in (KINDS[name.removeprefix("random/")](), ViTImageProcessor()):
        part.save_pretrained(place / "snapshots" / ("0" * 40))


def run(job: Job, found: sets.PictureData | sets.PairData, root: Path) -> float:
    """MB that the whole run held at most, by the command."""
    folder = new_run(root, job)
    sets.save(found, folder / "data")
    subprocess.run([sys.executable, "-m", "core.finetune", "--task", job.task, "--run", str(folder)], check=True)
    return max(event.memory for event in read_log(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", nargs="+", help="some of the bases")
    given = parser.parse_args()
    print("| base | method, batch | estimate, MB | run, MB | off |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        os.environ |= {"HF_HUB_CACHE": str(root / "hub"), "HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled"}
        bases = [("vision", default("vision").key, "full"), ("translation", default("translation").key, "lora")]
        bases += [("vision", f"random/{name}", "lora") for name in KINDS]
        for task, base, method in bases:
            if given.only and not any(one in base for one in given.only):
                continue
            if base.startswith("random/"):
                lay(root / "hub", base)
            batch = 16
            found: sets.PictureData | sets.PairData
            if task == "vision":
                found = sets.bundled_pictures(["cat", "ship", "dog"], 60)
            else:
                found = sets.bundled_pairs("recipes", "de", 200)
            epochs = -(-given.steps * batch // len(found.train))
            job = default_job(task, method, base=base, batch=batch, epochs=epochs, side=112)  # type: ignore[arg-type]
            guess = memory.measure(job, found)
            true = run(job, found, root / "runs")
            print(f"| {base} | {method}, {batch} | {guess:,.0f} | {true:,.0f} | {guess / true - 1:+.0%} |", flush=True)


if __name__ == "__main__":
    main()
