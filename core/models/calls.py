"""A tape that stands where transformers makes its attention calls, so that the rest of a pass runs as if nobody looked.

transformers takes the function for fused attention from one registry (`AttentionInterface`). The one that stands there
once this module is imported lets the tape of its thread, if there is one, see that call alone. A tape around a whole
pass sees every call of PyTorch, which a small model feels.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import local
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from core.attention.tape import Tape

_here = local()


@contextmanager
def recorded(values: bool = False) -> Iterator[Tape]:
    """As `Tape.record`, for models that ask the registry. Calls that a model makes by itself are not seen."""
    _here.tape = Tape.record(values)
    try:
        yield _here.tape
    finally:
        _here.tape = None


def _attend(module: nn.Module, *args: Any, **options: Any) -> tuple[Tensor, None]:
    with getattr(_here, "tape", None) or nullcontext():
        return sdpa_attention_forward(module, *args, **options)


AttentionInterface.register("sdpa", _attend)
