"""Where the curves of a run go besides its log: TensorBoard's files always, and Weights & Biases where its package is
installed and it is wanted: with a key, after `wandb login`, or with WANDB_MODE=offline."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate.tracking import WandBTracker
from accelerate.utils import is_wandb_available

from core.finetune.job import Job

PATIENCE = 20  # s for the server to answer, at the start and at the end


class Curves(WandBTracker):
    """A run of the project WANDB_PROJECT, else "sidelight", named as its folder, with the job and the data's hash as
    its configuration. It is written into the run's folder. A run that is gone on with goes on there too. Where the
    server does not answer, it is kept offline, to be sent by `wandb sync`."""

    def __init__(self, folder: Path, job: Job, data: str) -> None:
        import wandb

        super().__init__(
            os.environ.get("WANDB_PROJECT", "sidelight"),
            id=folder.name,
            name=f"{job.method} {job.base} {job.title} {folder.name}",
            group=data[:16],  # runs on the same data
            tags=[job.task, job.method],
            config={name: value for name, value in asdict(job).items() if name != "owner"} | {"data": data},
            dir=str(folder),
            resume="allow",
            settings=wandb.Settings(init_timeout=PATIENCE, finish_timeout=PATIENCE, finish_timeout_raises=False),
        )

    def start(self) -> None:
        import wandb

        try:
            super().start()
        except wandb.Error as error:  # no network, or a key that is not valid
            first = str(error).split("\n")[0]
            print(f"Weights & Biases did not answer and is written offline: {first}", file=sys.stderr, flush=True)
            wandb.teardown()  # its process still holds the run
            self.init_kwargs |= {"mode": "offline"}
            super().start()


def trackers(folder: Path, job: Job, data: str) -> list[Any]:
    """What `loop.Run` tells each event. data: its hash."""
    return ["tensorboard", *([Curves(folder, job, data)] if _wants_wandb() else [])]


def _wants_wandb() -> bool:
    mode = os.environ.get("WANDB_MODE", "online")
    if mode not in ("online", "offline") or not is_wandb_available():
        return False
    if mode == "offline" or os.environ.get("WANDB_API_KEY"):
        return True
    import wandb

    return wandb.login(prompt=False, verify=False)  # whether somebody is logged in
