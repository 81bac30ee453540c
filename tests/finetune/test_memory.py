"""The first steps of a job tell what its process holds, however large the process is that asks; what fails is said."""

from dataclasses import replace

import pytest
import torch

from core.errors import SidelightError
from core.finetune import data, memory
from core.finetune.job import default_job
from core.models.catalogue import default


def test_the_first_steps_tell_what_their_process_holds() -> None:
    found = data.bundled_pictures(["cat", "ship"], 16)
    job = default_job("vision", "lora", epochs=4, batch=4, side=28)
    ballast = torch.ones(650_000_000)  # 2.6 GB, which a child's getrusage would count as its own
    told: list[tuple[int, int]] = []
    guess = memory.measure(job, found, lambda done, steps: told.append((done, steps)))
    assert 300 < guess < 2_600 < memory.peak_mb() and ballast[0] == 1
    assert told[0] == (0, memory.STEPS) and told[-1][0] == memory.STEPS
    with pytest.raises(SidelightError) as error:
        memory.measure(replace(job, base=default("translation").key), found)
    assert error.value.code == "model.unsupported"
