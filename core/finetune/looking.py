"""To look at a model while it learns must change nothing: not how the run goes on, and not what it draws next."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def drawing_apart() -> Iterator[None]:
    """After the `with` block the generators of Python, NumPy and PyTorch (CPU and every CUDA device) stand where they
    stood before it."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def looking(module: nn.Module) -> Iterator[None]:
    """Eval mode inside the `with` block, and `drawing_apart`. After it each part is in the mode that it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with drawing_apart():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode
