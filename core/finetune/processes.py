"""How several processes learn together: each holds the whole model and takes its share of every batch
(DistributedDataParallel). docs/processes.md has the commands."""

import os

from core.errors import SidelightError

SHARDED = {"ACCELERATE_USE_FSDP": "FSDP", "ACCELERATE_USE_DEEPSPEED": "DeepSpeed"}  # as `accelerate launch` says it


def check_whole() -> None:
    """Raises SidelightError `training.sharded` where weights or optimiser are to be shared out: what is measured while
    a run goes on, and its result, are read from the whole model of the first process."""
    for variable, name in SHARDED.items():
        if os.environ.get(variable, "").lower() == "true":
            raise SidelightError("training.sharded", name=name)
